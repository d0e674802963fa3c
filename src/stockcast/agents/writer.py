"""Writes each role's part without a language model: full sentences from the facts alone.

It is the writer of profiles that name no Ollama, and takes over the part of a role whose model did
not answer. The same facts give the same words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stockcast.agents.facts import FactTable
from stockcast.agents.stance import Ruling
from stockcast.agents.state import Critique, Draft, MarketView, PerformanceAnalysis

__all__ = ["EDITION", "NAME", "analyse", "compose", "review", "survey"]

NAME = "deterministic writer"
#: Changes with this file, so that a report by an older edition is not reused.
EDITION = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]

_CALM, _WILD = 25.0, 75.0
_OVERSOLD, _OVERBOUGHT = 30.0, 70.0
_ENOUGH = 20
#: Headlines that the report quotes.
_QUOTED = 4


def analyse(facts: FactTable) -> PerformanceAnalysis:
    """Return the performance analyst's part."""
    trend, volatility = _trend(facts), _regime(facts)
    return PerformanceAnalysis(
        trend=trend,  # type: ignore[arg-type]  # one of the three
        trend_reason=" ".join((*_trend_reason(facts, trend), *_momentum(facts))),
        volatility=volatility,  # type: ignore[arg-type]  # one of the three
        volatility_reason=" ".join(_volatility_reason(facts, volatility)),
        key_levels=list(_levels(facts)),
        risks=list(_risks(facts, volatility)),
    )


def survey(
    facts: FactTable, news: Sequence[Mapping[str, Any]], note: str, withheld: int
) -> MarketView:
    """Return the market expert's part."""
    said = []
    if note:
        said.append(note if note.endswith(".") else f"{note}.")
    if not news:
        said.append(f"There is no news of {_name(facts)} up to {facts.text('as_of')}.")
    else:
        said.append(_news_opening(facts, len(news)))
        said += [_headline(number, item) for number, item in enumerate(news[:_QUOTED], start=1)]
        said.append("No language model read them, so their mood is not judged here.")
    if withheld:
        said.append("News that reads like instructions to the writer was withheld.")
    return MarketView(sentiment="unknown", summary=" ".join(said))


def compose(
    facts: FactTable,
    ruling: Ruling,
    analysis: PerformanceAnalysis,
    view: MarketView,
    chosen: tuple[str, str] | None = None,
) -> Draft:
    """Return the report generator's part, from what the two before it found.

    ``chosen`` are stance and confidence; by default the data's own.
    """
    stance, confidence = chosen or (ruling.stance, ruling.confidence)
    catalysts = "\n".join(f"- {item}" for item in view.catalysts)
    return Draft(
        headline=_headline_of_report(facts, stance, analysis),
        executive_summary=" ".join(_summary(facts, stance, confidence, analysis)),
        technical_outlook=f"{analysis.trend_reason}\n\n{analysis.volatility_reason}\n\n"
        + " ".join(_outlook(facts)),
        key_levels="\n".join(f"- {level}" for level in analysis.key_levels),
        market_sentiment=f"{view.summary}\n{catalysts}".strip(),
        risks="\n".join(f"- {risk}" for risk in analysis.risks),
        track_record=" ".join(_track_record(facts)),
        rationale=" ".join(_rationale(facts, ruling, stance)),
        stance=stance,  # type: ignore[arg-type]  # one of the three
        confidence=confidence,  # type: ignore[arg-type]  # one of the three
    )


def review(ruling: Ruling, flags: Sequence[str]) -> Critique:
    """Return the critic's part: it approves what the checker does not object to."""
    return Critique(
        verdict="revise" if flags else "approve",
        issues=list(flags)[:20],
        stance=ruling.stance,  # type: ignore[arg-type]  # one of the three
        confidence=ruling.confidence,  # type: ignore[arg-type]  # one of the three
    )


def _end(facts: FactTable) -> str:
    return f"{facts.number('horizon'):.0f}"


def _name(facts: FactTable) -> str:
    ticker = facts["ticker"].text
    company = facts["company"].text if "company" in facts else None
    return ticker if company in (None, ticker) else f"{company} ({ticker})"


def _move(facts: FactTable, name: str, up: str, down: str, flat: str = "was unchanged") -> str:
    """Return a move in words and without a sign: ``fell 2.5% [return_1d]``."""
    value = facts.number(name)
    if round(abs(value), 1) == 0:
        return f"{flat} at 0.0% [{name}]"
    return f"{up if value > 0 else down} {abs(value):.1f}% [{name}]"


