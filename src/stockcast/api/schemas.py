"""What goes in and out, as OpenAPI shows it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from stockcast.contracts.base import absent
from stockcast.contracts.drift import DriftReport
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.report import Report
from stockcast.jobs import Task
from stockcast.settings import parse_ticker

#: What FastAPI takes for the other answers of an endpoint.
Responses = dict[int | str, dict[str, Any]]

__all__ = [
    "Accepted",
    "Answer",
    "Component",
    "Health",
    "Info",
    "Monitored",
    "NotMade",
    "Output",
    "Outputs",
    "PortfolioRequest",
    "Problem",
    "Removed",
    "ReportAnswer",
    "ReportCheck",
    "ReportScore",
    "Responses",
    "TaskState",
    "Ticker",
    "TickerRequest",
]

Ticker = Annotated[
    str,
    Field(
        pattern=r"^\s*[A-Za-z0-9^][A-Za-z0-9^.=&\-]{0,23}\s*$",
        max_length=64,
        description="1 to 24 letters, digits or . ^ = - &",
        examples=["AAPL"],
    ),
    AfterValidator(parse_ticker),
]


class TickerRequest(BaseModel):
    """Which stock."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ticker": "AAPL"}]})

    ticker: Ticker


class PortfolioRequest(BaseModel):
    """Which stocks, with which shares of the capital; equal ones where none are given."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"tickers": ["AAPL"], "weights": [1.0]}]}
    )

    tickers: list[Ticker] = Field(min_length=1, max_length=50)
    weights: list[float] = Field(default=[], max_length=50)


class Problem(BaseModel):
    """Why a request was not carried out."""

    detail: str = Field(description="One sentence.", examples=["Expected a ticker, got ''."])


class Accepted(BaseModel):
    """What was asked for is in the making; ``/status/{task_id}`` follows it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "training",
                    "detail": "There is no model of AAPL yet; it is being trained.",
                    "task_id": "20130301T210000-0123abcd",
                }
            ]
        }
    )

    status: Literal["training"]
    detail: str
    task_id: str


class Answer(BaseModel):
    """A forecast."""

    result: Forecast


class ReportAnswer(BaseModel):
    """The analyst's report."""

    result: Report


class TaskState(Task):
    """A task. When it is completed, the forecast is in Redis, unless ``reason`` says why not."""

    bad_input: bool = Field(default=False, exclude=True)


class Component(BaseModel):
    """One part that the service needs, or can do without."""

    name: str
    ok: bool
    required: bool
    detail: str


class Health(BaseModel):
    """How the service is: healthy, degraded (something optional is down) or unhealthy."""

    status: Literal["healthy", "degraded", "unhealthy"]
    components: list[Component]


class Info(BaseModel):
    """What this is and what it answers."""

    project: str
    version: str
    description: str
    profile: str
    endpoints: dict[str, str]


class Output(BaseModel):
    """A file that the profile generated."""

    path: str
    bytes: int
    modified: str


class Outputs(BaseModel):
    """Products and reports of the profile, those of the latest runs first cut at a number."""

    profile: str
    total: int
    truncated: bool
    files: list[Output]


class NotMade(BaseModel):
    """Why there is no check."""

    status: Literal["failed", "skipped"]
    error: str | None = absent()
    detail: str | None = absent()


class ReportScore(BaseModel):
    """What became of the checks of a report; the score is the share that holds."""

    overall_score: float
    checks: dict[str, bool]
    status: Literal["Pass", "Fail"]


class ReportCheck(BaseModel):
    """The evaluation of the latest report on a ticker."""

    ticker: str
    as_of: str
    created_at: str
    metrics: ReportScore
    findings: list[str]


class Monitored(BaseModel):
    """What was found of one ticker's model."""

    ticker: str
    type: str
    is_parent: bool
    drift: DriftReport | NotMade
    agent_eval: ReportCheck | NotMade
    links: dict[str, str]


class Removed(BaseModel):
    """What a reset removed, and where it left the ledger of forecasts."""

    status: Literal["reset"]
    removed: list[str]
    ledger: str | None
