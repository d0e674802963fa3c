"""The fact table of one report: everything that its prose may state, each with an id and a day.

Nothing is written into a report that is not here. Prices are in the ticker's currency, moves and
probabilities in per cent; ``_3`` at the end of an id means three trading days ahead, ``_20d`` means
over the last twenty.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from stockcast.agents.inputs import EarlierReport, Subject
from stockcast.contracts.forecast import QUANTILE_NAMES, QUANTILES, ForecastDay
from stockcast.contracts.report import Fact
from stockcast.markets.companies import company_of
from stockcast.presentation import event_wording, width_wording

__all__ = ["LEAN", "LEVELS", "FactTable", "build", "probability_of_rise"]

#: Quantiles of every forecast and their levels.
LEVELS = {name: level for level, name in QUANTILE_NAMES.items() if name in QUANTILES}

#: Probability of a rise (per cent) from which the stance rule allows BULLISH; 100 less it, BEARISH.
LEAN = 60.0

_RETURNS = (1, 5, 20, 60, 250)
_MEANS = (20, 50, 200)
_EXTREMES = (20, 250)
#: Days over which a day's volatility is ranked.
RANKED = 500


_FACTS = TypeAdapter(tuple[Fact, ...])


class FactTable(dict[str, Fact]):
    """The facts of a report by id, in the order in which they are shown."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        super().__init__({fact.id: fact for fact in facts})

    def number(self, name: str) -> float:
        """Return the figure of ``name``; NaN when there is none."""
        return self[name].number if name in self else math.nan

    @property
    def end(self) -> str:
        """What the ids of the last forecast day end in."""
        return f"{self.number('horizon'):.0f}"

    @functools.cached_property
    def rows(self) -> tuple[Fact, ...]:
        """The facts, in order."""
        return tuple(self.values())

    def json(self) -> str:
        """Return the facts as JSON."""
        return _FACTS.dump_json(self.rows).decode()

    @classmethod
    def of(cls, document: str) -> FactTable:
        """Return the table that :meth:`json` was made from."""
        return cls(_FACTS.validate_json(document))


def build(subject: Subject) -> FactTable:
    """Return every fact about ``subject``."""
    maker = _Maker(subject)
    maker.identity()
    maker.forecast_days()
    maker.forecast_end()
    maker.tail()
    maker.events()
    maker.width()
    maker.past()
    maker.volatility()
    maker.analogues()
    maker.skill()
    maker.ledger()
    maker.surroundings()
    return FactTable(maker.facts)


def probability_of_rise(day: ForecastDay, last_close: float) -> float:
    """Return the probability (0 to 1) of a close above ``last_close`` on one forecast day.

    Log-returns are interpolated linearly between the quantiles; beyond the outermost ones half of
    what is left is taken, which keeps the figure between 2.5% and 97.5%.
    """
    points = [(math.log(getattr(day, name) / last_close), level) for name, level in LEVELS.items()]
    if points[0][0] >= 0:
        return 1 - points[0][1] / 2 if points[0][0] > 0 else 1 - points[0][1]
    if points[-1][0] <= 0:
        return (1 - points[-1][1]) / 2 if points[-1][0] < 0 else 1 - points[-1][1]
    returns, levels = zip(*points, strict=True)
    below = float(np.interp(0.0, returns, levels))
    return 1 - below