def _side(facts: FactTable, name: str) -> str:
    """Return ``2.5% [gap_20d] above``."""
    value = facts.number(name)
    return f"{abs(value):.1f}% [{name}] {'below' if value < 0 else 'above'}"


def _listed(parts: Iterable[str]) -> str:
    found = list(parts)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"


def _trend(facts: FactTable) -> str:
    gaps = [facts.number(f"gap_{days}d") for days in (20, 50, 200) if f"gap_{days}d" in facts]
    if gaps and all(gap > 0 for gap in gaps):
        return "up"
    return "down" if gaps and all(gap < 0 for gap in gaps) else "sideways"


def _trend_reason(facts: FactTable, trend: str) -> Iterable[str]:
    days = [days for days in (20, 50, 200) if f"gap_{days}d" in facts]
    where = (
        _listed(
            f"{_side(facts, f'gap_{n}d')} its {n}-day average of {facts.text(f'mean_{n}d')}"
            for n in days
        )
        if days
        else ""
    )
    name = {
        "up": "The trend is up",
        "down": "The trend is down",
        "sideways": "There is no clear trend",
    }
    yield (
        f"{name[trend]}: the close is {where}."
        if where
        else f"{name[trend]}: the history is short."
    )
    spans = [n for n in (20, 60, 250) if f"return_{n}d" in facts]
    if spans:
        moves = [
            f"{_move(facts, f'return_{n}d', 'gained', 'lost')} over {n} sessions" for n in spans
        ]
        yield f"The shares {_listed(moves)}."


def _momentum(facts: FactTable) -> Iterable[str]:
    if "rsi14" in facts:
        value = facts.number("rsi14")
        where = "between the usual marks of exhaustion"
        if value >= _OVERBOUGHT:
            where = "in the zone that chartists call overbought"
        elif value <= _OVERSOLD:
            where = "in the zone that chartists call oversold"
        yield f"The RSI14 of {facts.text('rsi14')} is {where}."
    if "macd" in facts:
        value = facts.number("macd")
        side = "below zero, so short averages run under long ones"
        if value >= 0:
            side = "above zero, so short averages run over long ones"
        yield f"The signal line of the MACD stands at {facts.text('macd')}, {side}."


def _regime(facts: FactTable) -> str:
    rank = facts.number("vol_rank")
    return "low" if rank < _CALM else "high" if rank > _WILD else "normal"


def _volatility_reason(facts: FactTable, regime: str) -> Iterable[str]:
    words = {"low": "calm", "normal": "ordinary", "high": "turbulent"}
    if "vol_20d" in facts:
        known = ""
        if "vol_rank" in facts:
            known = (
                f", higher than on {facts.text('vol_rank')} of the last"
                f" {facts.text('vol_window')}: a {words[regime]} regime"
            ).replace("a ordinary", "an ordinary")
        yield f"Realised volatility over 20 days is {facts.text('vol_20d')} annualised{known}."
    if "sigma_day" in facts:
        yield f"The model reckons with a volatility of {facts.text('sigma_day')} a day from here."
    if "volume_ratio" in facts:
        yield f"Volume was {facts.text('volume_ratio')} times its 20-day average."


def _outlook(facts: FactTable) -> Iterable[str]:
    end = _end(facts)
    yield (
        f"For {facts.text(f'target_{end}')} the median is {facts.text(f'q50_{end}')}, the 50%"
        f" [level_50] interval runs from {facts[f'q25_{end}'].text} to {facts[f'q75_{end}'].text}"
        f" [q25_{end}, q75_{end}] and the 90% [level_90] interval from {facts[f'q05_{end}'].text} to"
        f" {facts[f'q95_{end}'].text} [q05_{end}, q95_{end}]."
    )
    yield (
        f"Already for the next session, {facts.text('target_1')}, the 80% [level_80] interval spans"
        f" {facts['q10_1'].text} to {facts['q90_1'].text} [q10_1, q90_1]."
    )


