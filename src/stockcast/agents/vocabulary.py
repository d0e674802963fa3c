"""Which words go with which fact. :mod:`stockcast.agents.guard` reads these tables.

Patterns see text with its slots in place, so that ``{level_80} interval`` is a word like another.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

__all__ = ["AFTER", "DIRECTIONS", "ROLES", "WIDER", "Subject", "subject_of"]


class Subject(NamedTuple):
    """Facts whose id fits, what a sentence about them says, and how words give their sign."""

    ids: re.Pattern[str]
    words: re.Pattern[str]
    #: ``move``, ``loss``, ``width``: see :data:`DIRECTIONS`; empty for what has no direction.
    signed: str = ""


def _subject(ids: str, words: str, signed: str = "") -> Subject:
    return Subject(re.compile(ids), re.compile(words, re.IGNORECASE), signed)


_AHEAD = (
    r"median|forecast|expect|interval|range|band|quantile|percentile|project|between|upper|lower"
    r"|\bend|level|support|resist|outcome|cent(?:re|er)|downside|upside|scenario|tail|probab|fan"
    r"|model|\bsee|move|spread|distribut|path|ahead"
)
_PAST = r"report|earlier|previous|then|later|since|after|by "

#: Reasons for a change of width, by part, and words that name each.
WIDER = {
    "events": r"results|earnings|events",
    "volatility": r"volatility",
    "today": r"last session|today|latest session",
    "index": r"index|market",
    "recalibration": r"recalibrat\w+",
    "rest": r"other inputs",
}

#: What a sentence must speak of before a slot in it can be that fact; the first that fits.
_SUBJECTS = (
    _subject(r"last_close", r""),  # where the price stands may be said anywhere
    _subject(r"return_1d", r"\bday\b|session|clos|change|move", "move"),
    _subject(r"return_5d", r"week|\b5 |\{horizon\}", "move"),
    *(
        _subject(f"return_{days}d", words, "move")
        for days, words in (
            (20, r"month|\b20\b"),
            (60, r"quarter|\b60\b"),
            (250, r"year|\b250\b|52.week"),
        )
    ),
    *(
        _subject(f"{name}_{days}d", rf"\b{days}\b.{{0,40}}(?:average|mean){also}", signed)
        for name, signed in (("gap", "move"), ("mean", ""))
        for days, also in ((20, "|short.term average"), (50, ""), (200, "|long.term average"))
    ),
    _subject(r"high_20d", r"\b20\b|month|high|resist|top|ceiling"),
    _subject(r"high_250d", r"high|peak|top|resist|year"),
    _subject(r"low_20d", r"\b20\b|month|low|support|bottom|floor"),
    _subject(r"low_250d", r"low|support|bottom|floor|trough|year"),
    _subject(r"from_high", r"high|peak|top|drawdown", "move"),
    _subject(r"rsi14", r"\brsi|relative strength"),
    _subject(r"macd", r"\bmacd|convergence"),
    _subject(
        r"sigma_day", r"volatil\w+[^.;]{0,40}(?:\bday\b|daily)|(?:\bday|daily)[^.;]{0,20}volat"
    ),
    _subject(r"vol_20d", r"volatil|annuali"),
    _subject(r"vol_rank", r"volatil|regime|calm|turbulen|rank|percentile"),
    _subject(r"volume_ratio", r"volume|turnover|trad"),
    _subject(r"p_rise_\d+", r"rise|rising|gain|higher|\bup|above|increas|advanc|climb"),
    _subject(r"p_fall_\d+", r"fall|falling|loss|lower|\bdown|below|declin|drop"),
    _subject(r"q\d\d_\d+", _AHEAD),
    _subject(r"(?:median|low|high|tail_low|tail_high)_move_\d+", _AHEAD, "move"),
    _subject(r"expected_move_\d+", r"expect|move|size|either way|average|swing"),
    _subject(r"rule_(?:rise|fall)", r"at (?:least|most)|more|less|up to|from|allow"),
    _subject(r"width_\d+", r"width|wide|span|interval|range|band"),
    _subject(r"level_95", r"confiden|interval|\bci\b"),
    _subject(r"level_5", r"quantile|percentile|tail|worst|probab"),
    _subject(r"level_1", r"worst|tail|probab|quantile|percentile"),
    _subject(r"var_\dpct_\d+", r"\bloss|\blos[et]|value at risk|tail"),
    _subject(r"shortfall_\dpct_\d+", r"shortfall|(?:mean|average) loss"),
    _subject(
        r"level_\d+",
        r"interval|range|band|cover|quantile|of (?:the )?(?:outcomes|probab|cases)|confiden"
        r"|between|\bfan\b|inside|nominal|promis",
    ),
    _subject(r"(?:skill|ledger)_gain", r"naive|random walk|baseline|benchmark", "loss"),
    _subject(
        r"skill_.*|ledger_vs_naive",
        r"naive|random walk|baseline|benchmark|garch|\bloss|skill|beat|pinball|confiden|interval",
    ),
    _subject(
        r"(?:ledger_)?coverage_\d+", r"cover|held|contain|captur|inside|within|fell in|calibrat"
    ),
    _subject(
        r"backtest_n|ledger_(?:forecasts|settled)",
        r"forecast|outcome|settled|ledger|backtest|\btest|sample|record|origin|scored",
    ),
    _subject(r"news_count", r"news|headline|item|stor|article"),
    _subject(r"past_\d+_move", _PAST, "move"),
    _subject(r"past_\d+_close", rf"{_PAST}|clos|from"),
    _subject(
        r"analogue_(?:\d+|median|low|high)_move", r"alike|similar|like (?:these|this)", "move"
    ),
    _subject(r"usual_median_move", r"usual|any|all|unconditional", "move"),
    _subject(r"usual_rises", r"usual|any|all|unconditional"),
    _subject(r"analogue_\w+", r"alike|similar|like (?:these|this)"),
    _subject(r"results_widening", r"results|earnings", "width"),
    _subject(r"wider_week", r"\bweek\b", "width"),
    _subject(r"wider_usual", r"\b(?:usual|normal|year)", "width"),
    *(_subject(f"wider_{name}", rf"\b(?:{words})\b", "width") for name, words in WIDER.items()),
    _subject(r"results_date", r"results|earnings"),
    _subject(r"trained_through", r"train|learn"),
    _subject(r"past_\d+_(?:date|end)", rf"{_PAST}|on|of"),
    _subject(r"horizon|vol_window|as_of|target_\d+|news_\d+_date", r""),
)

_UP = (
    r"\b(?:rose|rise[ns]?|rising|gain(?:s|ed|ing)?|up|higher|above|advanc\w+|climb\w*|add(?:s|ed)"
    r"|increas\w+|upside|positive|plus|ahead)\b"
)
_DOWN = (
    r"\b(?:fell|falls?|fallen|falling|los[est]\w*|lower|below|down|declin\w+|drop\w*|slid\w*"
    r"|slip\w*|minus|negative|downside|short of|behind|decreas\w+|shed|gave up|off)\b"
)
#: Words that give a figure its sign, up and down: a loss that is lower is a gain.
DIRECTIONS = {
    "move": (re.compile(_UP, re.IGNORECASE), re.compile(_DOWN, re.IGNORECASE)),
    "loss": (
        re.compile(r"\b(?:lower|below|less|better|smaller)\b", re.IGNORECASE),
        re.compile(r"\b(?:higher|above|more|worse|larger)\b", re.IGNORECASE),
    ),
    "width": (
        re.compile(r"\bwid(?:er|en\w*)\b", re.IGNORECASE),
        re.compile(r"\bnarrow\w*\b", re.IGNORECASE),
    ),
}

_ODDS = r"\b(?:probability|chance|odds|likelihood)\s+(?:of|that|for)\b[^.;:{]{0,30}?"
#: Words in front of a slot, and the facts that it can then be; the last words count.
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
            r"\b(?:forecast|expect|project|predict|see)\w*\b[^.;:{]{0,40}\b(?:close|price|value)"
            r"\s+(?:of|at)",
            r"q\d\d_\d+",
        ),
        (r"\brsi(?:\s?\(?14\)?)?(?!\w)|relative strength index", r"rsi14"),
        (r"\bmacd\b", r"macd"),
        *(
            (rf"\b{n}-day\s+(?:simple\s+|moving\s+)*(?:average|mean)", rf"(?:mean|gap)_{n}d")
            for n in (20, 50, 200)
        ),
        *(
            (
                rf"\b(?:{n}-day|{n}-session{also})\s+{side}"
                rf"|\b{side}\s+of\s+the\s+(?:last|past)\s+{n}\s+(?:sessions|days)",
                f"{side}_{n}d|from_{side}",
            )
            for side in ("high", "low")
            for n, also in ((20, ""), (250, "|52-week|one-year|year's"))
        ),
        (rf"{_ODDS}\b(?:fall|drop|loss|lower|declin|below)\w*", r"p_fall_\d+"),
        (rf"{_ODDS}\b(?:ris|gain|higher|increas|above|up)\w*", r"p_rise_\d+"),
        (
            r"\b(?:probability|chance|odds|likelihood)\b[^.;:{]{0,40}\bat (?:least|most)\b",
            r"rule_(?:rise|fall)",
        ),
        (r"\bratio\b", r"\w+_vs_\w+|volume_ratio"),
        (r"\bexpected\s+(?:size\s+of\s+the\s+)?move\b", r"expected_move_\d+"),
        (r"\bconfidence\s+interval(?:\s+of\s+the\s+\w+)?:?", r"skill_gain_(?:low|high)"),
        (
            r"\{level_80\}\s+of\s+(?:the\s+)?(?:outcomes|probability|cases)\b(?:\s+\w+)?",
            r"q[19]0_\d+|(?:low|high)_move_\d+",
        ),
        (r"\bhigher than on\b", r"vol_rank"),
        (r"\bmedian\b", r"q50_\d+|median_move_\d+|(?:analogue|usual)_median_move"),
        *(
            (rf"\{{level_{n}\}}\s+(?:prediction\s+)?(?:interval|band|range)s?", ids)
            for n, ids in (
                (
                    80,
                    r"q[19]0_\d+|(?:low|high)_move_\d+|width_\d+|(?:ledger_)?coverage_80"
                    r"|.*_widening|wider_\w+",
                ),
                (90, r"q[09]5_\d+|tail_\w+_move_\d+|(?:ledger_)?coverage_90"),
                (50, r"q[27]5_\d+"),
            )
        ),
        (r"\brealised volatility|\brealized volatility|\bannuali[sz]ed", r"vol_\w+"),
        (r"\{level_5\}\s+quantile|\btail\s*\(\{level_5\}\)", r"q05_\d+|tail_low_move_\d+"),
        (r"\bvolume\b", r"volume_ratio"),
        *(
            (rf"\b(?:{words})\b[^.;:,{{]{{0,30}}\b(?:widen|narrow)\w*", f"{also}wider_{name}")
            for name, words in WIDER.items()
            for also in ("results_widening|" if name == "events" else "",)
        ),
        (
            r"\b(?:(?:mean|average)\s+loss|shortfall)\b(?:[^.;:,{]*\{level_[15]\})?",
            r"shortfall_\dpct_\d+|level_[15]",
        ),
        (r"\bvalue at risk\b|\bloss\b[^.;:,{]{0,20}\b(?:exceed|beyond|more than)\w*", r"var_\w+"),
        (
            r"\bcover(?:age|ed)\b|\bcontained\b",
            r"(?:ledger_)?coverage_\d+|backtest_n|ledger_settled",
        ),
    )
)
_FROM = r"(?:above|below|over|under|from|off|higher than|lower than)\s+(?:its|the)"
#: Words behind a slot, and the facts that it can then be.
AFTER: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(rf"\s*{words}", re.IGNORECASE), re.compile(ids))
    for words, ids in (
        (r"(?:prediction\s+|confidence\s+)?(?:intervals?|bands?|ranges?|ci)\b", r"level_\d+"),
        (r"quantile", r"level_[15]"),
        *((rf"{_FROM}\s+{n}-day", f"gap_{n}d") for n in (20, 50, 200)),
        (rf"{_FROM}\s+(?:high|peak|top|52-week|one-year|250)", r"from_high"),
        (rf"{_FROM}\s+(?:last\s+|latest\s+)?(?:close|price)\b", r"\w+_move_\d+"),
        (r"of\s+(?:the\s+)?(?:last|past)\s", r"vol_rank"),
        (r"on the day\b", r"return_1d"),
        (r"(?:wider|narrower)\s+than\s+(?:a|last)\s+week", r"wider_week"),
        (r"(?:wider|narrower)\s+than\s+(?:usual|normal)", r"wider_usual"),
        (r"(?:wider|narrower)\b", r"results_widening|wider_\w+"),
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
def subject_of(name: str) -> Subject | None:
    """Return what the fact ``name`` is about; None for a text, which may stand anywhere."""
    return next((found for found in _SUBJECTS if found.ids.fullmatch(name)), None)
