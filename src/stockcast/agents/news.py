"""Headlines as untrusted data: cleaned, cut, dated, and kept apart when they give orders.

Whoever writes a headline writes into the report. So an item is plain text without markup or control
characters, none is newer than the forecast, and one that reads like an instruction to the writer is
withheld: counted, and quoted to nobody.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import html
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockcast.errors import BadInput
from stockcast.files import read_json

if TYPE_CHECKING:
    from stockcast.settings import Settings

__all__ = ["News", "NewsItem", "clean", "fingerprint", "load", "orders", "read_news"]

#: Items that a report sees, newest first, and characters of each part.
MOST, TITLE, SUMMARY, PUBLISHER = 12, 160, 400, 60
#: Bytes of a news file that are read.
LARGEST = 5_000_000

_TAG = re.compile(r"<[^<>]{0,2000}>|<(?:script|style|iframe|img|svg)\b[^<>]*", re.IGNORECASE)
_BLOCK = re.compile(r"<(script|style)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_MARKDOWN = re.compile(r"[`*_#|\[\]{}<>\\~]|\]\(|!\[")
_LINK = re.compile(r"(?:https?|ftp|javascript|data|file):\S*|www\.\S+", re.IGNORECASE)
_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:previous|prior|above|earlier"
    r"|everything|instructions?|rules?|prompts?|facts?|guidelines?|the\s+(?:data|forecast))\b"
    r"|\b(?:system|developer)\s+(?:prompt|message|instructions?)\b"
    r"|\b(?:you\s+are\s+now|pretend\s+(?:to|that)|from\s+now\s+on|new\s+instructions?"
    r"|as\s+an?\s+(?:ai|language\s+model|assistant))\b"
    r"|\b(?:the|this|dear)\s+(?:assistant|model|writer|analyst|critic|ai|llm)\s+"
    r"(?:must|should|shall|has\s+to|will)\b"
    r"|(?:^|[.!?:;,\"'()\-]\s*|\b(?:and|then|please|must|should|instead|always|only|just|now)\s+)"
    r"(?:say|write|output|print|respond|reply|answer|repeat|state|set|mark|rate|report|recommend)\b"
    r".{0,30}\b(?:bullish|bearish|neutral|stance|confidence|verbatim|exactly|strong\s+buy)\b"
    r"|\b(?:assistant|system|user|human)\s*:"
    r"|<\|.*?\|>|\[/?inst\]|```|\bjailbreak\b|\bprompt\s+injection\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class NewsItem:
    """One headline; every field is clean text."""

    date: str
    title: str
    summary: str = ""
    publisher: str = ""


@dataclass(frozen=True)
class News:
    """What there is to know of the news.

    Attributes:
        items: newest first.
        withheld: items that read like instructions to the writer.
        unusable: items without a usable date or title.
        note: why there is nothing, when the source is at fault or there is none.
    """

    items: tuple[NewsItem, ...] = ()
    withheld: int = 0
    unusable: int = 0
    note: str = ""

    @property
    def digest(self) -> str:
        """Changes whenever a report would see other news."""
        content = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def load(settings: Settings, ticker: str, as_of: str) -> News:
    """Return the news of ``ticker`` up to ``as_of``; a source that is at fault gives a note."""
    if settings.source == "sample":
        return News(note=f"The source {settings.source} carries no news.")
    path = file_of(settings, ticker)
    if path is None:
        return News()
    document, fault = _read(path)
    if not fault and not isinstance(document, list):
        fault = "it is no list of items"
    if fault:
        return News(note=f"The news file of {ticker} could not be used: {fault}.")
    return read_news(document, as_of)


def fingerprint(settings: Settings, ticker: str) -> str:
    """Changes whenever the source would give other news, whatever the day.

    Headlines that are fetched come with the prices, by the ingest stage: what a report will see is
    not known before, and changes with them.
    """
    if settings.source == "yahoo":
        from stockcast import prices

        return prices.fingerprint(settings, ticker)
    found = load(settings, ticker, as_of="9999-12-31")
    return found.digest if found.items or found.withheld or found.note else "none"


def read_news(document: Any, as_of: str) -> News:
    """Return the items of a news document that are dated no later than ``as_of``.

    Raises:
        BadInput: it is no list.
    """
    if not isinstance(document, list):
        raise BadInput(f"Expected a list of news items, got: {type(document).__name__}.")
    items: dict[str, NewsItem] = {}
    withheld: set[str] = set()
    unusable = 0
    for entry in document:
        item = _item(entry)
        if item is None:
            unusable += 1
        elif item.date > as_of:
            continue  # nobody could have known
        elif _gives_orders(entry):
            withheld.add(item.title)
        else:
            items.setdefault(item.title.casefold(), item)
    newest = sorted(items.values(), key=lambda item: (item.date, item.title), reverse=True)
    return News(tuple(newest[:MOST]), len(withheld), unusable)


def clean(text: object, limit: int) -> str:
    """Return ``text`` as plain words: no markup, control characters or links, cut at ``limit``."""
    found = str(text)[: 20 * limit]
    for _ in range(3):  # markup may be escaped, and escaped again
        found = html.unescape(_TAG.sub(" ", _BLOCK.sub(" ", found)))
    found = unicodedata.normalize("NFKC", found)
    found = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in found)
    found = _MARKDOWN.sub(" ", _LINK.sub(" ", _TAG.sub(" ", found)))
    found = " ".join(found.split())
    if len(found) <= limit:
        return found
    return found[:limit].rsplit(" ", 1)[0].rstrip(" ,;:-") + "…"


def orders(text: str) -> bool:
    """Say whether ``text`` reads like an instruction to whoever writes the report."""
    return bool(_ORDERS.search(text))


def _read(path: Path) -> tuple[Any, str]:
    """Return what is in the file, and why nothing is; none of its own words is told."""
    try:
        if path.stat().st_size > LARGEST:
            return None, "it is too large"
        return read_json(path), ""
    except (BadInput, RecursionError):
        return None, "it is not JSON"
    except OSError:
        return None, "it cannot be read"


def file_of(settings: Settings, ticker: str) -> Path | None:
    """Return the file of the ticker's headlines, if the source has one."""
    if settings.source == "yahoo":
        from stockcast.prices.archive import news_of

        path = news_of(settings, ticker)
        return path if path.exists() else None
    return _find(settings.prices_dir / "news", ticker) if settings.prices_dir else None