def _levels(facts: FactTable) -> Iterable[str]:
    last = facts.number("last_close")
    names = {
        "low_20d": "the 20-day low",
        "high_20d": "the 20-day high",
        "low_250d": "the low of the last 250 sessions",
        "high_250d": "the high of the last 250 sessions",
        "mean_50d": "the 50-day average",
        "mean_200d": "the 200-day average",
    }
    known = [(facts.number(name), name) for name in names if name in facts]
    known = list({facts[name].text: (value, name) for value, name in known}.values())
    below = sorted((level for level in known if level[0] < last), reverse=True)[:3]
    above = sorted(level for level in known if level[0] > last)[:3]
    for title, levels in (("Support", below), ("Resistance", above)):
        if levels:
            said = [f"{names[name]} at {facts.text(name)}" for _, name in levels]
            yield f"{title}: {_listed(said)}."
    end = _end(facts)
    yield (
        f"Forecast range: the 80% [level_80] interval for {facts.text(f'target_{end}')} runs from"
        f" {facts[f'q10_{end}'].text} to {facts[f'q90_{end}'].text} [q10_{end}, q90_{end}]."
    )
    if "from_high" in facts and facts.number("from_high") < 0:
        side = _side(facts, "from_high")
        yield f"Distance: the close is {side} the high of the last 250 sessions."


def _risks(facts: FactTable, regime: str) -> Iterable[str]:
    end = _end(facts)
    low = facts.number(f"tail_low_move_{end}")
    direction = "below" if low < 0 else "above"
    yield (
        f"Tail: the 5% quantile for {facts.text(f'target_{end}')} is {facts.text(f'q05_{end}')}, which is"
        f" {abs(low):.1f}% [tail_low_move_{end}] {direction} the last close; one outcome in twenty"
        " should be worse."
    )
    if regime == "low":
        yield "Regime: calm spells end abruptly, and intervals drawn in one are too narrow then."
    elif regime == "high":
        yield "Regime: in turbulence gaps between sessions are common, and stops may not hold."
    else:
        yield "Regime: volatility is ordinary now; the intervals widen only after it has risen."
    yield from _model_risks(facts)
    yield "Events: the report knows no dates of results, dividends or decisions still to come."


def _model_risks(facts: FactTable) -> Iterable[str]:
    if facts["skilful"].value != "yes":
        yield "Model: no skill was shown out of sample, so the centre of the forecast tells nothing."
    else:
        yield "Model: its skill lies in the spread of outcomes more than in their direction."
    health = str(facts["drift_health"].value)
    if health == "unknown":
        yield "Data: whether they have drifted from what the model learnt is unknown."
    else:
        yield f"Data: the health of the data and the model is {health} [drift_health]."


def _track_record(facts: FactTable) -> Iterable[str]:
    yield from _backtest(facts)
    yield from _ledger(facts)
    yield from _past(facts)


def _backtest(facts: FactTable) -> Iterable[str]:
    if "skill_gain" not in facts:
        yield "There is no backtest of this model."
        return
    value = facts.number("skill_gain")
    side = "lower" if value >= 0 else "higher"
    size = f"{abs(value):.1f}% [skill_gain] {side} than the naive forecast's"
    if "skill_gain_low" in facts:
        low, high = facts.number("skill_gain_low"), facts.number("skill_gain_high")
        ends = f"{low:.1f}% to {high:.1f}% [skill_gain_low, skill_gain_high]"
        size += f" (95% [level_95] confidence interval of the gain: {ends})"
    yield f"In the backtest the model's loss was {size}."
    if "skill_vs_garch" in facts:
        yield f"Against GARCH the loss ratio was {facts.text('skill_vs_garch')}, below one is better."
    if "coverage_80" in facts:
        over = f" over {facts.text('backtest_n')} forecasts" if "backtest_n" in facts else ""
        yield (
            f"The 80% [level_80] interval covered {facts.text('coverage_80')} of outcomes in the"
            f" test{over}."
        )


def _ledger(facts: FactTable) -> Iterable[str]:
    settled = facts.number("ledger_settled")
    if settled < 1:
        yield "No forecast of the ledger has been settled yet, so there is no record beyond the test."
        return
    yield (
        f"The ledger holds {facts.text('ledger_settled')} settled outcomes, of which the 80%"
        f" [level_80] interval contained {facts.text('ledger_coverage_80')}."
    )
    if "ledger_gain" in facts:
        gain = facts.number("ledger_gain")
        side = "lower" if gain >= 0 else "higher"
        yield (
            f"Its loss there was {abs(gain):.1f}% [ledger_gain] {side} than the naive forecast's."
        )
    if settled < _ENOUGH:
        yield "That is too little to judge by."


