"""Which words go with which fact: the tables that :mod:`stockcast.agents.matching` reads."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

__all__ = ["AFTER", "ROLES", "TRAITS", "Trait", "trait_of"]


@dataclass(frozen=True)
class Trait:
    """Facts whose id fits, what a sentence about them says, and how they are written.

    Attributes:
        ids: of the facts.
        subject: what the sentence must speak of.
        signed: the words must have the sign of the figure.
        share: a share that may be written as a fraction or a percentile.
    """

    ids: re.Pattern[str]
    subject: re.Pattern[str]
    signed: bool = False
    share: bool = False


def _trait(ids: str, subject: str, *, signed: bool = False, share: bool = False) -> Trait:
    return Trait(re.compile(ids), re.compile(subject, re.IGNORECASE), signed, share)


_AHEAD = (
    r"median|forecast|expect|interval|range|band|quantile|percentile|project|between|upper|lower"
    r"|\bend|level|support|resist|outcome|cent(?:re|er)|downside|upside|scenario|tail|probab|fan"
    r"|model|\bsee|move|spread|distribut|path|ahead"
)
_COUNTED = r"forecast|outcome|settled|ledger|backtest|\btest|sample|record|origin|scored"

#: What a sentence must speak of before a figure in it can be that fact; the first that fits.
TRAITS = (
    _trait(r"last_close", r""),  # where the price stands may be said anywhere
    _trait(r"return_1d", r"\bday\b|session|clos|change|move", signed=True),
    _trait(r"return_5d", r"week|\b5\b|\bfive\b", signed=True),
    _trait(r"return_20d", r"month|\b20\b|twenty", signed=True),
    _trait(r"return_60d", r"quarter|three months|\b60\b|sixty", signed=True),
    _trait(r"return_250d", r"year|\b250\b|52.week|twelve", signed=True),
    _trait(r"gap_20d", r"\b20\b.{0,40}(?:average|mean)|short.term average", signed=True),
    _trait(r"gap_50d", r"\b50\b.{0,40}(?:average|mean)", signed=True),
    _trait(r"gap_200d", r"\b200\b.{0,40}(?:average|mean)|long.term average", signed=True),
    _trait(r"mean_20d", r"\b20\b.{0,40}(?:average|mean)|short.term average"),
    _trait(r"mean_50d", r"\b50\b.{0,40}(?:average|mean)"),
    _trait(r"mean_200d", r"\b200\b.{0,40}(?:average|mean)|long.term average"),
    _trait(r"high_20d", r"\b20\b.{0,40}|month|high|resist|top|ceiling"),
    _trait(r"high_250d", r"high|peak|top|resist|year"),
    _trait(r"low_20d", r"\b20\b|month|low|support|bottom|floor"),
    _trait(r"low_250d", r"low|support|bottom|floor|trough|year"),
    _trait(r"from_high", r"high|peak|top|drawdown", signed=True),
    _trait(r"rsi14", r"\brsi|relative strength"),
    _trait(r"macd", r"\bmacd|convergence"),
    _trait(r"sigma_day", r"volatil|sigma|a day|per day|daily"),
    _trait(r"vol_20d", r"volatil|annuali"),
    _trait(r"vol_rank", r"volatil|regime|calm|turbulen|rank|percentile", share=True),
    _trait(r"volume_ratio", r"volume|turnover|trad"),
    _trait(r"p_(?:rise|fall)_\d+", r"probab|chance|odds|likel", share=True),
    _trait(r"q\d\d_\d+", _AHEAD),
    _trait(r"(?:median|low|high|tail_low|tail_high)_move_\d+", _AHEAD, signed=True),
    _trait(r"expected_move_\d+", r"expect|move|size|either way|average|swing"),
    _trait(r"rule_(?:rise|fall)", r"at (?:least|most)|more|less|up to|from|allow", share=True),
    _trait(r"width_\d+", r"width|wide|span|interval|range|band"),
    _trait(r"level_95", r"confiden|interval|\bci\b"),
    _trait(
        r"level_\d+",
        r"interval|range|band|cover|quantile|of (?:the )?(?:outcomes|probab|cases)|confiden"
        r"|between|\bfan\b|inside|nominal|promis",
        share=True,
    ),
    _trait(
        r"skill_.*|ledger_(?:vs_naive|gain)",
        r"naive|random walk|baseline|benchmark|garch|\bloss|skill|beat|pinball|confiden|interval",
    ),
    _trait(
        r"(?:ledger_)?coverage_\d+",
        r"cover|held|contain|captur|inside|within|fell in|calibrat",
        share=True,
    ),
    _trait(r"backtest_n|ledger_(?:forecasts|settled)", _COUNTED),
    _trait(r"news_count", r"news|headline|item|stor|article"),
    _trait(r"past_\d+_move", r"report|earlier|previous|then|later|since|after|by ", signed=True),
    _trait(r"past_\d+_close", r"report|earlier|previous|then|later|since|after|clos|from"),
    _trait(r"results_widening", r"results|earnings"),
    _trait(r"horizon|vol_window", r""),
)

#: Words right in front of a figure, and the facts that it can then be.
ROLES: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(words, re.IGNORECASE), re.compile(ids))
    for words, ids in (
        (
            r"\b(?:last|latest|final|most recent)\s+(?:close|closing price|price)|\bclosed\b"
            r"|\b(?:current|spot)\s+price|\bnow\s+(?:at|trades)|\btrad(?:es|ing)\s+at"
            r"|\bclosing price",
            r"last_close|past_\d+_close|return_1d|gap_.*|from_high",
        ),
        (
            r"\b(?:forecast|expect|project|predict|see)\w*\b[^.;:]{0,40}\b(?:close|price|value)"
            r"\s+(?:of|at)",
            r"q\d\d_\d+",
        ),
        (r"\brsi(?:\s?\(?14\)?)?(?!\w)|relative strength index", r"rsi14"),
        (r"\bmacd\b", r"macd"),
        (r"\b20-day\s+(?:simple\s+|moving\s+)*(?:average|mean)", r"(?:mean|gap)_20d"),
        (r"\b50-day\s+(?:simple\s+|moving\s+)*(?:average|mean)", r"(?:mean|gap)_50d"),
        (r"\b200-day\s+(?:simple\s+|moving\s+)*(?:average|mean)", r"(?:mean|gap)_200d"),
        *(
            (rf"\b{side}\s+of\s+the\s+(?:last|past)\s+{n}\s+(?:sessions|days)", f"{side}_{n}d")
            for side in ("high", "low")
            for n in (20, 250)
        ),
        (r"\b20-(?:day|session)\s+high", r"high_20d"),
        (r"\b20-(?:day|session)\s+low", r"low_20d"),
        (r"\b(?:52-week|250-day|250-session|one-year|year's)\s+high", r"high_250d|from_high"),
        (r"\b(?:52-week|250-day|250-session|one-year|year's)\s+low", r"low_250d"),
        (
            r"\b(?:probability|chance|odds|likelihood)\s+(?:of|that|for)\b[^.;:]{0,30}?"
            r"\b(?:fall|drop|loss|lower|declin|below)\w*",
            r"p_fall_\d+",
        ),
        (
            r"\b(?:probability|chance|odds|likelihood)\s+(?:of|that|for)\b[^.;:]{0,30}?"
            r"\b(?:ris|gain|higher|increas|above|up)\w*",
            r"p_rise_\d+",
        ),
        (
            r"\b(?:probability|chance|odds|likelihood)\b[^.;:]{0,40}\bat (?:least|most)\b",
            r"rule_(?:rise|fall)",
        ),
        (r"\bratio\b", r"\w+_vs_\w+|volume_ratio"),
        (r"\bexpected\s+(?:size\s+of\s+the\s+)?move\b", r"expected_move_\d+"),
        (r"\bconfidence\s+interval(?:\s+of\s+the\s+\w+)?:?", r"skill_gain_(?:low|high)"),
        (
            r"\b80%\s+of\s+(?:the\s+)?(?:outcomes|probability|cases)\b(?:\s+\w+)?",
            r"q[19]0_\d+|(?:low|high)_move_\d+",
        ),
        (r"\bhigher than on\b", r"vol_rank"),
        (r"\bmedian\b", r"q50_\d+|median_move_\d+"),
        (
            r"\b80%\s+(?:prediction\s+)?(?:interval|band|range)s?",
            r"q[19]0_\d+|(?:low|high)_move_\d+|width_\d+|(?:ledger_)?coverage_80",
        ),
        (
            r"\b90%\s+(?:prediction\s+)?(?:interval|band|range)s?",
            r"q[09]5_\d+|tail_\w+_move_\d+|(?:ledger_)?coverage_90",
        ),
        (r"\b50%\s+(?:prediction\s+)?(?:interval|band|range)s?", r"q[27]5_\d+"),
        (r"\brealised volatility|\brealized volatility|\bannuali[sz]ed", r"vol_\w+"),
        (r"\b5%\s+quantile|\b5th\s+percentile", r"q05_\d+|tail_low_move_\d+"),
        (r"\b95%\s+quantile|\b95th\s+percentile", r"q95_\d+|tail_high_move_\d+"),
        (r"\bvolume\b", r"volume_ratio"),
        (
            r"\bcover(?:age|ed)\b|\bcontained\b",
            r"(?:ledger_)?coverage_\d+|backtest_n|ledger_settled",
        ),
    )
)
_FROM = r"(?:above|below|over|under|from|off|higher than|lower than)\s+(?:its|the)"
#: Words right behind a figure, and the facts that it can then be.
AFTER: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(rf"\s*{words}", re.IGNORECASE), re.compile(ids))
    for words, ids in (
        (r"(?:prediction\s+|confidence\s+)?(?:intervals?|bands?|ranges?|ci)\b", r"level_\d+"),
        (rf"{_FROM}\s+20-day", r"gap_20d"),
        (rf"{_FROM}\s+50-day", r"gap_50d"),
        (rf"{_FROM}\s+200-day", r"gap_200d"),
        (rf"{_FROM}\s+(?:high|peak|top|52-week|one-year|250)", r"from_high|gap_250d"),
        (rf"{_FROM}\s+(?:last\s+|latest\s+)?(?:close|price)\b", r"\w+_move_\d+"),
        (r"of\s+(?:the\s+)?(?:last|past)\s", r"vol_rank"),
        (r"on the day\b", r"return_1d"),
        (r"(?:wider|narrower)\b", r"results_widening"),
        (r"swing\b", r"expected_move_\d+|width_\d+"),
        *(
            (
                rf"over\s+(?:the\s+)?(?:last\s+|past\s+)?{n}\s+(?:trading\s+)?(?:sessions|days)",
                f"return_{n}d",
            )
            for n in (5, 20, 60, 250)
        ),
        (r"annuali[sz]ed", r"vol_20d"),
        (r"(?:a|per) day\b|daily", r"sigma_day"),
    )
)


@functools.cache
def trait_of(name: str) -> Trait | None:
    """Return the trait of the fact ``name``; None for one that no figure can be."""
    return next((trait for trait in TRAITS if trait.ids.fullmatch(name)), None)
