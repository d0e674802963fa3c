"""How often the checks would have alarmed, with nothing wrong and with each fault planted.

A check is replayed at every session, with thresholds from the reference alone. Undisturbed history
gives the false alarms; faults are planted at random sessions, and count as caught if the ingestion
or a check says so within 20 sessions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stockcast import features, prices
from stockcast.contracts.forecast import QUANTILES
from stockcast.contracts.model_record import ModelRecord
from stockcast.errors import BadInput
from stockcast.feature_store.covariates import covariates
from stockcast.features import COVARIATES, MODEL_INPUTS
from stockcast.ingestion import quality, schema
from stockcast.models import baselines
from stockcast.monitoring import fault_injection, performance, training_serving_skew
from stockcast.monitoring.anomaly import WINDOW, Reference
from stockcast.monitoring.distances import DRIFTED_SHARE, distances, limits
from stockcast.monitoring.documents import model_name
from stockcast.monitoring.input_checks import usable_market
from stockcast.monitoring.thresholds import Calibration, calibrate
from stockcast.monitoring.ticker_check import training_end
from stockcast.prices import PriceHistory
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["SESSIONS", "FaultRates", "Rates", "Replay", "measure", "pooled", "replay"]

#: Sessions within which a planted fault has to be caught.
SESSIONS = 20
#: Rows that a planted fault's surprises are computed on: a year says what is usual.
ROWS = 450
#: No check is replayed, and no fault planted, before so many sessions.
WARM_UP = 330

#: Whether each check caught a planted fault, and what people call the checks.
Catchers = dict[str, bool]
_BY = {
    "ingest": "ingestion",
    "served": "inputs as served",
    "inputs": "drift",
    "forecasts": "forecasts",
}


@dataclass(frozen=True)
class Rates:
    """Shares of one ticker's undisturbed sessions with an alarm.

    Attributes:
        alarms: share of all of them.
        alarms_reference: of those on reference days.
        alarms_after: of those after; None where there are none.
        alarms_weekly: share of weekly checks.
        by: share of all, by what alarmed.
        stated: the share that a check states.
    """

    ticker: str
    first: str
    last: str
    sessions: int
    alarms: float
    alarms_reference: float
    alarms_after: float | None
    alarms_weekly: float
    by: dict[str, float]
    stated: float


@dataclass(frozen=True)
class Caught:
    """How often one fault was planted and caught, and by what."""

    fault: str
    planted: int
    caught: int
    by: dict[str, int]

    @property
    def share(self) -> float:
        """Share that was caught."""
        return self.caught / self.planted


@dataclass(frozen=True, eq=False)
class Replay:
    """Rates of one ticker, and what was caught of each fault."""

    rates: Rates
    faults: list[Caught]


@dataclass(frozen=True)
class FaultRates:
    """How often one fault was caught on all tickers together.

    Attributes:
        caught: how often within 20 sessions.
        worst: the share of the ticker on which it was caught least.
        by: in words, what caught it and how often.
    """

    fault: str
    planted: int
    caught: int
    share: float
    worst: float
    by: str


def measure(settings: Settings, planted: int = 25) -> list[Replay]:
    """Replay every ticker whose history is long enough.

    Raises:
        BadInput: no ticker's is.
    """
    found: list[Replay] = []
    indices: dict[str, pd.DataFrame] = {}
    for ticker in settings.all_tickers:
        history = prices.read(settings, ticker)
        record = Workspace.of(settings).read_record(model_name(settings, ticker))
        end = training_end(settings, record, history)
        market = indices.get(settings.index_of(ticker))
        one = replay(settings, history, end=end, market=market, record=record, planted=planted)
        indices |= {ticker: history.frame} if ticker in settings.indices else {}
        found += [one] if one else []
    if not found:
        raise BadInput("Expected a ticker with four years of prices, got none to replay.")
    return found


def pooled(replays: Sequence[Replay]) -> list[FaultRates]:
    """Return a row per fault that was planted."""
    by_fault: dict[str, list[Caught]] = {}
    for row in (row for each in replays for row in each.faults):
        by_fault.setdefault(row.fault, []).append(row)
    return [_pooled(name, rows) for name, rows in by_fault.items()]


def replay(
    settings: Settings,
    history: PriceHistory,
    *,
    end: pd.Timestamp,
    market: pd.DataFrame | None = None,
    record: ModelRecord | None = None,
    planted: int = 25,
    seed: int = 7,
) -> Replay | None:
    """Replay the checks of ``history``; None if it is too short to be judged.

    Args:
        end: the first day after the reference.
        record: what serves; without it forecasts are those of ``ewma``.
        planted: how often each fault is planted.
        seed: of the sessions at which faults are planted.
    """
    world = _World.build(settings, history, end, market, record)
    if world is None:
        return None
    rng = np.random.default_rng(seed)
    return Replay(world.rates(), list(world.faults(rng, planted)))


@dataclass(frozen=True, eq=False)
class _World:
    settings: Settings
    history: PriceHistory
    inputs: pd.DataFrame
    reference: Reference
    calibration: Calibration
    rows: pd.DataFrame
    promised: Calibration

    @classmethod
    def build(
        cls,
        settings: Settings,
        history: PriceHistory,
        end: pd.Timestamp,
        market: pd.DataFrame | None,
        record: ModelRecord | None,
    ) -> _World | None:
        bars = history.frame
        computed = features.compute(bars)
        reference = Reference.learn(bars, computed, end, usable_market(market, bars))
        if reference is None:
            return None
        target = settings.false_alarm_rate
        scores = reference.scores(bars, computed)
        rows = _forecasts(settings, history, computed, record)
        known = performance.scores(rows).dropna()
        return cls(
            settings=settings,
            history=history,
            inputs=computed,
            reference=reference,
            calibration=calibrate(scores.loc[reference.days], target),
            rows=rows,
            promised=calibrate(known.iloc[: len(known) // 2], target),
        )

    @property
    def _exchange(self) -> str:
        return self.settings.market(self.history.ticker).exchange

    def rates(self) -> Rates:
        """Alarms at the sessions of undisturbed history."""
        bars = self.history.frame
        over = self.calibration.over(self.reference.scores(bars, self.inputs))
        said = self.promised.over(performance.scores(self.rows)).reindex(bars.index)
        alarms = pd.DataFrame(
            {
                "inputs": (over >= 1).any(axis=1),
                "distances": self._distances(),
                "forecasts": (said >= 1).any(axis=1),
                "bars": self._bars(),
            }
        ).iloc[WARM_UP:]
        one = alarms.any(axis=1)
        inside = one.index.isin(self.reference.days)
        weekly = one.rolling(5).max().iloc[4::5]
        return Rates(
            ticker=self.history.ticker,
            first=f"{one.index[0]:%Y-%m-%d}",
            last=f"{one.index[-1]:%Y-%m-%d}",
            sessions=len(one),
            alarms=float(one.mean()),
            alarms_reference=float(one[inside].mean()),
            alarms_after=float(one[~inside].mean()) if (~inside).any() else None,
            alarms_weekly=float(weekly.mean()),
            by={name: float(alarms[name].mean()) for name in alarms},
            stated=round(self.calibration.rate + self.promised.rate, 5),
        )

    def faults(self, rng: np.random.Generator, planted: int) -> Iterator[Caught]:
        """One row for each fault."""
        last = len(self.history.frame) - SESSIONS
        onsets = rng.integers(max(WARM_UP, ROWS // 2), last, planted)
        for name in fault_injection.BAR_FAULTS:
            yield _row(name, [self._in_bars(name, int(at)) for at in onsets])
        yield _row(
            "one input shifted by 2 sd",
            [
                self._in_inputs(int(at), column, sign)
                for at in onsets[: max(1, planted // 5)]
                for column in MODEL_INPUTS
                for sign in (-2, 2)
            ],
        )
        places = rng.integers(len(self.rows) // 3, len(self.rows) - SESSIONS, planted)
        yield _row(
            "forecasts biased by half a sigma",
            [self._in_forecasts(int(at), sign) for at in places for sign in (-0.5, 0.5)],
        )

    def _distances(self) -> pd.Series:
        """Whether so many inputs lie far from the reference's that the check says so."""
        inputs = self.inputs[list(MODEL_INPUTS)].dropna()
        limit = limits(self.reference.inputs, WINDOW)
        shares = {
            inputs.index[end - 1]: float(
                (distances(self.reference.inputs, inputs.iloc[end - WINDOW : end]) > limit).mean()
            )
            for end in range(WINDOW, len(inputs) + 1, 5)
        }
        drifted = pd.Series(shares) >= DRIFTED_SHARE
        return drifted.reindex(self.inputs.index, method="ffill", limit=4, fill_value=False)

    def _bars(self) -> pd.Series:
        """Whether a session lies among 20 of which the check of bars says something."""
        frame, found = self.history.frame, pd.Series(False, self.history.frame.index)
        for end in range(WARM_UP, len(frame) + 1, quality.RECENT):
            some = frame.iloc[:end]
            faults = quality.recent_faults(some, self.history.ticker, self._exchange)
            found.iloc[end - quality.RECENT : end] = bool(faults)
        return found

    def _in_bars(self, name: str, at: int) -> Catchers:
        bars = fault_injection.BAR_FAULTS[name](self.history.frame.iloc[: at + SESSIONS], at)
        ticker, exchange = self.history.ticker, self._exchange
        faults = schema.faults(bars.iloc[-ROWS:], ticker=ticker, exchange=exchange)
        faults += quality.recent_faults(bars, ticker, exchange)
        if any(fault.severity == "stop" for fault in faults):
            return _caught(ingest=True)
        computed = features.compute(bars)
        return _caught(inputs=self._surprised(bars, computed))

    def _in_inputs(self, at: int, column: str, sign: float) -> Catchers:
        bars, computed = self.history.frame.iloc[: at + SESSIONS], self.inputs.iloc[: at + SESSIONS]
        by = sign * float(self.reference.inputs[column].std())
        kept = fault_injection.shifted(computed, at, column, by)
        ticker = self.history.ticker
        differ = bool(training_serving_skew.mismatches(kept, computed, ticker, quality.RECENT))
        return _caught(served=differ, inputs=self._surprised(bars, kept))

    def _in_forecasts(self, at: int, by: float) -> Catchers:
        rows = fault_injection.biased(self.rows.iloc[: at + SESSIONS], at, by)
        over = self.promised.over(performance.scores(rows)).iloc[at:]
        return _caught(forecasts=bool((over >= 1).any(axis=None)))

    def _surprised(self, bars: pd.DataFrame, inputs: pd.DataFrame) -> bool:
        scores = self.reference.scores(bars.iloc[-ROWS:], inputs.iloc[-ROWS:])
        over = self.calibration.over(scores).iloc[-SESSIONS:]
        return bool((over >= 1).any(axis=None))


