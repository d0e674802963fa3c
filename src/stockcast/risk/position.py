"""What a position in one stock may lose, and whether the ledger's forecasts of that held."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.contracts.forecast import QUANTILES, Forecast, TailRisk
from stockcast.contracts.risk import LiveTails, PositionRisk, TailTest
from stockcast.errors import BadInput
from stockcast.ledger import Ledger, next_day
from stockcast.models.postprocessing.tails import USUAL
from stockcast.risk.tail_tests import FEWEST, TESTED, tail_tests
from stockcast.settings import Settings

__all__ = ["live_tails", "position_risk"]

#: From this p-value on, a test finds nothing wrong.
PASSED = 0.05

Floats = NDArray[np.float64]


def position_risk(
    forecast: Forecast, position: float = 1.0, horizon: int | None = None
) -> PositionRisk:
    """The risk of holding ``position``, an amount of money, by each day up to ``horizon``.

    Raises:
        BadInput: the position is no amount, the horizon is not forecast, or the forecast is an
            earlier version's, without tails.
    """
    days = len(forecast.days)
    if not (np.isfinite(position) and position > 0):
        raise BadInput(f"Expected a position above 0 {forecast.currency}, got {position:g}.")
    if horizon is not None and not 1 <= horizon <= days:
        raise BadInput(f"Expected a horizon of 1 to {days} days, got {horizon}.")
    found = forecast.risk
    if found is None:
        ticker = forecast.ticker
        raise BadInput(
            f"Expected a forecast with tails of {ticker}, got one without; "
            f"`stockcast run -t {ticker}` makes it."
        )
    losses = (found.value_at_risk, found.expected_shortfall)
    at_risk, beyond = (tuple(_times(each, position) for each in part[:horizon]) for part in losses)
    return PositionRisk(
        ticker=forecast.ticker,
        as_of=forecast.as_of,
        currency=forecast.currency,
        position=position,
        value_at_risk=at_risk,
        expected_shortfall=beyond,
        volatility_annual=found.volatility_annual,
    )


def _times(loss: TailRisk, position: float) -> TailRisk:
    lost = loss.model_dump(exclude={"date"})
    return TailRisk(date=loss.date, **{name: position * value for name, value in lost.items()})


def live_tails(settings: Settings, ticker: str) -> LiveTails:
    """Test the tails of the next-day forecasts of ``ticker`` that the ledger holds.

    Of several forecasts of one day the first with tails counts.
    """
    rows = Ledger(settings).rows(ticker)
    rows = next_day(rows[rows["q01"].notna()]).sort_values("as_of")
    days, y = pd.DatetimeIndex(rows["target_date"]), rows["log_return"].to_numpy(float)
    levels = {"5%": "q05", "2.5%": "q025", "1%": "q01"}
    breaches = {
        level: tuple(day.date() for day in days[y < rows[name].to_numpy(float)])
        for level, name in levels.items()
    }
    tests = _tests(ticker, rows, days, y) if len(rows) >= FEWEST else ()
    return LiveTails(
        ticker=ticker,
        n=len(rows),
        first=days[0].date() if len(days) else None,
        last=days[-1].date() if len(days) else None,
        breaches=breaches,
        tests=tests,
        verdict=_verdict(len(rows), tests),
    )


def _tests(
    ticker: str, rows: pd.DataFrame, days: pd.DatetimeIndex, y: Floats
) -> tuple[TailTest, ...]:
    values, near = rows[list(QUANTILES)].to_numpy(float), rows["event"].notna().to_numpy()
    made = tail_tests("stockcast", days, y, values, near, USUAL, _wider(rows, values, near))
    return tuple(test.model_copy(update={"ticker": ticker}) for test in made)


def _wider(rows: pd.DataFrame, values: Floats, near: NDArray[np.bool_]) -> Floats:
    """(n, 2) by what each forecast's tails are wider than usual: its 1 and 99% say so."""
    factors = []
    for name, outer, level in (("q01", 0, TESTED[-1]), ("q99", -1, 1 - TESTED[-1])):
        usual = USUAL.quantiles(values, near, [level])[:, 0]
        edge = values[:, outer]
        beyond, expected = rows[name].to_numpy(float) - edge, usual - edge
        factors.append(np.where(expected == 0, 1.0, beyond / np.where(expected == 0, 1, expected)))
    return np.stack(factors, axis=1)


def _verdict(n: int, tests: tuple[TailTest, ...]) -> str:
    if not tests:
        return f"Too few to say: {n} outcomes are known, {FEWEST} are needed."
    failed = [
        f"{test.level:.1%} ({len(test.breaches)} of {n} breached, p {worst:.2g})"
        for test in tests
        if (worst := min(test.kupiec_p, test.conditional_p, test.shortfall_p)) < PASSED
    ]
    if not failed:
        return f"The tails held over {n} days."
    return f"The tails did not hold over {n} days: {', '.join(failed)}."