def _past(facts: FactTable) -> Iterable[str]:
    number = 1
    while f"past_{number}_date" in facts:
        name = f"past_{number}"
        stance, _, confidence = facts[f"{name}_stance"].text.partition("/")
        told = (
            f"The report of {facts.text(f'{name}_date')} took the {stance.lower()} side with"
            f" {confidence.lower()} conviction at {facts.text(f'{name}_close')}"
        )
        if f"{name}_end" in facts:
            move = _move(facts, f"{name}_move", "had risen", "had fallen", "had not moved,")
            told += (
                f"; by {facts.text(f'{name}_end')} the price {move}, {facts[f'{name}_outcome'].text}"
                " its interval"
            )
        else:
            told += "; its forecast is not settled yet"
        yield f"{told}."
        number += 1


def _summary(
    facts: FactTable, stance: str, confidence: str, analysis: PerformanceAnalysis
) -> Iterable[str]:
    end = _end(facts)
    day = ""
    if "return_1d" in facts:
        move = _move(facts, "return_1d", "a gain of", "a loss of", "a change of")
        day = f", {move} on the day".replace(" at 0.0%", " 0.0%")
    yield f"{_name(facts)} closed at {facts.text('last_close')} on {facts.text('as_of')}{day}."
    yield (
        f"The forecast for the next {facts.text('horizon')} puts the median at"
        f" {facts.text(f'q50_{end}')}, {_side(facts, f'median_move_{end}')} the last close, and 80%"
        f" [level_80] of outcomes between {facts[f'q10_{end}'].text} and {facts[f'q90_{end}'].text}"
        f" [q10_{end}, q90_{end}]."
    )
    yield (
        f"The probability of a rise by then is {facts.text(f'p_rise_{end}')}, and the expected size of"
        f" the move is {facts.text(f'expected_move_{end}')} either way."
    )
    regime = {"low": "calm", "normal": "ordinary", "high": "turbulent"}[analysis.volatility]
    trend = {"up": "an upward trend", "down": "a downward trend", "sideways": "no clear trend"}
    yield f"The chart shows {trend[analysis.trend]} in a {regime} market.".replace(
        "a ordinary", "an ordinary"
    )
    yield f"The stance is {stance} with {confidence.lower()} confidence."


def _rationale(facts: FactTable, ruling: Ruling, stance: str) -> Iterable[str]:
    end = _end(facts)
    if stance == ruling.stance:
        yield f"The stance follows from the forecast and from nothing else: {ruling.reason}."
    else:
        yield "The forecast would allow a direction, and the reviewers preferred to take none."
    yield (
        f"The probability of a rise over the next {facts.text('horizon')} is"
        f" {facts.text(f'p_rise_{end}')}."
    )
    if facts["skilful"].value != "yes":
        yield "Use the interval as a measure of risk, and take no direction from it."
    elif stance == "NEUTRAL":
        yield "What the model adds is the width of the interval, which sizes a position."
    else:
        yield "A close outside the 80% [level_80] interval would be a reason to think again."


def _headline_of_report(facts: FactTable, stance: str, analysis: PerformanceAnalysis) -> str:
    end, ticker = _end(facts), facts["ticker"].text
    band = (
        f"80% [level_80] of outcomes between {facts[f'q10_{end}'].text} and"
        f" {facts[f'q90_{end}'].text} [q10_{end}, q90_{end}]"
    )
    if facts["skilful"].value != "yes":
        return f"{ticker}: no edge over a naive forecast; {band}"
    if stance == "NEUTRAL":
        mood = {"low": "A calm", "normal": "An ordinary", "high": "A turbulent"}[
            analysis.volatility
        ]
        return f"{ticker}: {mood.lower()} market and no lean; {band}"
    rise = facts.text(f"{'p_rise' if stance == 'BULLISH' else 'p_fall'}_{end}")
    side = "rise" if stance == "BULLISH" else "fall"
    return f"{ticker}: the probability of a {side} is {rise}; {band}"


def _news_opening(facts: FactTable, shown: int) -> str:
    count = int(facts.number("news_count"))
    noun = "item" if count == 1 else "items"
    most = " The latest:" if count > _QUOTED else ""
    return (
        f"There {'is' if count == 1 else 'are'} {facts.text('news_count')} {noun} of news up to"
        f" {facts.text('as_of')}.{most}"
    )


def _headline(number: int, item: Mapping[str, Any]) -> str:
    source = f"{item['publisher']}, " if item.get("publisher") else ""
    return f"“{item['title']}” [news_{number}] ({source}{item['date']} [news_{number}_date])."
