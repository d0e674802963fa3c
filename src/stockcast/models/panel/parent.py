"""A parent learned from a panel: fitted, weighed against its partner, calibrated, and described."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.contracts.parent import ParentFigures
from stockcast.errors import BadInput
from stockcast.evaluation.metrics import coverage, pinball_losses
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.walkforward import outcomes
from stockcast.models.baselines import PARTNER, garch_events, naive
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.stock import PanelStock
from stockcast.models.panel.training import (
    PANEL_LEVELS,
    Device,
    FittedPanel,
    PanelHyperparameters,
    Progress,
    chosen_device,
    fit_panel,
)
from stockcast.models.postprocessing.calibration import CalibrationState, near_events, panel_state
from stockcast.models.postprocessing.combination import combine
from stockcast.models.samples import EventFlags

__all__ = ["PARTNER", "Learned", "learn", "partner_forecasts", "until"]

#: Shares of the partner that are tried, the simplest first where two are as good.
WEIGHTS = (0.5, 0.25, 0.75, 0.0, 1.0)
#: A weight other than the first must be better by this share of the loss.
BETTER_BY = 5e-4
#: What a parent is asked to do without, for its card.
COMBINATIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("calendar",),
    ("volume",),
    ("range", "volume"),
    ("index", "market"),
    ("market",),
    ("range", "volume", "calendar", "index", "market"),
)
#: Sessions before the first origin that the naive forecast looks at, and some.
RECENT = 300
#: Every fifth stock is left out of a first fit, which says how good the second one is on others.
LEFT_OUT = 5

Floats = NDArray[np.float64]
Walker = Callable[[PanelStock, pd.DatetimeIndex], QuantileForecasts]


@dataclass(frozen=True, eq=False)
class Learned:
    """A parent before it has a name.

    Attributes:
        fitted: the network.
        validation_start: outcomes from this day on chose the epoch, the weight and the calibration.
        weight: the partner's share.
        state: what a stock's calibration begins with, for :data:`PANEL_LEVELS`.
        figures: how good it is.
        tickers: who was learned from.
    """

    fitted: FittedPanel
    validation_start: pd.Timestamp
    weight: float
    state: CalibrationState
    figures: tuple[ParentFigures, ...]
    tickers: tuple[str, ...]


def partner_forecasts(stock: PanelStock, origins: pd.DatetimeIndex) -> QuantileForecasts:
    """The partner's forecasts of a stock at ``origins``."""
    horizon = stock.series.full.horizon
    return garch_events(stock.close, origins, horizon, PANEL_LEVELS, events=stock.events)


def learn(
    panel: Mapping[str, PanelStock],
    cut: pd.Timestamp,
    hyper: PanelHyperparameters,
    *,
    index: str | None = None,
    validation_days: int = 365,
    figures: bool = True,
    partner: Walker = partner_forecasts,
    device: Device = "auto",
    progress: Progress | None = None,
) -> Learned:
    """Learn from what was known before ``cut``; no later close is used for anything.

    Args:
        panel: by ticker; whose events are only those known before the cut.
        cut: the first day not to be used.
        hyper, device, progress: as in :func:`~stockcast.models.panel.training.fit_panel`.
        index: which of the panel is the index, to be scored by itself too.
        validation_days: calendar days before the cut that choose the epoch, the partner's weight
            and the calibration.
        figures: whether to fit once more with a fifth of the stocks left out, to be scored.
        partner: gives the partner's forecasts; by default they are made.

    Raises:
        BadInput: the panel has too few days.
    """
    start = cut - pd.Timedelta(days=validation_days)
    known = {ticker: until(stock, cut) for ticker, stock in panel.items()}
    known = {ticker: stock for ticker, stock in known.items() if _usable(stock, start)}
    if not known:
        raise BadInput(f"Expected stocks with days before {start.date()} to learn from, got none.")
    made = {ticker: partner(stock, _validation(stock, start)) for ticker, stock in known.items()}

    def fit(stocks: Iterable[PanelStock]) -> FittedPanel:
        """Fit to ``stocks``; the network is left on the device, to be asked there."""
        series = [stock.series for stock in stocks]
        fitted = fit_panel(series, start, cut, hyper, device=device, progress=progress)
        fitted.network.to(chosen_device(device))
        return fitted

    fitted = fit(known.values())
    weight, state = _served(fitted, known, made, start)
    learned = Learned(fitted, start, weight, state, (), tuple(known))
    rows: list[ParentFigures] = []
    if figures:
        rows = _compared(learned, known, made, index, fit)
    fitted.network.cpu()
    return replace(learned, figures=tuple(rows))


def _compared(
    learned: Learned,
    known: dict[str, PanelStock],
    made: dict[str, QuantileForecasts],
    index: str | None,
    fit: Callable[[Iterable[PanelStock]], FittedPanel],
) -> list[ParentFigures]:
    """How good it is on those it learned from, on the index, and on stocks left out of a fit."""
    rows = _figures(learned, known, made, "panel", ((),))
    if index in known:
        rows += _figures(learned, {index: known[index]}, made, "index", ((), ("market",)))
    stocks = [ticker for ticker in known if known[ticker].events is not None] or list(known)
    apart = stocks[::LEFT_OUT] if len(stocks) > LEFT_OUT else []
    if apart:
        others = {ticker: stock for ticker, stock in known.items() if ticker not in apart}
        again = fit(others.values())
        second = replace(learned, fitted=again, tickers=tuple(others))
        rows += _figures(second, {t: known[t] for t in apart}, made, "left out", COMBINATIONS)
    return rows


