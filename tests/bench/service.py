"""The service under load beside the plain way to write it, by turns on one Redis."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from stockcast import cache, forecasting
from stockcast.settings import Settings, load_settings
from tests.api.servers import Server, furnish, kill, serving
from tests.bench import load
from tests.bench.load import Load
from tests.bench.timing import Row, limited

__all__ = ["rows"]

Say = Callable[[str], None]
WORKERS = 2
#: Requests a second that the design names.
DESIGNED = 10_000


def rows(*, say: Say, seconds: float = 5, turns: int = 3) -> list[Row]:
    """Measure cached forecasts at full and half load, made ones, and both while a model trains."""
    with tempfile.TemporaryDirectory(prefix="stockcast-bench-") as folder:
        settings = _settings(folder)
        furnish(settings, "AAPL")
        forecasting.forecast(settings, "AAPL")
        try:
            with serving(settings, workers=WORKERS) as ours:
                made = _cached(settings, ours, say, seconds, turns)
                say("The service while a model trains ...")
                made.append(_while_training(ours, seconds))
            say("Forecasts that are made ...")
            made.append(_made(folder))
        finally:
            cache.stop(settings)
    return made


def _settings(folder: str, **more: str) -> Settings:
    free = {"forecasts_per_hour": "0", "trainings_per_hour": "0"}
    return load_settings("sample", {"root": folder, **free, **more})


def _cached(settings: Settings, ours: Server, say: Say, seconds: float, turns: int) -> list[Row]:
    load.warm(ours.url, WORKERS)
    with load.plain(settings, workers=WORKERS) as plain:
        mine, theirs = [], []
        for turn in range(turns):  # by turns, so that both meet the same load from other programs
            say(f"Cached forecasts, turn {turn + 1} of {turns} ...")
            mine.append(load.wrk(ours.url, seconds=seconds))
            theirs.append(load.wrk(plain, seconds=seconds))
    peak, beside = _middle(mine), _middle(theirs)
    connections = 16
    half = load.wrk(
        ours.url, connections=connections, seconds=seconds, pause=2000 * connections / peak
    )
    ratio = peak / beside
    return [
        Row(
            "Cached forecasts, 2 workers, 32 connections",
            peak,
            "req/s",
            "plain FastAPI route: JSON loaded and validated",
            beside,
            ratio,
            target="at least 5 times",
            met=ratio >= 5,
            note=f"of {turns} turns each; failed requests: {sum(seen.bad for seen in mine)}",
        ),
        Row(
            "Cached forecasts, as designed",
            peak,
            "req/s",
            target=f"{DESIGNED} req/s",
            met=peak >= DESIGNED,
            note="the load generator and Redis run on the same cores",
        ),
        limited(
            "Cached forecast at half load: p99",
            half.p99,
            "ms",
            10,
            note=f"{half.rate:.0f} req/s; median {half.p50:.2f} ms",
        ),
    ]


def _middle(seen: list[Load]) -> float:
    return median(each.rate for each in seen)


def _while_training(ours: Server, seconds: float) -> Row:
    asked = ours.operator.post("/train-child", json={"ticker": "IBM"})
    asked.raise_for_status()
    seen = load.wrk(ours.url, connections=4, seconds=seconds, pause=10)
    kill(asked.json()["task_id"])
    note = f"{seen.rate:.0f} req/s; median {seen.p50:.2f} ms; slowest {seen.slowest:.0f} ms"
    return limited("Cached forecast while a model trains: p99", seen.p99, "ms", note=note)


def _made(folder: str) -> Row:
    """Without Redis every forecast is made."""
    settings = _settings(folder, redis_host="127.0.0.1", redis_port="1")
    Path(folder, "serve.log").unlink(missing_ok=True)
    with serving(settings) as server:
        load.warm(server.url, 1)
        seen = load.wrk(server.url, connections=1, seconds=3)
    note = f"one connection, one worker, no Redis; p99 {seen.p99:.1f} ms"
    return limited("Forecast that is not cached, over HTTP", seen.p50, "ms", 60, note=note)
