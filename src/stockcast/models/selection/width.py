"""Why the 80% interval of the last forecast is as wide as it is, by forecasts without one thing.

The log of a width is the sum of what its forecast takes from the events ahead, from the
recalibration, from the index, from the level of volatility and from the other inputs. Each is the
log of the width with it over the width without it, taken away in this order: the events (all else
as it is), the recalibration, the index and market ticker, and last the network's other inputs,
which are put at their mean of the year. So the parts add up exactly, and depend on the order.

The difference of two sums says why one interval is wider than another.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.contracts.forecast import Why, WidthChange, WidthParts
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.evaluation.walkforward import places
from stockcast.features import PANEL_INPUTS
from stockcast.features.market import MARKET_COLUMNS
from stockcast.models.baselines import PARTNER, walk_baseline
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.training import FittedPanel
from stockcast.models.postprocessing.combination import combine
from stockcast.models.postprocessing.tails import SESSIONS_A_YEAR
from stockcast.models.samples import Samples
from stockcast.models.selection.assessment import Assessment

__all__ = ["explain"]

#: Sessions between the forecasts compared, and the fewest that make a usual width.
WEEK, FEWEST = 5, 60
#: Which of the recalibration's intervals has 80%, and where the market's inputs stand.
LOW = LEVELS.index(0.1)
MARKET_PLACES = np.array([PANEL_INPUTS.index(name) for name in MARKET_COLUMNS])

Floats = NDArray[np.float64]
#: (n,) what each forecast's log-width has from it, by field of
#: :class:`~stockcast.contracts.forecast.WidthParts`; ``volatility`` with that of the last session.
Logs = dict[str, Floats]


def explain(
    assessment: Assessment, model: str, samples: Samples, fitted: FittedPanel | None = None
) -> Why | None:
    """Why the interval of the last origin is as wide as it is.

    ``fitted`` is the network behind ``model``; None for a baseline. There is no reason where the
    assessed forecasts do not reach the last close, are fewer than a week's, or have no width.
    """
    made = assessment.forecasts[model]
    made = made.at(made.origins[-SESSIONS_A_YEAR - 1 :])
    widths = _widths(made)
    reached = made.origins[-1:].equals(assessment.close.index[-1:])
    if not reached or len(made) <= WEEK or not (widths > 0).all():
        return None
    logs = _network(assessment, model, made, samples, fitted) if fitted else None
    logs = logs or _baseline(assessment, model, made)
    then = {name: float(part[-1 - WEEK]) for name, part in logs.items()}
    ahead = assessment.events is not None and bool(assessment.events.ahead[-1].any())
    return Why(
        sessions=made.horizon,
        width=float(widths[-1]),
        week_ago=_change(logs, then, float(widths[-1 - WEEK])),
        usual=_usual(logs, widths[:-1]) if len(made) > FEWEST else None,
        widens=float(np.expm1(logs["events"][-1])) if "events" in logs and ahead else None,
    )


def _usual(logs: Logs, widths: Floats) -> WidthChange:
    """Beside the median of ``widths``: every part beside its mean, and the rest makes up for it."""
    median = float(np.median(widths))
    then = {name: float(part[:-1].mean()) for name, part in logs.items()}
    then["rest"] = then.get("rest", 0.0) + float(np.log(median) - np.log(widths).mean())
    return _change(logs, then, median)


def _change(logs: Logs, then: dict[str, float], width: float) -> WidthChange:
    parts = {name: -log for name, log in then.items()}
    for name, log in logs.items():
        parts[name] += float(log[-1])
    today = float(logs["volatility"][-1] - logs["volatility"][-2])
    parts |= {"volatility": parts["volatility"] - today, "today": today}
    return WidthChange(width=width, parts=WidthParts.model_validate(parts))


def _baseline(assessment: Assessment, model: str, made: QuantileForecasts) -> Logs:
    if model != PARTNER or assessment.events is None:
        return {"volatility": np.log(_widths(made))}
    untold = np.log(_widths(_partner_untold(assessment, made.origins)))
    return {"volatility": untold, "events": np.log(_widths(made)) - untold}


def _network(
    assessment: Assessment,
    model: str,
    made: QuantileForecasts,
    samples: Samples,
    fitted: FittedPanel,
) -> Logs:
    weight, origins = assessment.partner_weight, made.origins
    partner = _partner_untold(assessment, origins)
    rows = samples.days.get_indexer(origins)
    seen = MARKET_PLACES[samples.inputs[rows][:, MARKET_PLACES].any(axis=0)]
    alone = walk_panel(fitted, samples, origins[0], told=False, missing=("index", "market"))
    beside = walk_panel(fitted, samples, origins[0], told=False) if len(seen) else alone
    untold = np.log(_widths(combine(beside, partner, weight)))
    base = np.log(_widths(combine(alone, partner, weight)))
    level = _level(_widths(alone.at(origins)), samples.sigma[rows], _widths(partner), weight)
    logs = {"volatility": level, "rest": base - level}
    if len(seen):
        logs["index"] = untold - base
    told = np.log(_widths(made))
    if assessment.events is None:
        logs["recalibration"] = told - untold  # the same, also where quantiles crossed
    else:
        learned = assessment.recalibrated[model].factors[-len(made) :]
        logs["recalibration"] = learned[:, 0, -1, LOW]  # of quiet outcomes at the last day
        logs["events"] = told - untold - logs["recalibration"]
    return logs


def _level(network: Floats, sigma: Floats, partner: Floats, weight: float) -> Floats:
    """(n,) log-widths as if the network always gave the same number of volatilities."""
    usual = np.exp(np.log(network / sigma).mean())
    level: Floats = np.log((1 - weight) * sigma * usual + weight * partner)
    return level


def _partner_untold(assessment: Assessment, origins: pd.DatetimeIndex) -> QuantileForecasts:
    """What the partner would say if no event ahead were known; asked only where one is."""
    told, events = assessment.forecasts[PARTNER].at(origins), assessment.events
    if events is None:
        return told
    near = events.ahead[places(assessment.close, origins)].any(axis=1)
    values = told.values.copy()
    if near.any():
        plain = events.without_event_ahead()
        asked = walk_baseline(PARTNER, assessment.close, origins[near], told.horizon, plain)
        values[near] = asked.values
    return QuantileForecasts(origins, told.levels, values)


def _widths(made: QuantileForecasts) -> Floats:
    """(n,) of the 80% interval of the last day, in log-returns."""
    low, high = made.interval(0.8)
    widths: Floats = high[:, -1] - low[:, -1]
    return widths