def _forecasts(
    settings: Settings, history: PriceHistory, computed: pd.DataFrame, record: ModelRecord | None
) -> pd.DataFrame:
    """Next-day forecasts with their outcomes, of all the history that allows them."""
    close, horizon = history.frame["close"], settings.horizon
    if record is not None:
        from stockcast.models.serving.hindcast import hindcast

        beside = covariates(settings, history, computed)[list(COVARIATES)]
        walk = hindcast(settings, record, history, computed.join(beside), sessions=len(close))
    else:
        start = baselines.first_origin(close, horizon + 1)
        walk = baselines.ewma(close, pd.DatetimeIndex(close.index[close.index >= start]), horizon)
    nothing = pd.DataFrame(columns=["horizon", "created_at", "as_of", *QUANTILES])
    return performance.table(walk, nothing, close)


def _caught(**by: bool) -> Catchers:
    return dict.fromkeys(_BY, False) | by


def _row(name: str, injections: list[Catchers]) -> Caught:
    caught = sum(any(each.values()) for each in injections)
    by = {key: sum(each[key] for each in injections) for key in _caught()}
    return Caught(name, len(injections), caught, by)


def _pooled(name: str, rows: Sequence[Caught]) -> FaultRates:
    planted, caught = sum(row.planted for row in rows), sum(row.caught for row in rows)
    by = {word: sum(row.by[key] for row in rows) for key, word in _BY.items()}
    return FaultRates(
        fault=name,
        planted=planted,
        caught=caught,
        share=caught / planted,
        worst=min(row.share for row in rows),
        by=", ".join(f"{word} {count}" for word, count in by.items() if count),
    )
