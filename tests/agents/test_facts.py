"""A fact is what its label says: each label is read, and its figure computed anew from that."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stockcast.agents import analogues
from stockcast.agents.facts import build, probability_of_rise
from stockcast.agents.inputs import Subject
from stockcast.markets.companies import company_of
from tests.agents import worlds

Reading = Callable[[Subject, re.Match[str]], Any]
RULES: list[tuple[str, Reading]] = []


#: Parts of a change of width, by what they are called.
PARTS = {
    "level of volatility": "volatility",
    "the last session": "today",
    "index": "index",
    "recalibration": "recalibration",
    "other inputs": "rest",
    "results ahead": "events",
    "no results ahead": "events",
}


def labelled(pattern: str) -> Callable[[Reading], Reading]:
    """Have the function compute what a label of this ``pattern`` names."""

    def keep(reading: Reading) -> Reading:
        RULES.append((pattern, reading))
        return reading

    return keep


def days_of(about: Subject) -> pd.DataFrame:
    """The forecast days, by date."""
    days = [day.model_dump(mode="json") for day in about.forecast.days]
    return pd.DataFrame(days).set_index("date")


def close_of(about: Subject) -> pd.Series:
    return about.bars["close"]


def quantile_of(text: str) -> str:
    return "q50" if text == "median" else f"q{int(text.partition('%')[0]):02d}"


def moved(about: Subject, price: float) -> float:
    return 100 * (price / close_of(about).iloc[-1] - 1)


def _told(*path: str) -> Reading:
    """What the forecast says under a path of keys."""

    def read(about: Subject, _: re.Match[str]) -> Any:
        found: Any = about.forecast.model_dump(mode="json")
        for key in path:
            found = found[key]
        return found

    return read


labelled("Ticker")(_told("ticker"))
labelled("Day of the report")(_told("as_of"))
labelled("Kind of model")(_told("model", "kind"))
labelled("Version of the model")(_told("model", "version"))
labelled("Last day of the model's training")(_told("model", "trained_through"))
labelled("Verdict on the model")(_told("verdict", "reason"))
labelled("Test loss over the naive forecast's")(_told("skill", "pinball_vs_naive"))
labelled("Test loss over GARCH's")(_told("skill", "pinball_vs_garch"))
labelled("Forecasts scored in the test")(_told("skill", "n"))
labelled("Company")(lambda about, _: company_of(about.forecast.ticker))
labelled("Last close")(lambda about, _: close_of(about).iloc[-1])
labelled("Trading days forecast")(lambda about, _: len(days_of(about)))
labelled(r"Trading day (\d+) ahead")(lambda about, m: days_of(about).index[int(m[1]) - 1])
labelled(r"Forecast close on (\S+), (.+)")(
    lambda about, m: days_of(about).loc[m[1], quantile_of(m[2])]
)
labelled(r"Forecast move by (\S+), (.+)")(
    lambda about, m: moved(about, days_of(about).loc[m[1], quantile_of(m[2])])
)
labelled(r"Nominal level of the interval q(\d\d) to q(\d\d)")(lambda _, m: int(m[2]) - int(m[1]))
labelled("Level of the quantile q05")(lambda *_: 5)
labelled("Probability of a rise from which BULLISH is allowed")(lambda *_: 60)
labelled("Probability of a rise up to which BEARISH is")(lambda *_: 40)
labelled(r"Change over the last session")(
    lambda about, _: 100 * close_of(about).pct_change().iloc[-1]
)
labelled(r"Change over the last (\d+) sessions")(
    lambda about, m: 100 * close_of(about).pct_change(int(m[1])).iloc[-1]
)
labelled(r"(\d+)-day average of closes")(
    lambda about, m: close_of(about).rolling(int(m[1])).mean().iloc[-1]
)
labelled(r"Close against its (\d+)-day average")(
    lambda about, m: (
        -100 * (1 - close_of(about).iloc[-1] / close_of(about).rolling(int(m[1])).mean().iloc[-1])
    )
)
labelled(r"High of the last (\d+) sessions")(
    lambda about, m: about.bars["high"].iloc[-int(m[1]) :].max()
)
labelled(r"Low of the last (\d+) sessions")(
    lambda about, m: about.bars["low"].iloc[-int(m[1]) :].min()
)
labelled(r"Close against the high of the last (\d+) sessions")(
    lambda about, m: (
        100 * (close_of(about).iloc[-1] / about.bars["high"].iloc[-int(m[1]) :].max() - 1)
    )
)
labelled(r"Volume against its (\d+)-day average")(
    lambda about, m: about.bars["volume"].iloc[-1] / about.bars["volume"].iloc[-int(m[1]) :].mean()
)
labelled("Beats the naive forecast out of sample")(
    lambda about, _: "yes" if about.forecast.verdict.skilful else "no"
)
labelled("Test loss below the naive forecast's by")(
    lambda about, _: 100 - 100 * about.forecast.skill.pinball_vs_naive
)
labelled(r"The same, lower end of its 95% interval")(
    lambda about, _: 100 - 100 * max(about.forecast.skill.ci95)
)
labelled(r"The same, upper end of its 95% interval")(
    lambda about, _: 100 - 100 * min(about.forecast.skill.ci95)
)
labelled("Level of the interval of the skill")(lambda *_: 95)
labelled(r"Outcomes inside the (\d+)% interval in the test")(
    lambda about, m: 100 * getattr(about.forecast.skill, f"coverage_{m[1]}")
)
labelled("Forecasts in the ledger")(lambda about, _: about.ledger["forecasts"])
labelled("Outcomes settled in the ledger")(lambda about, _: about.ledger["settled"])
labelled(r"Settled outcomes inside the (\d+)% interval")(
    lambda about, m: 100 * about.ledger[f"coverage_{m[1]}"]
)
labelled("Loss in the ledger over the naive forecast's")(
    lambda about, _: about.ledger["pinball_vs_naive"]
)
labelled("Ledger loss below the naive forecast's by")(
    lambda about, _: 100 - 100 * about.ledger["pinball_vs_naive"]
)
labelled("News items on the day of the report or before")(lambda about, _: len(about.news.items))
labelled(r"Date of news (\d+)")(lambda about, m: about.news.items[int(m[1]) - 1].date)
labelled(r"Day of earlier report (\d+)")(lambda about, m: about.memories[int(m[1]) - 1].as_of)
labelled(r"Close on (\S+)")(lambda about, m: close_of(about).loc[m[1]])
labelled(r"Move from (\S+) to (\S+)")(
    lambda about, m: 100 * (close_of(about).loc[m[2]] / close_of(about).loc[m[1]] - 1)
)


labelled("Past days most like today")(lambda about, _: len(about.analogues.days))
labelled(r"Day most like today, number (\d+)")(
    lambda about, m: str(about.analogues.days[int(m[1]) - 1].day)
)
labelled("Share of them with a higher close then")(
    lambda about, _: 100 * float((after(about, nearest(about)) > 0).mean())
)
labelled(r"Move after them, (\d+)% quantile")(
    lambda about, m: float(np.quantile(after(about, nearest(about)), int(m[1]) / 100))
)
labelled("Share of all past days with a higher close after as long")(
    lambda about, _: 100 * float((after(about, comparable(about)) > 0).mean())
)
labelled("Median move after any past day")(
    lambda about, _: float(after(about, comparable(about)).median())
)
labelled("Share of outcomes beyond the outermost quantile")(lambda *_: 1)
labelled(r"Loss by (\S+) that is exceeded with a probability of (\d)%")(
    lambda about, m: 100 * getattr(about.forecast.risk.value_at_risk[-1], f"p{100 - int(m[2])}")
)
labelled(r"Mean loss by (\S+) in the worst (\d)% of outcomes")(
    lambda about, m: (
        100 * getattr(about.forecast.risk.expected_shortfall[-1], f"p{100 - int(m[2])}")
    )
)
labelled("The 80% interval at the end is wider than a week ago by")(
    lambda about, _: 100 * (about.forecast.why.width / about.forecast.why.week_ago.width - 1)
)
labelled("The 80% interval at the end is wider than usual by")(
    lambda about, _: 100 * (about.forecast.why.width / about.forecast.why.usual.width - 1)
)
labelled(r"The 80% interval at the end is wider than a week ago for (.+) by")(
    lambda about, m: 100 * (math.exp(getattr(about.forecast.why.week_ago.parts, PARTS[m[1]])) - 1)
)
labelled("Dates of results are known")(
    lambda about, _: "yes" if getattr(about.forecast.inputs, "calendar", False) else "no"
)
labelled("Day of the next results")(lambda about, _: str(about.forecast.events[0].date))
labelled("When in that day the next results come")(
    lambda about, _: {"bmo": "before the open"}[about.forecast.events[0].when]
)
labelled("Next results come inside the horizon")(
    lambda about, _: "yes" if any(day.event for day in about.forecast.days) else "no"
)
labelled(r"The next results widen the 80% interval at the end by")(
    lambda about, _: 100 * about.forecast.events[0].widens
)


def after(about: Subject, days: pd.DatetimeIndex) -> pd.Series:
    """What followed the days over the forecast's horizon, per cent."""
    close = close_of(about)
    return 100 * (close.shift(-len(about.forecast.days)) / close - 1).loc[days]


