"""The digest of a daily run: what changed is told once, in a page, a mail and a webhook."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stockcast import prices
from stockcast.contracts.digest import Digest
from stockcast.contracts.drift import Health
from stockcast.contracts.forecast import Forecast, ForecastEvent, Verdict
from stockcast.contracts.run import Failure
from stockcast.daily import digest
from stockcast.daily.run import run_due
from stockcast.evaluation.fan import price_fan
from stockcast.evaluation.quantiles import LEVELS
from stockcast.ledger import Ledger
from stockcast.markets import calendars
from stockcast.models.postprocessing.tails import USUAL
from stockcast.pipeline.result import RunResult
from stockcast.prices import PriceHistory, snapshot
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests import documents
from tests.browser import visiting
from tests.drift import drift_report

NORMAL = np.array([-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645])
STEPS = np.sqrt(np.arange(1, 6))[:, None]
#: AAPL lost 5.0% on the second day.
HUSH = "hush-4711"
MONDAY, TUESDAY = "2013-01-22", "2013-01-24"


def forecast(
    settings: Settings, history: PriceHistory, width: float, skilful: bool, results: str | None
) -> Forecast:
    days = calendars.next_sessions(settings.exchange, history.as_of, 5)
    levels = [0.01, 0.025, *LEVELS, 0.975, 0.99]
    spread = width * STEPS * NORMAL
    values = USUAL.quantiles(spread, np.zeros(5, bool), levels)
    kinds = {pd.Timestamp(results): "results"} if results else {}
    kinds = {day: kind for day, kind in kinds.items() if day in days}
    event = ForecastEvent(
        date=dt.date.fromisoformat(results or MONDAY), kind="results", when="bmo", source="files",
        inside_horizon=bool(kinds),
    )  # fmt: skip
    reason = "The gate lets it through." if skilful else "Not surely better than naive."
    return documents.forecast(
        ticker=history.ticker,
        as_of=history.as_of.date(),
        last_close=history.last_close,
        data_hash=history.data_hash,
        verdict=Verdict(skilful=skilful, reason=reason),
        inputs={"calendar": True},
        events=(event,) if results else (),
        risk=USUAL.risk(days, spread, np.zeros(5, bool)),
        predictions={
            "historical": (),
            "full_forecast": price_fan(days, history.last_close, values, kinds, levels),
        },
    )


def runner(
    width: float = 0.01,
    skilful: bool = True,
    results: str | None = None,
    health: Health = "Healthy",
    failed: str = "",
) -> Callable[..., RunResult]:
    """A pipeline of milliseconds, whose forecasts of IBM are told to be so; AAPL's stay alike."""

    def run(settings: Settings, **options: Any) -> RunResult:
        workspace = Workspace.of(settings)
        for ticker in settings.tickers:
            history = prices.read(settings, ticker)
            snapshot.save(history, settings)
            told = (width, skilful, results) if ticker == "IBM" else (0.01, True, None)
            made = forecast(settings, history, *told)
            made.save(workspace.forecast(ticker))
            Ledger(settings).append(made)
            found = drift_report(ticker, health if ticker == "IBM" else "Healthy")
            found.model_copy(
                update={"reasons": ("Volatility is twice the usual.",), "what_to_do": "Wait."}
            ).save(workspace.drift(ticker))
        failures = (
            {"report-IBM": Failure(task="report-IBM", error="Unavailable", message=failed)}
            if failed
            else {}
        )
        return RunResult("id", settings.profile, 0.0, failed=failures)

    return run


@pytest.fixture
def on(sample_settings: Callable[..., Settings], tmp_path: Path) -> Callable[..., Settings]:
    script = tmp_path / "tell"
    script.write_text(f'#!/bin/sh\n{{ echo "$STOCKCAST_SUMMARY"; cat; }} > {tmp_path}/told\n')
    script.chmod(0o700)

    def make(day: str, **more: Any) -> Settings:
        chosen = {"as_of": day, "tickers": "AAPL,IBM", "notify_command": str(script), "catch_up": 1}
        return sample_settings(**{**chosen, **more})

    return make


def kinds(settings: Settings) -> list[tuple[str, str]]:
    return [(i.kind, i.ticker) for i in Digest.load(Workspace.of(settings).digest).items]


def test_the_second_day_tells_what_changed_since_the_first(
    on: Callable[..., Settings], tmp_path: Path
) -> None:
    first = run_due(on(MONDAY), run=runner())
    assert first.digest == []
    assert first.lines()[-2:] == ["Nothing to tell.", f"Digest: {first.page}"]
    assert (tmp_path / "told").read_text("utf-8").splitlines()[0] == (
        "stockcast, profile sample, 2013-01-22: nothing to tell."
    )
    settings = on(TUESDAY)
    changed = runner(0.013, skilful=False, results="2013-01-28", health="Critical")
    second = run_due(settings, run=changed)
    assert kinds(settings) == [
        *(("gate", "IBM"), ("width", "IBM"), ("results", "IBM"), ("drift", "IBM")),
    ]
    assert second.digest == [
        "IBM is no longer skilful. Not surely better than naive.",
        "IBM: the 80% interval is 30% wider than at the last run.",
        "IBM: results on 2013-01-28 before the open.",
        "IBM is critical: Volatility is twice the usual. Wait.",
    ]
    told = (tmp_path / "told").read_text("utf-8").splitlines()
    assert told[0] == "stockcast, profile sample, 2013-01-24: 4 things to tell."
    assert told[2:-1] == second.digest
    assert told[-1] == Path(second.page).as_uri()


