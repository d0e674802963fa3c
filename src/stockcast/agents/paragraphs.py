"""Paragraphs of the deterministic writer: trend, volatility, levels, risks and track record.

Each function yields sentences with slots; what a short history does not give is left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from stockcast.agents.facts import FactTable

__all__ = [
    "REGIMES",
    "levels",
    "momentum",
    "moved",
    "outlook",
    "regime_of",
    "risks",
    "side_of",
    "track_record",
    "trend",
    "trend_of",
    "volatility",
]

#: Kinds of volatility, and how prose calls a market that has it.
REGIMES = {"low": "a calm", "normal": "an ordinary", "high": "a turbulent"}

_CALM, _WILD = 25.0, 75.0
_OVERSOLD, _OVERBOUGHT = 30.0, 70.0
#: Settled outcomes below which a record says little.
_ENOUGH = 20
#: Per cent below which a reason for a change of width is not worth a word.
_SMALL = 0.5
_REASONS = {
    "wider_volatility": "the level of volatility",
    "wider_today": "the last session",
    "wider_index": "the index",
    "wider_recalibration": "recalibration",
    "wider_rest": "other inputs",
}
_LEVELS = {
    "low_20d": "the 20-day low",
    "high_20d": "the 20-day high",
    "low_250d": "the low of the last 250 sessions",
    "high_250d": "the high of the last 250 sessions",
    "mean_50d": "the 50-day average",
    "mean_200d": "the 200-day average",
}
_REGIME_RISKS = {
    "low": "Regime: calm spells end abruptly, and intervals drawn in one are too narrow then.",
    "normal": "Regime: volatility is ordinary now; the intervals widen only after it has risen.",
    "high": "Regime: in turbulence gaps between sessions are common, and stops may not hold.",
}


def moved(facts: FactTable, name: str, up: str, down: str, flat: str = "was unchanged at") -> str:
    """Return a move in words: ``fell {return_1d}``."""
    value = facts.number(name)
    verb = flat if round(abs(value), 1) == 0 else up if value > 0 else down
    return f"{verb} {{{name}}}"


def side_of(facts: FactTable, name: str, above: str = "above", below: str = "below") -> str:
    """Return where something lies: ``{gap_20d} above``."""
    value = facts.number(name)
    side = "from" if round(abs(value), 1) == 0 else below if value < 0 else above
    return f"{{{name}}} {side}"


def trend_of(facts: FactTable) -> str:
    """Return up when the close is above all its averages, down when it is below, else sideways."""
    gaps = [facts.number(f"gap_{days}d") for days in _averages(facts)]
    if gaps and all(gap > 0 for gap in gaps):
        return "up"
    return "down" if gaps and all(gap < 0 for gap in gaps) else "sideways"


def trend(facts: FactTable) -> Iterable[str]:
    """Say where the trend goes, and by which averages and moves."""
    opening = {"up": "The trend is up", "down": "The trend is down"}
    start = opening.get(trend_of(facts), "There is no clear trend")
    where = _listed(
        f"{side_of(facts, f'gap_{days}d')} its {days}-day average of {{mean_{days}d}}"
        for days in _averages(facts)
    )
    yield f"{start}: the close is {where}." if where else f"{start}: the history is short."
    moves = _listed(
        f"{moved(facts, f'return_{days}d', 'gained', 'lost')} over {days} sessions"
        for days in (20, 60, 250)
        if f"return_{days}d" in facts
    )
    if moves:
        yield f"The shares {moves}."


def momentum(facts: FactTable) -> Iterable[str]:
    """Say what RSI and MACD show."""
    if "rsi14" in facts:
        value = facts.number("rsi14")
        where = "between the usual marks of exhaustion"
        if value >= _OVERBOUGHT:
            where = "in the zone that chartists call overbought"
        elif value <= _OVERSOLD:
            where = "in the zone that chartists call oversold"
        yield f"The RSI14 of {{rsi14}} is {where}."
    if "macd" in facts:
        side, over = ("above", "over") if facts.number("macd") >= 0 else ("below", "under")
        yield f"The MACD stands at {{macd}}, {side} zero, so short averages run {over} long ones."


def regime_of(facts: FactTable) -> str:
    """Return low, normal or high, by where today's volatility ranks."""
    rank = facts.number("vol_rank")
    return "low" if rank < _CALM else "high" if rank > _WILD else "normal"


