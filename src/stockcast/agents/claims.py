"""Finds in prose what can be true or false: figures, dates, tickers, companies, stances.

What is found is masked before the next kind is looked for, so that ``2013-03-01`` is one date and
not three figures. Text that is a fact word for word, such as a quoted headline, is one claim.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from stockcast.agents.names import ACRONYMS, COMPANIES, INDICES, PLAIN
from stockcast.markets import CURRENCIES, currency_code

__all__ = ["Claim", "Prose", "sentences", "without_references"]

MONTHS = "January February March April May June July August September October November December"
_MONTH = "|".join(f"{name}|{name[:3]}" for name in MONTHS.split()) + "|Sept"
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {word: value for value, word in enumerate(_SMALL.split())}
_WORDS |= {word: 10 * value for value, word in enumerate(_TENS.split(), start=2)}
_UNITS = {
    r"%|per\s?cent(?!ile)|percent(?!ile)": "%",
    r"percentage\s+points?|pp\b": "%",
    r"bps|bp\b|basis\s+points?": "bps",
    r"dollars?|US\s?dollars?": "USD",
    r"euros?": "EUR",
    r"pence": "GBp",
    r"cents?": "cents",
    "|".join(CURRENCIES): "",  # its own name
    r"points?": "points",
    r"(?:trading\s+)?(?:days?|sessions?)": "days",
    r"weeks?": "weeks",
    r"months?|quarters?": "months",
    r"years?": "years",
    r"(?:settled\s+|scored\s+|earlier\s+)?(?:forecasts?|outcomes?|origins?|headlines?|items?|stories"
    r"|articles?|observations?|samples?|rows?)": "count",
    r"x\b|times\b|-?fold\b": "times",
    r"(?:th|st|nd|rd)?[\s-]+percentile|th\b|st\b|nd\b|rd\b": "percentile",
}
_SYMBOLS = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
_SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "bn": 1e9, "b": 1e9}
_SCALES |= {"billion": 1e9, "trillion": 1e12, "tn": 1e12}

_UNIT = "|".join(f"(?:{pattern})" for pattern in _UNITS)
_NUMBER = re.compile(
    r"(?:(?<![\w.)%])(?P<sign>[-−+±])(?=[\d.$€£¥]))?"
    r"(?:(?P<symbol>US\$|[$€£¥]|(?<![A-Za-z])(?:USD|EUR|GBP)\s)(?P<late>[-−])?)?"
    r"(?<![\w.])(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:\s?(?P<scale>(?-i:k|m|mn|b|bn|tn)|thousand|million|billion|trillion)\b)?"
    rf"(?:[\s-]?(?P<unit>{_UNIT}))?(?![A-Za-z\d])",
    re.IGNORECASE,
)
_SPELT = re.compile(
    rf"\b(?P<word>(?:{_TENS.replace(' ', '|')})[\s-](?:{_SMALL.replace(' ', '|')})"
    rf"|{'|'.join(_WORDS)})[\s-](?P<unit>(?:trading\s+)?(?:days?|sessions?)|weeks?|months?"
    r"|quarters?|years?|per\s?cent|percent|points?|dollars?|forecasts|outcomes|headlines|items"
    r"|times)\b",
    re.IGNORECASE,
)
_MULTIPLE = re.compile(
    r"\b(?:doubl|tripl|quadrupl|halv)(?:e|es|ed|ing)\b|\b\w+fold\b|\b(?:a|one|two|three)"
    r"[\s-](?:half|thirds?|quarters?|fifths?) (?:of|higher|lower|more|less)\b"
    r"|\b(?:by|in|than) (?:(?:about|almost|nearly|roughly|over) )?(?:(?:a|one|two|three)[\s-])?"
    r"(?:half|thirds?|quarters?|fifths?)\b",
    re.IGNORECASE,
)
_DATES = (
    re.compile(r"\b(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})\b"),
    re.compile(r"\b(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})\b"),
    re.compile(
        rf"\b(?P<m>{_MONTH})\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(?P<y>\d{{4}}))?\b"
    ),
    re.compile(
        rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<m>{_MONTH})\b\.?"
        r"(?:,?\s+(?P<y>\d{4})\b)?"
    ),
    re.compile(rf"\b(?P<m>{_MONTH})\.?\s+(?P<y>\d{{4}})\b"),
)
_YEAR = re.compile(r"(?<![\w.,$€£-])(?P<y>(?:19|20)\d{2})(?![\w%]|[.,]\d|\s?(?:USD|EUR|points?|%))")
_REFERENCE = re.compile(r"\s*\[(?P<ids>[a-z][a-z0-9_]*(?:\s*[,;]\s*[a-z][a-z0-9_]*)*)\]")
_INDICATOR = re.compile(
    r"\bRSI[\s-]?\(?14\)?|\b14-day (?=RSI|relative)|\bMACD(?: line)?\s?\(12, ?26(?:, ?9)?\)"
    r"|GARCH\s?\(1(?:, ?1){1,2}\)"
)
_TICKER = re.compile(
    r"\$(?P<a>[A-Z]{1,5})\b|\b(?:NASDAQ|NYSE|AMEX|LSE)\s?:\s?(?P<b>[A-Z.]{1,6})\b"
    r"|(?P<c>\^[A-Z]{2,8})\b|\b(?P<d>[A-Z]{2,5}(?:[.-][A-Z]{1,2})?)(?![\w&])"
)
_FIRM = re.compile(
    r"\b(?!(?:The|This|That|Our|Its|Each|A)\s+\w+\b(?!\s+[A-Z]))"
    r"(?P<firm>(?:[A-Z][\w&'’.-]+\s+){1,4}(?:Inc|Corp|Corporation|Ltd|Limited|PLC|plc|AG|SE|NV|SA"
    r"|Co|Company|Group|Holdings|Partners|Capital|Bank|Technologies|Systems|Motors|Securities)\b)\.?"
)
_PROPER = re.compile(r"(?<![\w&'’])[a-z]{0,2}[A-Z][a-z]+(?:[A-Z][a-z]+)*(?:['’]s)?")
_OPENING = re.compile(r"(?P<mark>[\s\-•*\"“‘'(]*)(?:[A-Z][A-Za-z ]{0,30}:\s+)?")
_QUOTED = re.compile(r"“[^”\n]{12,}”|\"[^\"\n]{12,}\"")
_ADDRESS = re.compile(r"\b(?:https?://|www\.)\S+|\b[\w.]+@[\w.]+\.\w+", re.IGNORECASE)
_END = re.compile(
    r"(?<!\b[A-Z])(?<!\bvs)(?<!\bNo)(?<!\bInc)(?<!\bCorp)(?<!\bLtd)(?<!\bCo)(?<!\bapprox)"
    r"[.!?][\"”’')\]]*(?=\s+[\"“‘(\[]?[A-Z0-9$€£\[“-]|\s*$)|\n+"
)


@dataclass(frozen=True)
class Claim:
    """Something in the prose that a fact must bear out.

    Attributes:
        kind: number, date, ticker, name, quote, reference or address.
        text: as it is written.
        start: where it begins in the section.
        end: where it ends.
        sentence: begin and end of its sentence.
        value: of a number, with its sign; its size where there is no sign.
        decimals: digits behind the point.
        unit: of a number: a currency, ``%``, bps, points, days, …, or nothing.
        scale: what the digits were multiplied by.
        signed: whether a sign was written.
        day: of a date: year, month, day, None for what is not said.
        ids: of a reference; of a quote, the fact.
    """

    kind: str
    text: str
    start: int
    end: int
    sentence: tuple[int, int] = (0, 0)
    value: float = 0.0
    decimals: int = 0
    unit: str = ""
    scale: float = 1.0
    signed: bool = False
    day: tuple[int | None, int | None, int | None] = (None, None, None)
    ids: tuple[str, ...] = ()


def sentences(text: str) -> list[tuple[int, int]]:
    """Return begin and end of each sentence; a line break ends one."""
    found, start = [], 0
    for end in _END.finditer(text):
        if text[start : end.end()].strip():
            found.append((start, end.end()))
        start = end.end()
    if text[start:].strip():
        found.append((start, len(text)))
    return found


def without_references(text: str) -> str:
    """Return ``text`` without the ids in brackets."""
    return _REFERENCE.sub("", text)


class Prose:
    """One section's text, and the claims in it.

    Places are those of :attr:`text`, which is without the references; :meth:`place` says where
    that is in the text as it was written.
    """

    def __init__(self, written: str, quotes: Iterable[tuple[str, str]] = ()) -> None:
        """Take the text, and what may be quoted: the words and the id of the fact they are."""
        self.written = written
        self.text = without_references(written)
        self.spans = sentences(self.text)
        self._removed: list[tuple[int, int]] = []  # place in the text, characters removed there
        self._masked = self.text
        self.claims = sorted(self._find(quotes), key=lambda claim: claim.start)

    def sentence_of(self, claim: Claim) -> str:
        """Return the sentence that ``claim`` is in."""
        return self.text[slice(*claim.sentence)]

    def before(self, claim: Claim) -> str:
        """Return the sentence before that of ``claim``, if there is one on the same line."""
        index = self.spans.index(claim.sentence) if claim.sentence in self.spans else 0
        earlier = self.text[slice(*self.spans[index - 1])] if index else ""
        return "" if "\n" in earlier else earlier

    def place(self, position: int, *, behind: bool = True) -> int:
        """Return where ``position`` is in the text as written: behind the references there."""
        removed = (
            size for at, size in self._removed if at < position or (behind and at == position)
        )
        return position + sum(removed)

    def _find(self, quotes: Iterable[tuple[str, str]]) -> Iterator[Claim]:
        yield from self._references()
        longest_first = sorted(quotes, key=lambda quote: -len(quote[0]))
        yield from self._take("quote", _literal(longest_first), dict(longest_first))
        for found in _QUOTED.finditer(self._masked):
            if "\x00" not in found.group():  # words in quotation marks that nobody wrote
                yield self._claim("quote", found)
        yield from self._take("address", _ADDRESS)
        yield from self._dates()
        self._hide(_INDICATOR)
        yield from self._names()
        yield from self._numbers()

    def _references(self) -> Iterator[Claim]:
        gone = 0
        for found in _REFERENCE.finditer(self.written):
            at = found.start() - gone
            gone += len(found.group())
            self._removed.append((at, len(found.group())))
            span = next((s for s in reversed(self.spans) if s[0] < at), (0, len(self.text)))
            ids = tuple(re.findall(r"[a-z][a-z0-9_]*", found["ids"]))
            yield Claim("reference", found.group().strip(), at, at, span, ids=ids)

    def _dates(self) -> Iterator[Claim]:
        for pattern in (*_DATES, _YEAR):
            for found in pattern.finditer(self._masked):
                parts = found.groupdict()
                yield replace(self._claim("date", found), day=_day(parts))
            self._hide(pattern)

    def _names(self) -> Iterator[Claim]:
        yield from self._take("name", _KNOWN)
        yield from self._take("name", _FIRM)
        for found in list(_TICKER.finditer(self._masked)):
            symbol = next(group for group in found.groups() if group)
            if symbol not in ACRONYMS and symbol not in CURRENCIES:
                yield replace(self._claim("ticker", found), text=symbol)
                self._cover(found)
        titles = [span for span in self.spans if _is_title(self.text[slice(*span)])]
        openings = {place for start, _ in self.spans for place in self._openings(start)}
        for found in _PROPER.finditer(self._masked):
            word = re.sub(r"['’]s$", "", found.group())
            opens = found.start() in openings or self.text[: found.start()].rstrip()[-1:] in ':“"'
            opens = opens or any(start <= found.start() < end for start, end in titles)
            if not opens and word.casefold() not in PLAIN:
                yield replace(self._claim("name", found), text=word)

    def _openings(self, start: int) -> Iterator[int]:
        """Yield where the first word of a sentence begins, behind bullets and quotation marks, and
        the one behind a title such as ``Support:``."""
        found = _OPENING.match(self.text, start)
        if found:
            yield from (found.end(), found.end("mark"))

    def _numbers(self) -> Iterator[Claim]:
        found = [self._number(match) for match in _NUMBER.finditer(self._masked)]
        yield from self._with_range_units(found)
        self._hide(_NUMBER)
        for match in _SPELT.finditer(self._masked):
            claim = self._claim("number", match)
            value = float(sum(_WORDS[word] for word in re.split(r"[\s-]", match["word"].lower())))
            yield replace(claim, value=value, unit=_unit(match["unit"]))
        for match in _MULTIPLE.finditer(self._masked):
            yield replace(self._claim("number", match), unit="times", value=float("nan"))

    def _number(self, match: re.Match[str]) -> Claim:
        digits = match["digits"].replace(",", "")
        scale = _SCALES.get((match["scale"] or "").lower(), 1.0)
        sign = match["sign"] or match["late"] or ""
        unit = _unit(match["unit"]) if match["unit"] else ""
        if match["symbol"]:
            unit = _SYMBOLS.get(match["symbol"].strip(), match["symbol"].strip())
        return replace(
            self._claim("number", match),
            value=float(digits) * scale * (-1 if sign in "-−" and sign else 1),
            decimals=len(digits.partition(".")[2]),
            unit=unit,
            scale=scale,
            signed=bool(sign) and sign != "±",
        )

    def _with_range_units(self, numbers: list[Claim]) -> Iterator[Claim]:
        """Give the first number of a range (``410.2 to 449.8 USD``) the unit of the second."""
        for claim, following in itertools.zip_longest(numbers, numbers[1:]):
            if following is not None and not claim.unit:
                between = self.text[claim.end : following.start]
                if re.fullmatch(r"\s*(?:to|and|through|–|—|-|or)\s*", between, re.IGNORECASE):
                    yield replace(claim, unit=following.unit)
                    continue
            yield claim

    def _take(
        self, kind: str, pattern: re.Pattern[str], ids: dict[str, str] | None = None
    ) -> Iterator[Claim]:
        for found in pattern.finditer(self._masked):
            claim = self._claim(kind, found)
            if ids:
                claim = replace(claim, ids=(ids[found.group()],))
            if found.group():
                yield claim
        self._hide(pattern)

    def _claim(self, kind: str, found: re.Match[str]) -> Claim:
        start = found.start() + len(found.group()) - len(found.group().lstrip())
        spans = [span for span in self.spans if span[0] <= start < span[1]]
        span = spans[0] if spans else (0, len(self.text))
        return Claim(kind, found.group().strip(), start, found.end(), span)

    def _cover(self, found: re.Match[str]) -> None:
        blank = "\x00" * len(found.group())
        self._masked = self._masked[: found.start()] + blank + self._masked[found.end() :]

    def _hide(self, pattern: re.Pattern[str]) -> None:
        self._masked = pattern.sub(lambda found: "\x00" * len(found.group()), self._masked)


def _is_title(sentence: str) -> bool:
    """Say whether most words begin with a capital, as in a headline; then none makes a name."""
    words = re.findall(r"[A-Za-z]{4,}", sentence)
    return len(words) >= 2 and sum(word[0].isupper() for word in words) > 0.7 * len(words)


def _literal(quotes: Iterable[tuple[str, str]]) -> re.Pattern[str]:
    words = [re.escape(text) for text, _ in quotes if text]
    return re.compile("|".join(words) if words else r"(?!)")


def _known() -> re.Pattern[str]:
    names = {name for group in (*COMPANIES.values(), *INDICES.values()) for name in group}
    longest_first = sorted((re.escape(name) for name in names), key=len, reverse=True)
    return re.compile(rf"(?<![\w&])(?:{'|'.join(longest_first)})(?![\w&])")


_KNOWN = _known()


def _unit(written: str) -> str:
    lowered = written.strip().lower()
    for pattern, unit in _UNITS.items():
        if re.fullmatch(pattern, lowered, re.IGNORECASE):
            return unit or currency_code(written)
    return lowered


def _day(parts: dict[str, str | None]) -> tuple[int | None, int | None, int | None]:
    month = parts.get("m")
    if month and not month.isdigit():
        short = [name[:3] for name in MONTHS.split()]
        month = str(short.index(month[:3]) + 1)
    year, day = parts.get("y"), parts.get("d")
    return (int(year) if year else None, int(month) if month else None, int(day) if day else None)