class _Maker:
    """Collects the facts of one subject."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.forecast = subject.forecast
        self.facts: list[Fact] = []
        self.as_of = str(self.forecast.as_of)
        self.currency = self.forecast.currency
        self.last = self.forecast.last_close
        self.days = self.forecast.days

    def add(
        self,
        name: str,
        label: str,
        value: Any,
        unit: str,
        as_of: str | None = None,
        text: str | None = None,
    ) -> None:
        """Add a fact unless there is no value; ``text`` is how to write it, by default by unit."""
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return
        value = value if isinstance(value, str) else float(value)
        day, text = as_of or self.as_of, text or self._write(value, unit)
        self.facts.append(Fact(id=name, label=label, value=value, unit=unit, as_of=day, text=text))

    def level(self, name: str, label: str, level: float) -> None:
        """Add a share that is exact, without a digit behind the point."""
        self.add(name, label, level, "%", text=f"{level:.0f}%")

    def _write(self, value: float | str, unit: str) -> str:
        if isinstance(value, str):
            return value
        styles = {
            "%": f"{value:.1f}%".replace("-0.0%", "0.0%"),
            "points": f"{value:.1f}",
            "ratio": f"{value:.3f}",
            "count": f"{value:,.0f}",
            "days": f"{value:.0f} trading day{'s' * (value != 1)}",
        }
        return styles.get(unit) or f"{self.forecast.price(value)} {unit}"

    def move(self, price: float) -> float:
        """Return how far ``price`` is from the last close, per cent."""
        return 100 * (price / self.last - 1)

    def identity(self) -> None:
        model = self.forecast.model
        ticker = self.forecast.ticker
        self.add("ticker", "Ticker", ticker, "text")
        self.add("company", "Company", company_of(ticker), "text")
        self.add("as_of", "Day of the report", self.as_of, "date")
        closed = self.forecast.closed_at
        self.add("last_close", "Last close", self.last, self.currency, text=closed)
        self.add("model_kind", "Kind of model", model.kind, "text")
        self.add("model_version", "Version of the model", model.version, "text")
        trained = model.trained_through
        self.add(
            "trained_through", "Last day of the model's training", trained and str(trained), "date"
        )

    def forecast_days(self) -> None:
        self.add("horizon", "Trading days forecast", len(self.days), "days")
        for ahead, day in enumerate(self.days, start=1):
            self.add(f"target_{ahead}", f"Trading day {ahead} ahead", str(day.date), "date")
        for ahead, day in enumerate(self.days, start=1):
            for name in LEVELS:
                label = f"Forecast close on {day.date}, {_quantile(name)}"
                self.add(f"{name}_{ahead}", label, getattr(day, name), self.currency)
        self.level("level_5", "Level of the quantile q05", 5)
        for level, what in ((50, "q25 to q75"), (80, "q10 to q90"), (90, "q05 to q95")):
            self.level(f"level_{level}", f"Nominal level of the interval {what}", level)

    def forecast_end(self) -> None:
        for ahead in sorted({1, len(self.days)}):
            day = self.days[ahead - 1]
            when = f"by {day.date}"
            rise = 100 * probability_of_rise(day, self.last)
            self.add(f"p_rise_{ahead}", f"Probability of a higher close {when}", rise, "%")
            self.add(f"p_fall_{ahead}", f"Probability of a lower close {when}", 100 - rise, "%")
            self._moves(ahead, median="q50", low="q10", high="q90")
        end, last = len(self.days), self.forecast.last_day
        self._moves(end, tail_low="q05", tail_high="q95")
        width = 100 * (last.q90 - last.q10) / self.last
        self.add(f"width_{end}", "Width of the 80% interval at the end, of the close", width, "%")
        label = f"Expected size of the move by {last.date}, either way"
        self.add(f"expected_move_{end}", label, _expected_size(last, self.last), "%")

        self.level("rule_rise", "Probability of a rise from which BULLISH is allowed", LEAN)
        self.level("rule_fall", "Probability of a rise up to which BEARISH is", 100 - LEAN)

    def _moves(self, ahead: int, **quantiles: str) -> None:
        day = self.days[ahead - 1]
        for name, of in quantiles.items():
            label = f"Forecast move by {day.date}, {_quantile(of)}"
            self.add(f"{name}_move_{ahead}", label, self.move(getattr(day, of)), "%")

    def tail(self) -> None:
        risk = self.forecast.risk
        if risk is None:
            return
        lost, mean, end = risk.value_at_risk[-1], risk.expected_shortfall[-1], len(self.days)
        self.level("level_1", "Share of outcomes beyond the outermost quantile", 1)
        for share, name in ((5, "p95"), (1, "p99")):
            label = f"Loss by {lost.date} that is exceeded with a probability of {share}%"
            self.add(f"var_{share}pct_{end}", label, 100 * getattr(lost, name), "%")
            label = f"Mean loss by {mean.date} in the worst {share}% of outcomes"
            self.add(f"shortfall_{share}pct_{end}", label, 100 * getattr(mean, name), "%")

    def width(self) -> None:
        why = self.forecast.why
        if why is None:
            return
        what = "The 80% interval at the end is wider than"
        self.add("wider_week", f"{what} a week ago by", 100 * why.week_ago.share, "%")
        for name, log in why.week_ago.parts.known().items():
            label = f"{what} a week ago for {width_wording.words(name, self.forecast)} by"
            self.add(f"wider_{name}", label, 100 * math.expm1(log), "%")
        if why.usual:
            self.add("wider_usual", f"{what} usual by", 100 * why.usual.share, "%")

    def events(self) -> None:
        known = event_wording.has_calendar(self.forecast)
        self.add("calendar", "Dates of results are known", _yes(known), "text")
        event = event_wording.next_event(self.forecast) if known else None
        if event is None:
            return
        self.add("results_date", "Day of the next results", str(event.date), "date")
        when = event_wording.MOMENTS[event.when] if event.when else None
        self.add("results_when", "When in that day the next results come", when, "text")
        inside = _yes(event.inside_horizon)
        self.add("results_inside", "Next results come inside the horizon", inside, "text")
        label = "The next results widen the 80% interval at the end by"
        self.add("results_widening", label, _per_cent(event.widens), "%")

    def past(self) -> None:
        from stockcast.ingestion.bars import has_range  # pandas, which a kept report does without

        bars, close = self.subject.bars, self.subject.bars["close"]
        # what reaches further back than the history is NaN, and no fact
        for days in _RETURNS:
            change = 100 * (close / close.shift(days) - 1).iloc[-1]
            self.add(f"return_{days}d", f"Change over {_sessions(days)}", change, "%")
        for days in _MEANS:
            mean = close.rolling(days).mean().iloc[-1]
            self.add(f"mean_{days}d", f"{days}-day average of closes", mean, self.currency)
            gap = 100 * (self.last / mean - 1)
            self.add(f"gap_{days}d", f"Close against its {days}-day average", gap, "%")
        ranged = bool(has_range(bars).iloc[-1])
        high, low = ("High", "Low") if ranged else ("Highest close", "Lowest close")
        for days in _EXTREMES:
            top = bars["high"].rolling(days).max().iloc[-1]
            bottom = bars["low"].rolling(days).min().iloc[-1]
            self.add(f"high_{days}d", f"{high} of the last {days} sessions", top, self.currency)
            self.add(f"low_{days}d", f"{low} of the last {days} sessions", bottom, self.currency)
        label = f"Close against the high of the last {days} sessions"
        self.add("from_high", label, 100 * (self.last / top - 1), "%")
        self.add("rsi14", "Relative strength index, 14 days", bars["rsi14"].iloc[-1], "points")
        self.add("macd", "Value of the MACD line (12, 26)", bars["macd"].iloc[-1], self.currency)
        mean = bars["volume"].tail(20).mean()
        ratio = bars["volume"].iloc[-1] / mean if mean > 0 else None
        self.add("volume_ratio", "Volume against its 20-day average", ratio, "ratio")

    def volatility(self) -> None:
        returns = np.log(self.subject.bars["close"]).diff()
        realised = returns.rolling(20).std() * math.sqrt(252) * 100
        self.add("vol_20d", "Realised volatility, 20 days, annualised", realised.iloc[-1], "%")
        sigma = 100 * float(self.subject.bars["sigma"].iloc[-1])
        self.add("sigma_day", "Volatility expected of one day", sigma, "%")
        known = realised.dropna().tail(RANKED)
        if len(known) >= 100:
            rank = 100 * float((known < known.iloc[-1]).mean())
            self.add("vol_rank", "Share of days with lower realised volatility", rank, "%")
            self.add("vol_window", "Days over which volatility is ranked", len(known), "days")

    def analogues(self) -> None:
        like = self.subject.analogues
        if like is None:
            return
        self.add("analogue_count", "Past days most like today", len(like.days), "count")
        self.add("analogue_rises", "Share of them with a higher close then", like.rises, "%")
        for name, level in (("median", 50), ("low", 10), ("high", 90)):
            move = float(np.percentile(like.moves, level))
            self.add(f"analogue_{name}_move", f"Move after them, {level}% quantile", move, "%")
        usual = "Share of all past days with a higher close after as long"
        self.add("usual_rises", usual, like.usual_rises, "%")
        self.add("usual_median_move", "Median move after any past day", like.usual_median, "%")
        for number, day in enumerate(like.days[:3], start=1):
            name = f"analogue_{number}"
            self.add(f"{name}_date", f"Day most like today, number {number}", str(day.day), "date")
            self.add(f"{name}_move", f"Move from {day.day} to {day.end}", day.move, "%")

    def skill(self) -> None:
        skill = self.forecast.skill
        good = _yes(self.forecast.verdict.skilful)
        self.add("skilful", "Beats the naive forecast out of sample", good, "text")
        self.add("verdict", "Verdict on the model", self.forecast.verdict.reason, "text")
        against = skill.pinball_vs_naive
        self.add("skill_vs_naive", "Test loss over the naive forecast's", against, "ratio")
        self.add("skill_gain", "Test loss below the naive forecast's by", _gain(against), "%")
        low, high = skill.ci95 or (None, None)
        self.add("skill_gain_low", "The same, lower end of its 95% interval", _gain(high), "%")
        self.add("skill_gain_high", "The same, upper end of its 95% interval", _gain(low), "%")
        if low is not None:
            self.level("level_95", "Level of the interval of the skill", 95)
        garch = skill.pinball_vs_garch
        self.add("skill_vs_garch", "Test loss over GARCH's", garch, "ratio")
        covered = _per_cent(skill.coverage_80)
        self.add("coverage_80", "Outcomes inside the 80% interval in the test", covered, "%")
        self.add("backtest_n", "Forecasts scored in the test", skill.n, "count")

    def ledger(self) -> None:
        row = self.subject.ledger or {}
        self.add("ledger_forecasts", "Forecasts in the ledger", row.get("forecasts"), "count")
        settled = row.get("settled") or 0
        self.add("ledger_settled", "Outcomes settled in the ledger", settled, "count")
        if not settled:
            return
        for level in (80, 90):
            share = _per_cent(row.get(f"coverage_{level}"))
            label = f"Settled outcomes inside the {level}% interval"
            self.add(f"ledger_coverage_{level}", label, share, "%")
        against = row.get("pinball_vs_naive")
        label = "Loss in the ledger over the naive forecast's"
        self.add("ledger_vs_naive", label, against, "ratio")
        self.add("ledger_gain", "Ledger loss below the naive forecast's by", _gain(against), "%")

    def surroundings(self) -> None:
        self.add("drift_health", "Health of the data and the model", self.subject.health, "text")
        news = self.subject.news
        label = "News items on the day of the report or before"
        self.add("news_count", label, len(news.items), "count")
        note = news.note.rstrip(".") or None
        self.add("news_note", "Why there is no news, or not all", note, "text")
        for number, item in enumerate(news.items, start=1):
            label = f"News, {item.publisher}" if item.publisher else "News"
            self.add(f"news_{number}", label, item.title, "text", item.date)
            if item.summary:
                self.add(f"news_{number}_summary", label, item.summary, "text", item.date)
            source = item.publisher or None
            self.add(f"news_{number}_publisher", "Who wrote it", source, "text", item.date)
            self.add(f"news_{number}_date", f"Date of news {number}", item.date, "date", item.date)
        for number, memory in enumerate(self.subject.memories, start=1):
            self._memory(number, memory)

    def _memory(self, number: int, memory: EarlierReport) -> None:
        name, when = f"past_{number}", memory.as_of
        self.add(f"{name}_date", f"Day of earlier report {number}", when, "date", when)
        stance = f"{memory.stance}/{memory.confidence}"
        self.add(f"{name}_stance", f"Stance of the report of {when}", stance, "text", when)
        self.add(f"{name}_close", f"Close on {when}", memory.last_close, self.currency, when)
        if memory.settled_on is None:
            return
        label = f"Day on which that forecast ended ({when})"
        self.add(f"{name}_end", label, memory.settled_on, "date")
        self.add(f"{name}_move", f"Move from {when} to {memory.settled_on}", memory.move, "%")
        inside = "inside" if memory.inside else "outside"
        self.add(f"{name}_outcome", "Where that ended, against its 80% interval", inside, "text")


def _quantile(name: str) -> str:
    return "median" if name == "q50" else f"{100 * LEVELS[name]:.0f}% quantile"


def _yes(so: bool) -> str:
    return "yes" if so else "no"


def _gain(ratio: float | None) -> float | None:
    return None if ratio is None else 100 * (1 - ratio)


def _per_cent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _sessions(days: int) -> str:
    return "the last session" if days == 1 else f"the last {days} sessions"


def _expected_size(day: ForecastDay, last_close: float) -> float:
    """Mean absolute move, per cent: the quantiles' own mean over an even grid of levels."""
    moves = [100 * (getattr(day, name) / last_close - 1) for name in LEVELS]
    grid = np.interp(np.linspace(0.005, 0.995, 199), list(LEVELS.values()), moves)
    return float(np.abs(grid).mean())