def volatility(facts: FactTable) -> Iterable[str]:
    """Say how volatile the share is, against its past and from here."""
    if "vol_20d" in facts:
        rank = ""
        if "vol_rank" in facts:
            regime = REGIMES[regime_of(facts)]
            rank = f", higher than on {{vol_rank}} of the last {{vol_window}}: {regime} regime"
        yield f"Realised volatility over 20 days is {{vol_20d}} annualised{rank}."
    if "sigma_day" in facts:
        yield "The model reckons with a volatility of {sigma_day} a day from here."
    if "volume_ratio" in facts:
        yield "Volume was {volume_ratio} times its 20-day average."


def outlook(facts: FactTable) -> Iterable[str]:
    """Say what the forecast's distribution is, at its end and for the next session."""
    end = facts.end
    yield (
        f"For {{target_{end}}} the median is {{q50_{end}}}, the {{level_50}} interval runs from"
        f" {{q25_{end}}} to {{q75_{end}}} and the {{level_90}} interval from {{q05_{end}}} to"
        f" {{q95_{end}}}."
    )
    if end != "1":
        yield (
            "Already for the next session, {target_1}, the {level_80} interval spans {q10_1} to"
            " {q90_1}."
        )
    yield from _width(facts)
    yield from _analogues(facts)


def levels(facts: FactTable) -> Iterable[str]:
    """Name support below the close, resistance above it, and the forecast's range."""
    last = facts.number("last_close")
    # prices that are written alike are one level, and the longer window names it
    known = {facts[name].text: (facts.number(name), name) for name in _LEVELS if name in facts}
    below = sorted((level for level in known.values() if level[0] < last), reverse=True)[:3]
    above = sorted(level for level in known.values() if level[0] > last)[:3]
    for title, found in (("Support", below), ("Resistance", above)):
        if found:
            places = _listed(f"{_LEVELS[name]} at {{{name}}}" for _, name in found)
            yield f"{title}: {places}."
    end = facts.end
    yield (
        f"Forecast range: the {{level_80}} interval for {{target_{end}}} runs from {{q10_{end}}} to"
        f" {{q90_{end}}}."
    )
    if facts.number("from_high") < 0:
        side = side_of(facts, "from_high")
        yield f"Distance: the close is {side} the high of the last 250 sessions."


def risks(facts: FactTable) -> Iterable[str]:
    """Name what could make the forecast wrong."""
    end = facts.end
    yield (
        f"Tail: the {{level_5}} quantile for {{target_{end}}} is {{q05_{end}}}, which is"
        f" {side_of(facts, f'tail_low_move_{end}')} the last close; worse outcomes should be rare."
        f"{_tail(facts, end)}"
    )
    yield _REGIME_RISKS[regime_of(facts)]
    if facts["skilful"].value == "yes":
        yield "Model: its skill lies in the spread of outcomes more than in their direction."
    else:
        yield "Model: the centre of the forecast tells nothing, since it showed no skill."
    if facts["drift_health"].value == "unknown":
        yield "Data: whether they have drifted from what the model learnt is unknown."
    else:
        yield "Data: the health of the data and the model is {drift_health}."
    yield f"Events: {_events(facts)}."


def track_record(facts: FactTable) -> Iterable[str]:
    """Say how the model did in its test, in the ledger and in earlier reports."""
    yield from _backtest(facts)
    yield from _ledger(facts)
    number = 1
    while f"past_{number}_date" in facts:
        yield _earlier(facts, f"past_{number}")
        number += 1


def _tail(facts: FactTable, end: str) -> str:
    if not facts.number(f"var_1pct_{end}") > 0:
        return ""
    return (
        f" With a probability of {{level_1}} the loss by then exceeds {{var_1pct_{end}}}. In the"
        f" worst {{level_5}} of outcomes the mean loss is {{shortfall_5pct_{end}}}."
    )


def _events(facts: FactTable) -> str:
    if facts["calendar"].value == "no":
        return (
            "there is no calendar of results, and the report knows no dates of dividends or"
            " decisions either"
        )
    if "results_date" not in facts:
        return "no results ahead were known on {as_of}"
    when = " {results_when}" if "results_when" in facts else ""
    due = f"results are due on {{results_date}}{when}"
    if facts["results_inside"].value == "no":
        return f"the next {due}, beyond the horizon"
    if "results_widening" not in facts:
        return f"{due}, inside the horizon"
    flat = round(abs(facts.number("results_widening")), 1) == 0
    wider = "no wider" if flat else side_of(facts, "results_widening", "wider", "narrower")
    return f"{due}, inside the horizon: the {{level_80}} interval is {wider} for it"


