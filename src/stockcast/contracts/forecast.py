"""A forecast: the quantiles of the closes to come, what made them and what it is worth."""

from __future__ import annotations

import datetime as dt
import math
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stockcast.contracts import numbers
from stockcast.contracts.base import Contract, Product, absent
from stockcast.contracts.event import When
from stockcast.contracts.prices import Freshness, PriceInputs

__all__ = [
    "QUANTILES",
    "QUANTILE_NAMES",
    "TAILS",
    "Close",
    "Forecast",
    "ForecastDay",
    "ForecastEvent",
    "Inputs",
    "NaiveForecast",
    "Predictions",
    "Price",
    "Risk",
    "Served",
    "Skill",
    "TailRisk",
    "Verdict",
    "Why",
    "WidthChange",
    "WidthParts",
]

#: The field of each level, in order. The outer four are None until the tails are made.
QUANTILE_NAMES: dict[float, str] = {
    0.01: "q01",
    0.025: "q025",
    0.05: "q05",
    0.10: "q10",
    0.25: "q25",
    0.50: "q50",
    0.75: "q75",
    0.90: "q90",
    0.95: "q95",
    0.975: "q975",
    0.99: "q99",
}
#: Quantiles that a forecast may lack.
TAILS = ("q01", "q025", "q975", "q99")
#: Quantiles of every forecast.
QUANTILES = tuple(name for name in QUANTILE_NAMES.values() if name not in TAILS)


Price = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Served(Contract):
    """The model behind a forecast.

    Attributes:
        version: hash of a model's content; name of a baseline.
        strategy: how a child came from the parent, ``scratch``, or the baseline's name.
        trained_through: last day that the model learned from.
    """

    kind: Literal["child", "parent", "baseline"]
    version: str
    strategy: str
    trained_through: dt.date | None


class Verdict(Contract):
    """Whether the model has earned its place, and a sentence that says why or why not."""

    skilful: bool
    reason: str


class Skill(Contract):
    """Test figures of what serves: ratios of pinball loss, below 1 is better; n origins."""

    pinball_vs_naive: float | None
    pinball_vs_garch: float | None
    ci95: tuple[float, float] | None
    coverage_80: float | None
    n: int


class Close(Contract):
    """A close that was traded."""

    date: dt.date
    close: Price


class ForecastDay(Close):
    """The quantiles of a close to come; ``close`` is the median.

    ``event`` is the kind of event that the day's session answers: results announced after the
    close belong to the next session.
    """

    q01: Price | None = None
    q025: Price | None = None
    q05: Price
    q10: Price
    q25: Price
    q50: Price
    q75: Price
    q90: Price
    q95: Price
    q975: Price | None = None
    q99: Price | None = None
    event: str | None = None

    def quantiles(self) -> dict[str, float]:
        """The quantiles there are, by name, in order."""
        found = {name: getattr(self, name) for name in QUANTILE_NAMES.values()}
        return {name: value for name, value in found.items() if value is not None}

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        values = list(self.quantiles().values())
        if any(low > high for low, high in pairwise(values)):
            raise ValueError(f"the quantiles of {self.date} cross")
        return self


class Predictions(Contract):
    """Closes behind, quantiles ahead, by trading day of the exchange."""

    historical: tuple[Close, ...]
    full_forecast: tuple[ForecastDay, ...]


class NaiveForecast(Contract):
    """The random walk's forecast of the same days."""

    full_forecast: tuple[ForecastDay, ...]


class ForecastEvent(Contract):
    """A known event near the forecast.

    Attributes:
        date: the calendar day, as announced.
        inside_horizon: whether a session of the forecast answers it.
        announced_assumed: nobody said since when the date was known.
        widens: by what share the 80% interval of the last day is wider for it; None outside of the
            horizon.
    """

    date: dt.date
    kind: str
    when: When | None
    source: str
    inside_horizon: bool
    announced_assumed: bool = False
    widens: float | None = None


class Inputs(PriceInputs):
    """What the forecast was made from.

    Attributes:
        calendar: whether dates of events were known.
        market: ticker of the index whose prices were used beside the stock's own.
    """

    calendar: bool = False
    market: str | None = None


class TailRisk(Contract):
    """A loss by the end of one day, as a share of the last close, at confidence 95, 97.5, 99%."""

    date: dt.date
    p95: float
    p975: float
    p99: float