def until(stock: PanelStock, cut: pd.Timestamp) -> PanelStock:
    """The stock without the closes from ``cut`` on."""
    n = int(stock.close.index.searchsorted(cut))
    events = stock.events and EventFlags(stock.events.answered[:n], stock.events.ahead[:n])
    return replace(stock, close=stock.close[:n], events=events)


def _usable(stock: PanelStock, start: pd.Timestamp) -> bool:
    """Whether there are days to fit on, and days to check with."""
    days = stock.series.full.days
    return bool(len(days[days < start]) > 0 and (stock.close.index >= start).sum() > 0)


def _validation(stock: PanelStock, start: pd.Timestamp) -> pd.DatetimeIndex:
    """Origins since ``start`` whose every outcome is known."""
    last = len(stock.close) - stock.series.full.horizon
    days = pd.DatetimeIndex(stock.close.index[:last])
    return days[days >= max(start, stock.series.full.days[0])]


def _asked(
    fitted: FittedPanel, stock: PanelStock, origins: pd.DatetimeIndex, missing: Collection[str]
) -> QuantileForecasts:
    samples = stock.series.plain if "range" in missing else stock.series.full
    end = origins[-1] + pd.Timedelta(days=1)
    made = walk_panel(fitted, samples, origins[0], end, missing=missing, levels=PANEL_LEVELS)
    return made.at(made.origins.intersection(origins))


def _served(
    fitted: FittedPanel,
    panel: Mapping[str, PanelStock],
    partners: Mapping[str, QuantileForecasts],
    start: pd.Timestamp,
) -> tuple[float, CalibrationState]:
    """The partner's weight with the lowest loss, and the calibration of that average."""
    raw = {t: _asked(fitted, stock, partners[t].origins, ()) for t, stock in panel.items()}
    loss = dict.fromkeys(WEIGHTS, 0.0)
    for ticker, stock in panel.items():
        y = outcomes(stock.close, raw[ticker].origins, raw[ticker].horizon)
        for weight in WEIGHTS:
            both = combine(raw[ticker], partners[ticker].at(raw[ticker].origins), weight)
            # by the spread of the outcomes, so that no stock dominates
            spent = pinball_losses(y, both.values, both.levels)
            loss[weight] += float(np.nanmean(spent) / np.nanstd(y))
    first = WEIGHTS[0]
    best = min(WEIGHTS, key=lambda weight: loss[weight])
    weight = best if loss[best] < (1 - BETTER_BY) * loss[first] else first
    states = (
        (
            combine(raw[t], partners[t].at(raw[t].origins), weight),
            stock.close,
            _near(stock, raw[t].origins),
        )
        for t, stock in panel.items()
    )
    return weight, panel_state(states)


def _near(stock: PanelStock, origins: pd.DatetimeIndex) -> NDArray[np.bool_] | None:
    flags = stock.ahead_of(origins)
    return None if flags is None else near_events(flags)


def _figures(
    learned: Learned,
    panel: Mapping[str, PanelStock],
    partners: Mapping[str, QuantileForecasts],
    stocks: str,
    combinations: Sequence[tuple[str, ...]],
) -> list[ParentFigures]:
    """How the network does alone, without each combination, and averaged with its partner."""
    rows = []
    for missing in combinations:
        for served in (False, True) if not missing else (False,):
            tables = [
                _scores(learned, stock, partners[t], missing, served) for t, stock in panel.items()
            ]
            mean = pd.concat(tables).groupby(level=0).agg(["mean", "count"])
            for name, row in mean.iterrows():
                rows.append(
                    ParentFigures(
                        stocks=stocks,
                        inputs="without " + ", ".join(missing) if missing else "everything",
                        slice=str(name),
                        n=int(row["naive"]["count"]),
                        served=served,
                        pinball_vs_naive=round(row["naive"]["mean"], 4),
                        pinball_vs_garch_events=round(row["partner"]["mean"], 4),
                        coverage_80=round(row["inside_80"]["mean"], 4),
                        coverage_90=round(row["inside_90"]["mean"], 4),
                    )
                )
    return rows


def _scores(
    learned: Learned,
    stock: PanelStock,
    partner: QuantileForecasts,
    missing: tuple[str, ...],
    served: bool,
) -> pd.DataFrame:
    """By slice: loss over the naive forecast's and the partner's, and coverages."""
    made = _asked(learned.fitted, stock, partner.origins, missing)
    other = partner.at(made.origins)
    made = combine(made, other, learned.weight) if served else made
    y = outcomes(stock.close, made.origins, made.horizon)
    first = int(stock.close.index.get_indexer(made.origins[:1])[0])
    recent = stock.close[max(first - RECENT, 0) :]
    plain = naive(recent, made.origins, made.horizon, made.levels)
    loss, by_partner, by_naive = (
        pinball_losses(y, each.values, each.levels).mean(axis=1) for each in (made, other, plain)
    )
    flags = stock.ahead_of(made.origins)
    event = np.zeros(len(y), bool) if flags is None else flags.any(axis=1)
    known, rows = np.isfinite(y).all(axis=1), {}
    for name, some in {"all": known, "event": known & event, "quiet": known & ~event}.items():
        if some.any():
            ends = [[end[some] for end in made.interval(share)] for share in (0.8, 0.9)]
            rows[name] = {
                "naive": loss[some].mean() / by_naive[some].mean(),
                "partner": loss[some].mean() / by_partner[some].mean(),
                "inside_80": coverage(y[some], *ends[0]),
                "inside_90": coverage(y[some], *ends[1]),
            }
    return pd.DataFrame.from_dict(rows, orient="index")