def _find(folder: Path, ticker: str) -> Path | None:
    """Find the ticker's file by listing the folder: no path is made from a ticker."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return None
    wanted = f"{ticker}.json".casefold()
    return next((path for path in entries if path.name.casefold() == wanted), None)


def _item(entry: Any) -> NewsItem | None:
    if not isinstance(entry, Mapping):
        return None
    day, title = _day(entry.get("date")), clean(entry.get("title") or "", TITLE)
    if day is None or not title:
        return None
    return NewsItem(
        date=day,
        title=title,
        summary=clean(entry.get("summary") or "", SUMMARY),
        publisher=clean(entry.get("publisher") or "", PUBLISHER),
    )


def _day(value: Any) -> str | None:
    """Return the date of an instant as it is in UTC, or of a day as it is."""
    try:
        found = dt.datetime.fromisoformat(str(value).strip())
    except ValueError:
        return None
    try:
        return (found.astimezone(dt.UTC) if found.tzinfo else found).date().isoformat()
    except OverflowError:
        return None


def _gives_orders(entry: Mapping[str, Any]) -> bool:
    """Look at what came and at what is left of it: markup may hide an order, or split one."""
    raw = " ".join(str(entry.get(key) or "") for key in ("title", "summary", "publisher"))
    raw = raw[: 20 * SUMMARY]
    joined = _TAG.sub("", html.unescape(raw))  # <b>ign</b>ore
    return any(map(orders, (raw, joined, clean(raw, len(raw) + 1))))
