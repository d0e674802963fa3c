"""Seeded subjects of reports, in memory and on disk: prices, forecast, ledger, drift and news."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from stockcast.agents import analogues, graph
from stockcast.agents.facts import LEVELS, FactTable, build
from stockcast.agents.inputs import EarlierReport, Inputs, Subject, measured
from stockcast.agents.news import News, NewsItem
from stockcast.agents.ollama import Model
from stockcast.agents.report import document_of, write_report
from stockcast.contracts.drift import Health
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.report import Report
from stockcast.ingestion.history import PriceHistory, content_hash
from stockcast.ledger import Ledger
from stockcast.markets.calendars import next_sessions, sessions
from stockcast.prices import snapshot
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.documents import why
from tests.drift import drift_report

TICKERS = ("AAPL", "MSFT", "IBM", "GOOG", "FB", "^GSPC", "XYZ", "BRK.B")
#: Standard normal quantiles of the contract's levels.
NORMAL = dict(zip(LEVELS, (-1.645, -1.2816, -0.6745, 0.0, 0.6745, 1.2816, 1.645), strict=True))

HEADLINES = (
    ("Apple unveils a larger phone as rivals cut prices", "Reuters"),
    ("Shares slide after a cautious outlook for the quarter", "Dow Jones"),
    ("Supplier says orders rose 12% on the year", ""),
    ("Board approves a buyback of $10 billion", "Bloomberg"),
    ("Regulators look into the market for apps", "Financial Times"),
)


def bars(
    seed: int = 1, days: int = 620, price: float = 100.0, end: str = "2013-03-01"
) -> pd.DataFrame:
    """Adjusted daily bars that end on ``end``: a random walk whose volatility comes and goes."""
    rng = np.random.default_rng(seed)
    index = sessions("XNYS", pd.Timestamp(end) - pd.Timedelta(days=2 * days), end)[-days:]
    level = (
        0.008 + 0.012 * rng.random() + 0.006 * np.sin(np.arange(days) / (40 + 60 * rng.random()))
    )
    returns = rng.normal(0.0015 * rng.normal(), 1, days) * np.clip(level, 0.003, None)
    close = price * np.exp(np.cumsum(returns))
    open_ = close * np.exp(rng.normal(0, 0.003, days))
    spread = np.abs(rng.normal(0, 0.006, days))
    frame = pd.DataFrame(
        {
            "open": open_,
            "high": np.maximum(open_, close) * (1 + spread),
            "low": np.minimum(open_, close) * (1 - spread),
            "close": close,
            "volume": rng.integers(1e6, 9e6, days).astype(float),
        },
        index=pd.DatetimeIndex(index, name="date"),
    )
    return frame.round({"open": 2, "high": 2, "low": 2, "close": 2}).astype(float)


def forecast(
    ticker: str,
    frame: pd.DataFrame,
    *,
    lean: float = 0.0,
    skilful: bool = True,
    horizon: int = 5,
    data_hash: str = "0123456789abcdef",
    version: str = "a1b2c3d4e5f6",
    ratio: float = 0.967,
) -> Forecast:
    """A forecast; ``lean`` moves the median by so many standard deviations."""
    last, sigma = float(frame["close"].iloc[-1]), 0.015
    days = next_sessions("XNYS", frame.index[-1], horizon)
    fan = [
        {
            "date": f"{day:%Y-%m-%d}",
            **{
                name: last * float(np.exp(sigma * np.sqrt(ahead) * (value + lean)))
                for name, value in NORMAL.items()
            },
        }
        for ahead, day in enumerate(days, start=1)
    ]
    fan = [{**day, "close": day["q50"]} for day in fan]
    history = frame["close"].tail(60)
    return Forecast.model_validate(
        {
            "ticker": ticker,
            "as_of": f"{frame.index[-1]:%Y-%m-%d}",
            "last_close": last,
            "currency": "USD",
            "source": "sample",
            "data_hash": data_hash,
            "cached": False,
            "model": {
                "kind": "child" if skilful else "baseline",
                "version": version,
                "strategy": "freeze",
                "trained_through": "2008-05-30",
            },
            "verdict": {
                "skilful": skilful,
                "reason": "Its loss is 3.3% below the naive forecast's."
                if skilful
                else "No skill.",
            },
            "skill": {
                "pinball_vs_naive": ratio if skilful else 1.004,
                "pinball_vs_garch": 1.012,
                "ci95": [ratio - 0.02, ratio + 0.019] if skilful else [0.98, 1.03],
                "coverage_80": 0.812,
                "n": 793,
            },
            "predictions": {
                "historical": [
                    {"date": f"{day:%Y-%m-%d}", "close": float(close)}
                    for day, close in history.items()
                ],
                "full_forecast": fan,
            },
            "naive": {"full_forecast": fan},
        }
    )


def subject(
    seed: int = 1, *, days: int | None = None, price: float | None = None, **options: Any
) -> Subject:
    """A subject that varies with the seed: ticker, trend, volatility, lean, skill, news, record."""
    rng = np.random.default_rng(1000 + seed)
    ticker = TICKERS[seed % len(TICKERS)]
    length = int(rng.choice([60, 150, 300, 620]))
    start = float(rng.choice([8, 90, 430]))
    frame = bars(seed, days=days or length, price=price or start)
    given = {
        "lean": float(rng.choice([-0.6, -0.1, 0.0, 0.05, 0.5])),
        "skilful": bool(rng.random() < 0.7),
        "horizon": int(rng.choice([1, 3, 5, 7])),
        **options,
    }
    document = _with_results(forecast(ticker, frame, **given), seed % 5)
    if seed % 4:
        document = _with_reasons(document, seed)
    known = measured(frame)
    settled = int(rng.choice([0, 6, 45]))
    return Subject(
        forecast=document,
        bars=known,
        ledger={
            "forecasts": settled + 3,
            "settled": settled,
            "coverage_80": 0.78,
            "coverage_90": 0.91,
            "pinball_vs_naive": 0.985,
        },
        drift=[None, drift_report(ticker), drift_report(ticker, "Degraded")][seed % 3],
        news=news(seed % 4),
        memories=memories(frame, seed % 3),
        analogues=analogues.find(known, len(document.days)),
    )


def _with_results(known: Forecast, kind: int) -> Forecast:
    """The forecast without a calendar, or with results inside the horizon, later or never."""
    if kind == 0:
        return known
    inside, first = kind in (1, 2), known.days[0].date
    event = {"date": first if inside else first + dt.timedelta(days=40), "kind": "results"}
    event |= {"when": "bmo" if inside else None, "source": "files", "inside_horizon": inside}
    event |= {"widens": {1: 0.343, 2: -0.027}.get(kind)}
    document = known.model_dump(mode="json")
    if inside:
        document["predictions"]["full_forecast"][0]["event"] = "results"
    events = [] if kind == 4 else [event]
    return Forecast.model_validate(document | {"inputs": {"calendar": True}, "events": events})


def _with_reasons(known: Forecast, seed: int) -> Forecast:
    """The forecast with its tail losses, and with reasons for the width of its interval."""
    rng = np.random.default_rng(seed)
    parts = ("volatility", "today", "index", "recalibration", "rest")
    logs = dict(zip(parts, rng.normal(0, 0.05, len(parts)), strict=True))
    if known.inputs:
        logs["events"] = 0.3 if any(event.inside_horizon for event in known.events) else -0.2
    lost = [(day.date, 1 - day.q05 / known.last_close) for day in known.days]
    at_risk = [{"date": d, "p95": x, "p975": 1.2 * x, "p99": 1.5 * x} for d, x in lost]
    beyond = [{"date": d, "p95": 1.3 * x, "p975": 1.5 * x, "p99": 1.8 * x} for d, x in lost]
    risk = {"value_at_risk": at_risk, "expected_shortfall": beyond, "volatility_annual": 0.24}
    document = known.model_dump(mode="json") | {"risk": risk, "why": why(**logs)}
    return Forecast.model_validate(document)


def news(count: int) -> News:
    """So many headlines, the newest first."""
    items = [
        NewsItem(f"2013-02-{27 - number:02d}", title, "", publisher)
        for number, (title, publisher) in enumerate(HEADLINES[:count])
    ]
    return News(tuple(items))


def memories(frame: pd.DataFrame, count: int) -> tuple[EarlierReport, ...]:
    """So many earlier reports, of which the newest is not settled."""
    found = []
    for number in range(count):
        day, end = frame.index[-7 - 10 * number], frame.index[-2 - 10 * number]
        close = float(frame.loc[day, "close"])
        move = 100 * (float(frame.loc[end, "close"]) / close - 1)
        known = (f"{end:%Y-%m-%d}", move, number % 2 == 0) if number else (None, None, None)
        found.append(EarlierReport(f"{day:%Y-%m-%d}", "NEUTRAL", "Low", close, *known))
    return tuple(found)


def written(
    settings: Settings, about: Subject, model: Model | None = None
) -> tuple[Report, FactTable]:
    """The report on a subject, and its facts; nothing is read from a disk."""
    table = build(about)
    end = graph.run(table, graph.Context(model))
    return document_of(Inputs(about.forecast, about.drift, about.news), table, end, settings), table


def report(settings: Settings, ticker: str = "AAPL", **options: Any) -> Report:
    """The report on the ticker's last forecast."""
    made = Workspace.of(settings).read_forecast(ticker)
    assert made is not None
    return write_report(settings, made, **options)


def place(
    settings: Settings,
    ticker: str = "AAPL",
    *,
    seed: int = 1,
    end: str = "2013-03-01",
    health: Health | None = "Healthy",
    **options: Any,
) -> Forecast:
    """Put prices, forecast, drift and ledger of a ticker where the stages leave them."""
    frame = bars(seed, end=end)
    history = PriceHistory(ticker, frame, settings.source, "USD", content_hash(ticker, frame))
    snapshot.save(history, settings)
    document = forecast(ticker, frame, data_hash=history.data_hash, **options)
    document.save(Workspace.of(settings).forecast(ticker))
    if health is not None:
        drift_report(ticker, health).save(Workspace.of(settings).state / "drift" / f"{ticker}.json")
    Ledger(settings).append(document)
    return document


def settle(settings: Settings, ticker: str, *, seed: int = 1, end: str = "2013-03-01") -> None:
    """Settle the ledger with the prices up to ``end``."""
    frame = bars(seed, end=end)
    Ledger(settings).settle(ticker, frame["close"], content_hash(ticker, frame))
