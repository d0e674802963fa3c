"""Features of one ticker's daily bars: pure functions in which a day knows only its past.

Every column is causal (the value of a day uses that day's bar and earlier ones), and every model
input is free of units: multiplying all prices, or all volumes, by a constant changes none of them.
That is why a split or a dividend, which only changes the basis of adjusted prices, leaves the
inputs of earlier days as they were.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from stockcast.ingestion.bars import completed, has_range

__all__ = ["FEATURES", "MODEL_INPUTS", "compute", "macd", "rsi", "volatility"]

#: What the network sees of a day. Nothing else may name these columns or count them.
MODEL_INPUTS = (
    "ret_scaled",
    "range_scaled",
    "overnight_scaled",
    "volume_ratio",
    "rsi_centred",
    "macd_scaled",
    "vol_ratio",
)

#: Every column that :func:`compute` gives.
FEATURES = ("open", "high", "low", "close", "volume", "rsi14", "macd", *MODEL_INPUTS, "sigma")

#: Coefficients of :func:`volatility`: weight of a day's variance, its extra weight after a loss,
#: weight of yesterday's estimate, share of the range in a day's variance, days of the level.
NEWS, BAD_NEWS, MEMORY, RANGE_SHARE, LEVEL_DAYS = 0.05, 0.15, 0.85, 0.7, 500
#: The first three for a series without ranges: a squared return says less of a day, so each counts
#: for less and is remembered for longer (reports/LOG.md).
CLOSE_NEWS, CLOSE_BAD_NEWS, CLOSE_MEMORY = 0.03, 0.10, 0.90
#: Squared range that goes with a return of 0, in squared volatilities; see :func:`_range_scaled`.
RANGE_AT_REST = 0.35
#: Returns needed before a volatility is believed.
MIN_RETURNS = 20
#: Smallest volatility divided by: a tenth of a basis point a day, so that flat prices give zeros.
FLOOR = 1e-5
#: Model inputs stay within plus and minus this, so that one outlier cannot swamp a window.
LIMIT = 8.0


def rsi(close: pd.Series, period: int = 14) -> pd.Series:
    """Relative strength index from 0 to 100, with simple moving averages of gains and losses.

    This is Cutler's variant; Wilder (New Concepts in Technical Trading Systems, 1978) smooths
    exponentially, which makes a value depend on where the history starts. 100 when the period has
    gains and no losses, 50 when it has neither.
    """
    change = close.diff()
    gain = _rolling_mean(change.clip(lower=0), period)
    loss = _rolling_mean(-change.clip(upper=0), period)
    total = gain + loss
    return (100 * gain / total.where(total > 0)).where((total > 0) | total.isna(), 50.0)


def macd(close: pd.Series, fast: int = 12, slow: int = 26) -> pd.Series:
    """Moving average convergence divergence, in price units: the fast less the slow average.

    The line itself, not its 9-day signal line. Exponential averages are weighted means of what
    there is (pandas' ``adjust=True``), so the first bars are not pulled towards the first close.
    Source: Appel, The Moving Average Convergence Divergence Trading Method, 1979.
    """
    return close.ewm(span=fast).mean() - close.ewm(span=slow, min_periods=slow).mean()


def volatility(bars: pd.DataFrame) -> pd.Series:
    """Daily volatility of log-returns known at each close, in log-return units.

    The recursion of a GJR-GARCH(1,1) (Glosten, Jagannathan and Runkle, Journal of Finance 48, 1993)
    with fixed coefficients and a slowly moving level, fed with a less noisy measure of a day's
    variance than its squared return: mostly range and overnight gap (Parkinson 1980). Being fixed,
    the coefficients fit nothing; they were chosen on index data before 2008 (reports/LOG.md).
    Without a range the measure is the squared return, and the recursion moves more slowly.

    Args:
        bars: columns open, high, low, close, or close alone; sorted by day.
    """
    bars = completed(bars)
    close = np.log(bars["close"])
    returns, gap = close.diff(), np.log(bars["open"]) - close.shift()
    measured = RANGE_SHARE * (_parkinson(bars) ** 2 + gap**2) + (1 - RANGE_SHARE) * returns**2
    level = measured.rolling(LEVEL_DAYS, min_periods=MIN_RETURNS).mean()
    kinds = ((NEWS, CLOSE_NEWS), (BAD_NEWS, CLOSE_BAD_NEWS), (MEMORY, CLOSE_MEMORY))
    ranged = has_range(bars)
    news, bad_news, memory = (np.where(ranged, *kind) for kind in kinds)
    rest = (1 - news - bad_news / 2 - memory) * level
    added = (news + bad_news * (returns < 0)) * measured + rest
    variance = np.full(len(bars), np.nan)
    first = int(np.argmax(level.notna().to_numpy()))
    previous = float(level.iloc[first])
    for row, value in enumerate(added.to_numpy()[first:], first):
        previous = value + memory[row] * previous
        variance[row] = previous
    return pd.Series(np.sqrt(variance), bars.index).clip(lower=FLOOR)


def compute(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the columns :data:`FEATURES` for adjusted daily bars.

    Args:
        frame: columns open, high, low, close, volume, or close alone; sorted by day.

    Returns:
        A frame with the same index. The first days, which lack the past that an average needs, are
        NaN in the columns concerned; no later day is. Without a range ``range_scaled`` is what goes
        with the day's return and ``overnight_scaled`` 0; without volume ``volume_ratio`` is 0.
    """
    frame = completed(frame)
    columns = {name: frame[name].astype(float) for name in ("open", "high", "low", "close")}
    columns["volume"] = frame["volume"].astype(float).fillna(0.0)
    bars = pd.DataFrame(columns)
    bars["rsi14"], bars["macd"] = rsi(bars["close"]), macd(bars["close"])
    bars["sigma"] = volatility(bars)
    inputs = {name: value.clip(-LIMIT, LIMIT) for name, value in _inputs(bars).items()}
    return bars.assign(**inputs)[list(FEATURES)]


def _inputs(bars: pd.DataFrame) -> dict[str, pd.Series]:
    """The unclipped model inputs: today's bar against the volatility that yesterday expected."""
    close, sigma = bars["close"], bars["sigma"]
    expected = sigma.shift()
    returns, ranged = np.log(close).diff(), has_range(bars)
    scaled = returns / expected
    overnight = (np.log(bars["open"]) - np.log(close.shift())) / expected
    return {
        "ret_scaled": scaled,
        "range_scaled": np.log(_parkinson(bars) / expected).where(ranged, _usual_range(scaled)),
        "overnight_scaled": overnight.where(ranged | overnight.isna(), 0.0),
        "volume_ratio": _volume_ratio(bars["volume"]),
        "rsi_centred": (bars["rsi14"] - 50) / 50,
        "macd_scaled": bars["macd"] / (close * sigma),
        "vol_ratio": np.log(_realised(returns, 5) / _realised(returns, 66)),
    }


def _parkinson(bars: pd.DataFrame) -> pd.Series:
    """Daily volatility from the day's range: Parkinson, Journal of Business 53 (1980), 61-65."""
    span = np.log(bars["high"]) - np.log(bars["low"])
    return (span / np.sqrt(4 * np.log(2))).clip(lower=FLOOR)


def _usual_range(scaled: pd.Series) -> pd.Series:
    """Log of the range over the expected volatility that goes with a scaled return r.

    log(0.35 (1 + r^2)) / 2 explains 0.38 of the variance of log-ranges of stocks (reports/LOG.md).
    """
    return np.log(RANGE_AT_REST * (1 + scaled**2)) / 2


def _realised(returns: pd.Series, days: int) -> pd.Series:
    """Root mean square of the last ``days`` returns; of fewer while there are not as many."""
    enough = min(days, MIN_RETURNS)
    return np.sqrt(_rolling_mean(returns**2, days, enough)).clip(lower=FLOOR)


def _volume_ratio(volume: pd.Series, days: int = 20) -> pd.Series:
    """Log of the volume over its trailing mean, today included; 0 on a day without volume."""
    traded = volume.where(volume > 0)
    ratio = np.log(traded) - np.log(volume.rolling(days).mean().where(volume > 0))
    return ratio.where(volume > 0, 0.0)


def _rolling_mean(values: pd.Series, days: int, enough: int | None = None) -> pd.Series:
    """Trailing mean of values >= 0 that is exactly 0 where they all are.

    pandas carries a running sum, which keeps a rounding residue after the last non-zero value left.
    """
    window = values.rolling(days, min_periods=enough)
    return window.mean().where(window.max() != 0, 0.0)