class Risk(Contract):
    """The risk of holding one share; losses are positive.

    Attributes:
        value_at_risk: the loss that is exceeded with the remaining probability, by day.
        expected_shortfall: the mean loss beyond it, by day.
        volatility_annual: standard deviation of log-returns over a year.
    """

    value_at_risk: tuple[TailRisk, ...]
    expected_shortfall: tuple[TailRisk, ...]
    volatility_annual: float


class WidthParts(Contract):
    """What a change of width is made of: logs of factors, which add up to the log of the whole.

    They come from forecasts in which one thing after another is taken away: the events ahead, the
    recalibration, the index. Another order would split the same change differently. A part that the
    model does not have is absent.

    Attributes:
        volatility: its level, up to the session before the last.
        today: what the last session did to that level.
        events: known events ahead.
        index: the index and the market ticker beside the stock.
        recalibration: what earlier outcomes taught.
        rest: what the network makes of its other inputs, such as volume and momentum; against the
            usual width also the distance from the mean to the median.
    """

    volatility: float
    today: float
    events: float | None = absent()
    index: float | None = absent()
    recalibration: float | None = absent()
    rest: float | None = absent()

    def known(self) -> dict[str, float]:
        """The parts there are, by name."""
        return self.model_dump(exclude_none=True)


class WidthChange(Contract):
    """How the width compares with another one."""

    width: float = Field(gt=0)
    parts: WidthParts

    @property
    def share(self) -> float:
        """By what share the interval is wider; negative when it is narrower."""
        return math.expm1(sum(self.parts.known().values()))


class Why(Contract):
    """Why the 80% interval of the last day is as wide as it is.

    The widths it is compared with are those of the forecasts that the same model gives for the days
    before.

    Attributes:
        sessions: ahead; the last day of the forecast.
        width: of the interval, in log-returns.
        week_ago: beside the forecast made five sessions earlier.
        usual: beside the median of the last year; None while too few forecasts can be made.
        widens: by what share the events known ahead widen it; None where none is.
    """

    sessions: int
    width: float = Field(gt=0)
    week_ago: WidthChange
    usual: WidthChange | None = absent()
    widens: float | None = absent()

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        for other in filter(None, (self.week_ago, self.usual)):
            if not math.isclose(other.width * (1 + other.share), self.width, rel_tol=1e-6):
                raise ValueError("the parts of a change of width do not add up to the whole")
        return self


class Forecast(Product):
    """The forecast of one ticker, with what it is worth.

    Attributes:
        as_of: day of the last bar it was made from.
        last_close: the close of that day, in ``currency``.
        model, verdict, skill: what made it, whether that earned its place, and its test figures.
        inputs: what it was made from; None in a document that did not say.
        risk: tail losses, once the tails are made.
        why: why the 80% interval of the last day is as wide as it is.
    """

    CALLED = "forecast"

    ticker: str
    as_of: dt.date
    last_close: Price
    currency: str
    source: str
    data_hash: str
    cached: bool
    model: Served
    verdict: Verdict
    skill: Skill
    events: tuple[ForecastEvent, ...] = ()
    inputs: Inputs | None = None
    risk: Risk | None = None
    why: Why | None = absent()
    predictions: Predictions
    naive: NaiveForecast | None = None
    freshness: Freshness | None = absent()

    @property
    def days(self) -> tuple[ForecastDay, ...]:
        """The days ahead."""
        return self.predictions.full_forecast

    @property
    def last_day(self) -> ForecastDay:
        """The last day ahead."""
        return self.days[-1]

    @property
    def sessions_old(self) -> int:
        """Sessions that the prices lack; 0 of a source that is as it is."""
        return self.freshness.sessions_old if self.freshness else 0

    def price(self, value: float) -> str:
        """Return a price of the ticker with as many digits as its last close needs."""
        return numbers.price(value, self.currency, like=self.last_close)

    @property
    def closed_at(self) -> str:
        """The last close, with its currency."""
        return f"{numbers.price(self.last_close, self.currency)} {self.currency}"

    @property
    def aged(self) -> str:
        """How old the prices are, in brackets; empty when they are not."""
        old = self.sessions_old
        return f" ({old} session{'s' * (old > 1)} old)" if old else ""

    @property
    def stale_label(self) -> str:
        """What has to stand beside the forecast when its prices are old; else empty."""
        return self.freshness.label if self.freshness else ""