def _averages(facts: FactTable) -> list[int]:
    return [days for days in (20, 50, 200) if f"gap_{days}d" in facts]


def _width(facts: FactTable) -> Iterable[str]:
    """Say how wide the interval is beside others, and the largest reasons since a week ago."""
    what = f"The {{level_80}} interval for {{target_{facts.end}}}"
    for name, than in (("wider_week", "a week ago"), ("wider_usual", "usual")):
        if round(abs(facts.number(name)), 1) > 0:
            why = _reasons(facts) if name == "wider_week" else ""
            yield f"{what} is {side_of(facts, name, 'wider', 'narrower')} than {than}{why}."
            what = "It"


def _reasons(facts: FactTable) -> str:
    events = "results ahead" if "results_date" in facts else "events ahead"
    if facts.number("wider_events") < 0:
        events = f"having no {events}"
    named = {**_REASONS, "wider_events": events}
    known = [name for name in named if abs(facts.number(name)) >= _SMALL]
    known.sort(key=lambda name: -abs(facts.number(name)))
    told = (
        f"{named[name]} {'widened' if facts.number(name) > 0 else 'narrowed'} it by {{{name}}}"
        for name in known[:3]
    )
    return f": {_listed(told)}" if known else ""


def _analogues(facts: FactTable) -> Iterable[str]:
    if "analogue_count" not in facts:
        return
    yield (
        "On the {analogue_count} past days most like these the price was higher {horizon} later in"
        " {analogue_rises} of cases, and the median move was {analogue_median_move}."
    )
    yield (
        "Over all days before, usual or not, it was higher in {usual_rises}, with a median move of"
        " {usual_median_move}."
    )
    yield "Read that as history: as a forecast, days alike have done worse than all days together."


def _gain(facts: FactTable, name: str) -> str:
    """Return ``{skill_gain} lower than the naive forecast's``."""
    side = "lower" if facts.number(name) >= 0 else "higher"
    return f"{{{name}}} {side} than the naive forecast's"


def _backtest(facts: FactTable) -> Iterable[str]:
    if "skill_gain" not in facts:
        yield "There is no backtest of this model."
        return
    interval = ""
    if "skill_gain_low" in facts:
        interval = (
            " ({level_95} confidence interval of the gain: {skill_gain_low} to {skill_gain_high})"
        )
    yield f"In the backtest the model's loss was {_gain(facts, 'skill_gain')}{interval}."
    if "skill_vs_garch" in facts:
        yield "Against GARCH the loss ratio was {skill_vs_garch}, where less than one is better."
    if "coverage_80" in facts:
        over = " over {backtest_n} forecasts" if "backtest_n" in facts else ""
        yield f"The {{level_80}} interval covered {{coverage_80}} of outcomes in the test{over}."


def _ledger(facts: FactTable) -> Iterable[str]:
    if facts.number("ledger_settled") < 1:
        yield "No forecast of the ledger has been settled yet: the test is all the record there is."
        return
    yield (
        "The ledger holds {ledger_settled} settled outcomes, of which the {level_80} interval"
        " contained {ledger_coverage_80}."
    )
    if "ledger_gain" in facts:
        yield f"Its loss there was {_gain(facts, 'ledger_gain')}."
    if facts.number("ledger_settled") < _ENOUGH:
        yield "That is too little to judge by."


def _earlier(facts: FactTable, name: str) -> str:
    stance, _, confidence = facts[f"{name}_stance"].text.partition("/")
    told = (
        f"The report of {{{name}_date}} took the {stance.lower()} side with"
        f" {confidence.lower()} conviction at {{{name}_close}}"
    )
    if f"{name}_end" not in facts:
        return f"{told}; its forecast is not settled yet."
    move = moved(facts, f"{name}_move", "had risen", "had fallen", "had moved")
    return f"{told}; by {{{name}_end}} the price {move}, {{{name}_outcome}} its interval."


def _listed(parts: Iterable[str]) -> str:
    """Return ``a, b and c``; nothing for none."""
    found = list(parts)
    return f"{', '.join(found[:-1])} and {found[-1]}" if len(found) > 1 else "".join(found)