def nearest(about: Subject) -> pd.DatetimeIndex:
    assert about.analogues is not None
    return pd.DatetimeIndex([day.day for day in about.analogues.days])


def comparable(about: Subject) -> pd.DatetimeIndex:
    """Days with a whole past, whose outcome is known at the origin."""
    known = analogues.states(about.bars).dropna().index
    return known[known <= about.bars.index[-1 - len(about.forecast.days)]]


@labelled("Who wrote it")
def publisher(about: Subject, _: re.Match[str]) -> set[str]:
    return {item.publisher for item in about.news.items}


@labelled("Health of the data and the model")
def health(about: Subject, _: re.Match[str]) -> str:
    return about.drift.health.lower() if about.drift else "unknown"


@labelled(r"News(?:, (.+))?")
def headline(about: Subject, found: re.Match[str]) -> set[str]:
    return {item.title for item in about.news.items if item.publisher == (found[1] or "")}


@labelled(r"Stance of the report of (\S+)")
def earlier_stance(about: Subject, found: re.Match[str]) -> str:
    (memory,) = (memory for memory in about.memories if memory.as_of == found[1])
    return f"{memory.stance}/{memory.confidence}"


@labelled(r"Day on which that forecast ended \((\S+)\)")
def ended(about: Subject, found: re.Match[str]) -> str | None:
    (memory,) = (memory for memory in about.memories if memory.as_of == found[1])
    return memory.settled_on