def test_a_loss_beyond_the_value_at_risk_is_told_once(on: Callable[..., Settings]) -> None:
    run_due(on("2013-01-23"), run=runner())
    settings = on(TUESDAY)  # AAPL opened after its results
    second = run_due(settings, run=runner())
    (line,) = second.digest
    assert re.fullmatch(
        r"AAPL lost 12\.4% on 2013-01-24, beyond the 2\.6% that one day in 100 exceeds\.", line
    )
    (other,) = run_due(on("2013-01-25"), run=runner()).digest
    assert other.startswith("AAPL lost 2.4% on 2013-01-25, beyond the 1.6% that one day in 20 ")


def test_what_was_told_is_not_told_again_and_what_ends_is_told(on: Callable[..., Settings]) -> None:
    storm = {"width": 0.013, "skilful": False, "health": "Degraded", "results": "2013-01-30"}
    run_due(on("2013-01-17"), run=runner())
    run_due(on("2013-01-18"), run=runner(**{**storm, "results": "2013-01-25"}))
    quiet = run_due(on("2013-01-22"), run=runner(**{**storm, "results": "2013-01-25"}))
    assert quiet.digest == []
    last = run_due(on("2013-01-24"), run=runner(results="2013-01-25"))
    assert last.digest[-3:] == [
        "IBM is skilful now. The gate lets it through.",
        "IBM: results on 2013-01-25 before the open.",  # on the session before, again
        "IBM is healthy again.",
    ]


def test_failures_come_first_and_nothing_due_leaves_the_page(
    on: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = on(MONDAY, dagshub_token=HUSH)
    result = run_due(settings, run=runner(failed=f"No answer at {HUSH}."))
    assert result.exit_code == 1
    assert result.digest[0].endswith("No answer at ***.")
    page = Path(result.page).read_text("utf-8")
    assert HUSH not in page
    told = (tmp_path / "told").read_text("utf-8").splitlines()
    assert told[0].startswith("stockcast, profile sample, failed: ")
    again = run_due(on(MONDAY), run=runner())
    assert again.note
    assert again.page == ""
    assert Path(result.page).read_text("utf-8") == page

    def broken(*_: Any, **__: Any) -> RunResult:
        raise RuntimeError("The disk is full.")

    with pytest.raises(RuntimeError):
        run_due(on("2013-01-23"), run=broken)
    assert "The disk is full." in Path(result.page).read_text("utf-8")


def test_a_digest_that_cannot_be_written_hides_no_failure(
    on: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = on(MONDAY)
    Workspace.of(settings).digest_page.mkdir(parents=True)

    def broken(*_: Any, **__: Any) -> RunResult:
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        run_due(settings, run=broken)
    assert "failed: No space left on device" in (tmp_path / "told").read_text("utf-8")
    done = run_due(settings, run=runner())
    assert (done.page, done.exit_code) == ("", 0)


def test_a_damaged_digest_is_as_none(on: Callable[..., Settings]) -> None:
    run_due(on(MONDAY), run=runner())
    path = Workspace.of(on(MONDAY)).digest
    path.write_text(path.read_text("utf-8").replace("true", "false"), "utf-8")
    assert run_due(on("2013-01-23"), run=runner()).digest == []


def test_the_page_is_short_whole_and_legible(on: Callable[..., Settings], tmp_path: Path) -> None:
    settings = on(MONDAY)
    run_due(settings, run=runner())
    names = [f"T{k:03}" for k in range(150)]
    state = Digest.load(Workspace.of(settings).digest).stocks["IBM"]
    workspace = Workspace.of(settings)
    known = {}
    for name in names:
        known[name] = workspace.read_forecast("IBM").model_copy(update={"ticker": name})  # type: ignore[union-attr]
        known[name].save(workspace.forecast(name))
    old = {name: state.model_copy(update={"width": state.width / 1.3}) for name in names}
    Digest.load(workspace.digest).model_copy(update={"stocks": old}).save(workspace.digest)
    many = settings.model_copy(update={"tickers": tuple(names)})
    made = digest.write(
        many, pd.Timestamp(MONDAY), begun=dt.datetime(2013, 1, 1), stale=["IBM: <b>old</b>."]
    )
    assert len(made.items) == 151
    text = workspace.digest_page.read_text("utf-8")
    assert text.count("wider than") == digest.SHOWN
    assert "and 138 more: T012" in text
    assert "&lt;b&gt;old" in text
    assert "<script" not in text
    assert "http" not in re.sub(r'http-equiv="', "", text)
    with visiting() as browse:
        for width, scheme in ((390, "dark"), (1280, "light")):
            visit = browse(
                workspace.digest_page.as_uri(),
                viewport={"width": width, "height": 900},
                color_scheme=scheme,
            )
            height = visit.page.evaluate("document.documentElement.scrollHeight")
            assert height < 2.5 * 900
            assert not visit.too_wide()
            assert visit.barriers() + visit.said + visit.strangers == []
            visit.screenshot(f"digest-{width}-{scheme}", full_page=True)
