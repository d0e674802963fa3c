"""Finds names in a text: companies, tickers and others; and knows words that are none.

A company in the text is the report's own, or it stands in the news that the sentence refers to;
any other is an error. Companies are known from a list, from the form of a name (``Acme Corp``)
and, in the middle of a sentence, from a capital letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from stockcast.markets.companies import NAMES
from stockcast.markets.exchanges import CURRENCIES

__all__ = ["Found", "names_in"]

#: Where something stands, its words, its kind, and why it cannot stand there.
Found = tuple[int, str, str, str]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words in capitals that are no ticker.
ACRONYMS = _words(
    "A AI ALL AM AN AND ARCH AS AT ATR AUD BEARISH BULLISH BUY BY CAD CEO CEOS CFO CHF CI CPI"
    " DOWN EDT EMA EPS EST ET ETF EU EUR EWMA FX GARCH GBP GDP GJR GMT HIGH HOLD I ID IF II III IN"
    " IPO IS IT IV JPY JSON LOW LSTM MACD MAE MEDIUM ML MSE N NEUTRAL NO NOT OF OHLC OHLCV OK ON"
    " ONLY OR PE PIT PM QOQ RMSE RSI SELL SMA SQL THE TO TTL UK UP US USA USD UTC VS VWAP YOY YTD"
)

#: Capitalised words that name neither company, person nor product.
PLAIN = _words(
    "american apr april aug august bayesian bearish bollinger brownian bullish carlo confidence"
    " cutler dec december english european executive feb february fibonacci fri friday gaussian"
    " high i jan january jul july jun june key laplace levels low mar march market markov may"
    " medium momentum mon monday monte neutral nov november oct october ollama outlook parkinson"
    " poisson rationale recommendation record resistance risk risks sat saturday sentiment sep"
    " sept september sharpe stance street student summary sun sunday support technical thu"
    " thursday track trend tue tuesday volatility wall wed wednesday wilder"
)


_TICKER = re.compile(
    r"\$(?P<a>[A-Z]{1,5})\b|\b(?:NASDAQ|NYSE|AMEX|LSE)\s?:\s?(?P<b>[A-Z.]{1,6})\b"
    r"|(?P<c>\^[A-Z]{2,8})\b|\b(?P<d>[A-Z]{2,5}(?:[.-][A-Z]{1,2})?)(?![\w&])"
)
_FIRM = re.compile(
    r"\b(?!(?:The|This|That|Our|Its|Each|A)\s+\w+\b(?!\s+[A-Z]))"
    r"(?:[A-Z][\w&'’.-]{0,40}\s+){1,4}(?:Inc|Corp|Corporation|Ltd|Limited|PLC|plc|AG|SE|NV|SA"
    r"|Co|Company|Group|Holdings|Partners|Capital|Bank|Technologies|Systems|Motors|Securities)\b\.?"
)
_PROPER = re.compile(r"(?<![\w&'’])[a-z]{0,2}[A-Z][a-z]+(?:[A-Z][a-z]+)*(?=(?:['’]s)?)")
_OPENING = re.compile(r"(?P<mark>[\s\-•*\"“‘'(]*)(?:[A-Z][A-Za-z ]{0,30}:\s+)?")


def _known() -> re.Pattern[str]:
    names = {name for group in NAMES.values() for name in group}
    longest_first = sorted((re.escape(name) for name in names), key=len, reverse=True)
    return re.compile(rf"(?<![\w&])(?:{'|'.join(longest_first)})(?![\w&])")


_KNOWN = _known()


def names_in(text: str, sentences: Sequence[tuple[int, int]]) -> Iterator[Found]:
    """Yield the companies, tickers and other names in ``text``.

    A word with a capital is a name unless it opens a sentence or a title, stands in a headline's
    capitals, or is one of :data:`PLAIN`. What was hidden before, a report's own name among it, is
    blanks here.
    """
    for pattern, why in ((_KNOWN, "another company"), (_FIRM, "an unknown company")):
        for found in pattern.finditer(text):
            yield found.start(), found.group(), "name", why
        text = pattern.sub(lambda found: "\x00" * len(found.group()), text)
    for found in _TICKER.finditer(text):
        group = next(name for name, said in found.groupdict().items() if said)
        if found[group] not in ACRONYMS and found[group] not in CURRENCIES:
            yield found.start(group), found[group], "ticker", "another ticker"
    text = _TICKER.sub(lambda found: "\x00" * len(found.group()), text)
    titles = [span for span in sentences if _is_title(text[slice(*span)])]
    openings = {place for start, _ in sentences for place in _openings(text, start)}
    for found in _PROPER.finditer(text):
        opens = found.start() in openings or text[: found.start()].rstrip()[-1:] in ':“"'
        titled = any(start <= found.start() < end for start, end in titles)
        if not (opens or titled or found.group().casefold() in PLAIN):
            yield found.start(), found.group(), "name", "an unknown name"


def _openings(text: str, start: int) -> Iterator[int]:
    """Yield where the first word of a sentence begins, behind bullets and quotation marks, and the
    one behind a title such as ``Support:``."""
    found = _OPENING.match(text, start)
    if found:
        yield from (found.end(), found.end("mark"))


def _is_title(sentence: str) -> bool:
    """Say whether most words begin with a capital, as in a headline; then none makes a name."""
    words = re.findall(r"[A-Za-z]{4,}", sentence)
    return len(words) >= 2 and sum(word[0].isupper() for word in words) > 0.7 * len(words)