@labelled("Where that ended, against its 80% interval")
def outcome(about: Subject, _: re.Match[str]) -> set[str]:
    settled = [memory for memory in about.memories if memory.settled_on]
    return {"inside" if memory.inside else "outside" for memory in settled}


@labelled(r"Probability of a (higher|lower) close by (\S+)")
def probability(about: Subject, found: re.Match[str]) -> float:
    """Read off the quantiles: exact at each of them, and between its neighbours elsewhere."""
    day = next(day for day in about.forecast.days if str(day.date) == found[2])
    rise = 100 * probability_of_rise(day, close_of(about).iloc[-1])
    below = [
        int(name[1:]) for name in worlds.NORMAL if getattr(day, name) <= close_of(about).iloc[-1]
    ]
    above = [
        int(name[1:]) for name in worlds.NORMAL if getattr(day, name) >= close_of(about).iloc[-1]
    ]
    assert 100 - min(above, default=100) - 1e-9 <= rise <= 100 - max(below, default=0) + 1e-9
    return rise if found[1] == "higher" else 100 - rise


@labelled("Width of the (80)% interval at the end, of the close")
def width(about: Subject, _: re.Match[str]) -> float:
    last = days_of(about).iloc[-1]
    return 100 * (last["q90"] - last["q10"]) / close_of(about).iloc[-1]


