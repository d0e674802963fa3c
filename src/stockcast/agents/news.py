"""Headlines as untrusted data: cleaned, cut, dated, and kept apart when they give orders.

Whoever writes a headline writes into the report. So an item is plain text without markup or control
characters, none is newer than the forecast, and one that reads like an instruction to the writer is
withheld: counted, and quoted to nobody.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockcast.agents.markup import without_markup, without_tags
from stockcast.agents.prompt_injection import gives_orders
from stockcast.errors import BadInput
from stockcast.storage.documents import read_json
from stockcast.storage.files import listed

if TYPE_CHECKING:
    from stockcast.settings import Settings

__all__ = ["News", "NewsItem", "clean", "fingerprint", "load", "read_news"]

#: Items that a report sees, newest first, and characters of each part.
MOST, TITLE, SUMMARY, PUBLISHER = 12, 160, 400, 60
#: Bytes of a news file that are read, and how many of its newest items are looked at.
LARGEST, LOOKED_AT = 5_000_000, 100

_MARKDOWN = re.compile(r"[`*_#|\[\]{}<>\\~]|\]\(|!\[")
_LINK = re.compile(r"(?:https?|ftp|javascript|data|file):\S*|www\.\S+", re.IGNORECASE)


@dataclass(frozen=True)
class NewsItem:
    """One headline; every field is clean text."""

    date: str
    title: str
    summary: str = ""
    publisher: str = ""


@dataclass(frozen=True)
class News:
    """The items, newest first; how many were withheld since they read like instructions; how many
    had no usable date or title; and why there is nothing, when the source is at fault."""

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
    found = _read(path)
    if isinstance(found, list):
        return read_news(found, as_of)
    return News(note=f"The news file of {ticker} could not be used: {found}.")


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


def read_news(document: list[Any], as_of: str) -> News:
    """Return the items of a news document that are dated no later than ``as_of``."""
    entries = [(_day(entry.get("date")), entry) for entry in document if isinstance(entry, Mapping)]
    # nobody could have known what is dated later
    dated = [(day, entry) for day, entry in entries if day is not None and day <= as_of]
    dated.sort(key=lambda each: each[0], reverse=True)
    items: dict[str, NewsItem] = {}
    withheld: set[str] = set()
    unusable = len(document) - len(entries) + sum(day is None for day, _ in entries)
    for day, entry in dated[:LOOKED_AT]:
        item = _item(day, entry)
        if not item.title:
            unusable += 1
        elif _gives_orders(entry, item):
            withheld.add(item.title)
        else:
            items.setdefault(item.title.casefold(), item)
    newest = sorted(items.values(), key=lambda item: (item.date, item.title), reverse=True)
    return News(tuple(newest[:MOST]), len(withheld), unusable)


def clean(text: object, limit: int) -> str:
    """Return ``text`` as plain words: no markup, control characters or links, cut at ``limit``."""
    found = unicodedata.normalize("NFKC", without_markup(_raw(text, limit)))[: 20 * limit]
    found = without_tags("".join(_shown(c) for c in found))
    found = " ".join(_MARKDOWN.sub(" ", _LINK.sub(" ", found)).split())
    if len(found) <= limit:
        return found
    return found[:limit].rsplit(" ", 1)[0].rstrip(" ,;:-") + "…"


def _read(path: Path) -> list[Any] | str:
    """Return the items in the file, or why there are none; none of its own words is told."""
    try:
        if path.stat().st_size > LARGEST:
            return "it is too large"
        found = read_json(path)
    except (BadInput, RecursionError):
        return "it is not JSON"
    except OSError:
        return "it cannot be read"
    return found if isinstance(found, list) else "it is no list of items"


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
        names = listed(folder)
    except OSError:
        return None
    wanted = f"{ticker}.json".casefold()
    return next((folder / name for name in names if name.casefold() == wanted), None)


def _item(day: str, entry: Mapping[str, Any]) -> NewsItem:
    return NewsItem(
        date=day,
        title=clean(entry.get("title"), TITLE),
        summary=clean(entry.get("summary"), SUMMARY),
        publisher=clean(entry.get("publisher"), PUBLISHER),
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


def _raw(text: object, limit: int) -> str:
    """Return as much of ``text`` as is looked at for a part of ``limit`` characters."""
    return str(text or "")[: 20 * limit]


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    return "" if category == "Cf" else " " if category[0] in "CZ" else character


def _gives_orders(entry: Mapping[str, Any], item: NewsItem) -> bool:
    """Look at what came and at what is left of it: markup may hide an order, or split one."""
    limits = {"title": TITLE, "summary": SUMMARY, "publisher": PUBLISHER}
    raw = " ".join(_raw(entry.get(key), limit) for key, limit in limits.items())
    shown = " ".join((item.title, item.summary, item.publisher))
    return any(map(gives_orders, (raw, without_markup(raw, ""), shown)))  # <b>ign</b>ore