@labelled(r"Expected size of the move by (\S+), either way")
def expected(about: Subject, found: re.Match[str]) -> Any:
    """The mean of |move| under the quantiles: by the trapezoid rule, to a few per cent."""
    day = days_of(about).loc[found[1]]
    moves = np.array([moved(about, day[name]) for name in worlds.NORMAL])
    levels = np.array([int(name[1:]) / 100 for name in worlds.NORMAL])
    grid = np.linspace(0, 1, 2001)
    return pytest.approx(float(np.abs(np.interp(grid, levels, moves)).mean()), rel=0.02)


@labelled(r"Relative strength index, (\d+) days")
def strength(about: Subject, found: re.Match[str]) -> float:
    change = close_of(about).diff().iloc[-int(found[1]) :]
    gain, loss = change[change > 0].sum(), -change[change < 0].sum()
    return 100 * gain / (gain + loss)


@labelled(r"Value of the MACD line \((\d+), (\d+)\)")
def macd_line(about: Subject, found: re.Match[str]) -> float:
    """The difference of two exponential averages; its signal line would be an average of that."""

    def average(span: int) -> float:
        weights = (1 - 2 / (span + 1)) ** np.arange(len(about.bars))[::-1]
        return float(np.average(close_of(about), weights=weights))

    return average(int(found[1])) - average(int(found[2]))


@labelled(r"Realised volatility, (\d+) days, annualised")
def realised(about: Subject, found: re.Match[str]) -> float:
    returns = np.diff(np.log(close_of(about).to_numpy()))[-int(found[1]) :]
    return 100 * float(returns.std(ddof=1)) * math.sqrt(252)


@labelled("Volatility expected of one day")
def expected_volatility(about: Subject, _: re.Match[str]) -> float:
    from stockcast import features

    ohlc = about.bars[["open", "high", "low", "close"]]
    return 100 * float(features.volatility(ohlc).iloc[-1])


@labelled("Share of days with lower realised volatility")
def rank(about: Subject, _: re.Match[str]) -> float:
    known = np.log(close_of(about)).diff().rolling(20).std().dropna().iloc[-500:]
    return 100 * float((known < known.iloc[-1]).sum()) / len(known)


@labelled("Days over which volatility is ranked")
def ranked(about: Subject, _: re.Match[str]) -> int:
    return min(500, len(about.bars) - 20)


@pytest.mark.parametrize("seed", range(8))
def test_every_fact_is_what_its_label_says(seed: int) -> None:
    about = worlds.subject(seed, days=620 if seed % 2 else None)
    for fact in build(about).values():
        reading = [
            (rule, found) for pattern, rule in RULES if (found := re.fullmatch(pattern, fact.label))
        ]
        assert len(reading) == 1, f"{fact.id}: {fact.label}"
        value = reading[0][0](about, reading[0][1])
        if isinstance(value, set):
            assert fact.value in value, fact
        elif isinstance(value, int | float):
            assert fact.value == pytest.approx(value, rel=1e-9, abs=1e-9), fact
        else:
            assert fact.value == value, fact


def test_every_label_that_is_known_was_met() -> None:
    labels = {fact.label for seed in range(24) for fact in build(worlds.subject(seed)).values()}
    unmet = [
        pattern for pattern, _ in RULES if not any(re.fullmatch(pattern, text) for text in labels)
    ]
    assert unmet == []
