"""The ledger loses nothing, doubles nothing and lets nothing be edited."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from stockcast.cli import main
from stockcast.contracts.forecast import QUANTILES, Forecast
from stockcast.errors import BadInput, StockcastError
from stockcast.evaluation import metrics
from stockcast.evaluation.quantiles import LEVELS
from stockcast.evaluation.realised import NAIVE_QUANTILES
from stockcast.ledger import Ledger, write_down
from stockcast.ledger import record as ledger_module
from stockcast.settings import Settings
from stockcast.workspace import Workspace

SESSIONS = pd.bdate_range("2012-01-02", periods=300, name="date")
CLOSE = pd.Series(
    100 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 0.01, len(SESSIONS)))), SESSIONS
)
HORIZON = 5

#: Appends one forecast after another and says so after each; a stand-in for `stockcast run`.
WRITER = """
import sys
from stockcast.contracts.forecast import Forecast
from stockcast.ledger import Ledger
ledger = Ledger(sys.argv[1])
for line in sys.stdin:
    print(ledger.append(Forecast.model_validate_json(line)), flush=True)
"""


def prices(last_close: float, day: pd.Timestamp, steps: int, spread: float) -> dict[str, Any]:
    offsets = np.linspace(-2, 2, len(QUANTILES)) * spread * math.sqrt(steps)
    quantiles = {name: last_close * math.exp(x) for name, x in zip(QUANTILES, offsets, strict=True)}
    return {"date": str(day.date()), "close": quantiles["q50"], **quantiles}


def forecast(
    day: int, ticker: str = "AAPL", version: str = "v1", close: pd.Series = CLOSE
) -> Forecast:
    """Make a forecast at the close of session number ``day``, with a wider naive one beside it."""
    last_close = float(close.iloc[day])

    def path(spread: float) -> dict[str, Any]:
        days = close.index[day + 1 : day + 1 + HORIZON]
        return {
            "full_forecast": [prices(last_close, d, h, spread) for h, d in enumerate(days, start=1)]
        }

    document = {
        "ticker": ticker,
        "as_of": str(close.index[day].date()),
        "last_close": last_close,
        "data_hash": f"hash{day}",
        "currency": "USD",
        "source": "sample",
        "cached": False,
        "model": {
            "kind": "child",
            "version": version,
            "strategy": "freeze",
            "trained_through": None,
        },
        "verdict": {"skilful": True, "reason": "Accepted."},
        "skill": {
            "pinball_vs_naive": 0.9,
            "pinball_vs_garch": 1.0,
            "ci95": None,
            "coverage_80": 0.8,
            "n": 500,
        },
        "predictions": {"historical": [], **path(0.008)},
        "naive": path(0.02),
    }
    return Forecast.model_validate(document)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state' / 'ledger.db'}"


@pytest.fixture
def ledger(url: str) -> Ledger:
    return Ledger(url)


def writer(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_default_ledger_lies_among_the_products_of_the_profile(sample_settings: Any) -> None:
    settings = sample_settings()
    assert Ledger(settings).append(forecast(0)) == HORIZON
    assert (Workspace.of(settings).state / "ledger.db").is_file()


def test_quantiles_come_back_as_log_returns_from_the_last_close(ledger: Ledger) -> None:
    document = forecast(3)
    ledger.append(document)
    row = ledger.rows("AAPL").iloc[1]
    wanted = document.days[1]
    assert row["horizon"] == 2
    assert row["target_date"] == pd.Timestamp(wanted.date)
    for name in QUANTILES:
        assert row["last_close"] * math.exp(row[name]) == pytest.approx(wanted.quantiles()[name])
    assert row["naive_q05"] < row["q05"]


def test_same_forecast_twice_is_one_row_per_horizon(ledger: Ledger) -> None:
    assert [ledger.append(forecast(0)) for _ in range(2)] == [HORIZON, 0]
    assert len(ledger.rows()) == HORIZON


def test_the_first_writing_of_a_forecast_stands(ledger: Ledger) -> None:
    ledger.append(forecast(0))
    before = ledger.rows()
    changed = forecast(0).model_dump()
    changed["predictions"]["full_forecast"][0]["q50"] *= 1.001
    ledger.append(Forecast.model_validate(changed))
    pd.testing.assert_frame_equal(ledger.rows(), before)


@pytest.mark.parametrize("change", [{"version": "v2"}, {"ticker": "IBM"}, {"day": 1}])
def test_another_model_ticker_or_day_is_another_forecast(
    ledger: Ledger, change: dict[str, Any]
) -> None:
    ledger.append(forecast(0))
    assert ledger.append(forecast(**{"day": 0, **change})) == HORIZON


def test_forecast_without_a_naive_one_is_kept(ledger: Ledger) -> None:
    alone = forecast(0).model_copy(update={"naive": None})
    assert ledger.append(alone) == HORIZON
    assert ledger.rows()[list(NAIVE_QUANTILES)].isna().all(axis=None)


@pytest.mark.parametrize("price", [math.nan, 0.0, -1.0, None])
def test_forecast_with_a_price_that_is_none_leaves_no_row(ledger: Ledger, price: Any) -> None:
    document = forecast(0).model_dump(mode="json")
    document["predictions"]["full_forecast"][4]["q95"] = price
    with pytest.raises(BadInput, match="q95"):
        ledger.append(Forecast.parse(document, "a test"))
    assert ledger.rows().empty


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE forecasts SET q50 = 0",
        "DELETE FROM forecasts",
        "UPDATE outcomes SET log_return = 0",
        "DELETE FROM outcomes",
    ],
)
def test_database_refuses_to_change_a_row(ledger: Ledger, url: str, statement: str) -> None:
    ledger.append(forecast(0))
    ledger.settle("AAPL", CLOSE, "later")
    before = ledger.rows()
    database = sqlite3.connect(url.removeprefix("sqlite:///"))
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute(statement)
    database.close()
    pd.testing.assert_frame_equal(ledger.rows(), before)


@pytest.mark.parametrize("table", ["forecasts", "outcomes"])
def test_database_ignores_a_replacement(ledger: Ledger, url: str, table: str) -> None:
    ledger.append(forecast(0))
    ledger.settle("AAPL", CLOSE, "later")
    before = ledger.rows()
    database = sqlite3.connect(url.removeprefix("sqlite:///"))
    column = {"forecasts": "last_close", "outcomes": "log_return"}[table]
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    values = ", ".join("9.0" if name == column else name for name in columns)
    database.execute(f"INSERT OR REPLACE INTO {table} SELECT {values} FROM {table}")  # noqa: S608
    database.commit()
    database.close()
    pd.testing.assert_frame_equal(ledger.rows(), before)


def test_only_bars_that_have_arrived_settle(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.append(forecast(10))
    settled = [ledger.settle("AAPL", CLOSE[: 11 + n], f"n{n}") for n in range(HORIZON + 2)]
    assert settled == [0, 1, 1, 1, 1, 1, 0]
    assert ledger.rows()["settled_with"].tolist() == ["n1", "n2", "n3", "n4", "n5"]
    assert caplog.text == ""  # what is not due yet is not missing


def test_realised_returns_equal_those_computed_from_prices(ledger: Ledger) -> None:
    for day in range(20):
        ledger.append(forecast(day))
    assert ledger.settle("AAPL", CLOSE, "all") == 20 * HORIZON
    rows = ledger.rows()
    target, origin = (CLOSE[rows[name]].to_numpy() for name in ("target_date", "as_of"))
    np.testing.assert_allclose(rows["log_return"], np.log(target / origin))
    np.testing.assert_allclose(rows["close"], target)


def test_split_after_the_forecast_changes_neither_return_nor_its_basis(ledger: Ledger) -> None:
    ledger.append(forecast(10))
    ledger.settle("AAPL", CLOSE / 7, "after a 7 for 1 split")
    rows = ledger.rows()
    wanted = CLOSE.iloc[11 : 11 + HORIZON].to_numpy()
    np.testing.assert_allclose(rows["close"], wanted)
    np.testing.assert_allclose(rows["log_return"], np.log(wanted / CLOSE.iloc[10]))


@pytest.mark.parametrize(("kept", "asked"), [("AAPL", "IBM"), ("IBM", "AAPL")])
def test_another_tickers_bars_settle_nothing(ledger: Ledger, kept: str, asked: str) -> None:
    ledger.append(forecast(0, kept))
    assert ledger.settle(asked, CLOSE, "all") == 0


@pytest.mark.parametrize("close", [math.inf, -1.0, 0.0, math.nan])
def test_a_close_that_is_no_price_settles_nothing(ledger: Ledger, close: float) -> None:
    ledger.append(forecast(10))
    spoilt = CLOSE.mask(CLOSE.index == SESSIONS[12], close)
    assert ledger.settle("AAPL", spoilt, "spoilt") == HORIZON - 1
    assert ledger.settle("AAPL", CLOSE[:0], "none") == 0


def test_the_numbers_of_a_forecast_are_compared_to_the_last_digit(ledger: Ledger) -> None:
    for day in (3, 4):
        ledger.append(forecast(day))
    assert ledger.says(forecast(3))
    changed = forecast(3).model_dump()
    changed["predictions"]["full_forecast"][2]["q50"] *= 1 + 1e-6
    for other in (Forecast.model_validate(changed), forecast(5), forecast(3, version="v2")):
        assert not ledger.says(other)


def test_a_row_that_was_taken_out_is_missed(ledger: Ledger, url: str) -> None:
    ledger.append(forecast(3))
    assert ledger.faults() == []
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as raw:
        raw.execute("DROP TRIGGER forecasts_no_delete")
        raw.execute("DELETE FROM forecasts WHERE id = 2")
        raw.commit()
    assert ledger.faults() == ["1 rows are missing"]


def test_a_writer_waits_for_half_a_minute(ledger: Ledger) -> None:
    with ledger._transaction() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


def refusing(monkeypatch: pytest.MonkeyPatch, times: int) -> list[Any]:
    """Have the next inserts find that another writer has committed the row meanwhile."""
    insert, seen = ledger_module._insert_once, list[Any]()

    def late(*row: Any) -> int:
        seen.append(row)
        if len(seen) <= times:
            raise sa.exc.IntegrityError("INSERT", {}, ValueError("it is there"))
        return insert(*row)

    monkeypatch.setattr(ledger_module, "_insert_once", late)
    return seen


def test_a_row_that_another_writer_committed_first_is_looked_for_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, 1)
    assert ledger.append(forecast(200)) == HORIZON


def test_a_row_that_is_refused_twice_is_told(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = refusing(monkeypatch, 9)
    with pytest.raises(StockcastError, match=r"The ledger refused a row: it is there\.$"):
        ledger.append(forecast(200))
    assert len(seen) == 2


def test_a_ledger_that_is_well_has_no_faults(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/new/folder/ledger.db")
    assert ledger.faults() == []
    ledger.append(forecast(200))
    ledger.settle("AAPL", CLOSE, "later")
    assert ledger.faults() == []


@pytest.mark.parametrize("gap", [10, 12])
def test_missing_session_is_skipped_and_said(
    ledger: Ledger, gap: int, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.append(forecast(10))
    settled = ledger.settle("AAPL", CLOSE.drop(SESSIONS[gap]), "holed")
    assert settled == (0 if gap == 10 else HORIZON - 1)
    assert f"AAPL: no close on {SESSIONS[gap].date()}" in caplog.text


def test_summary_equals_the_metrics_computed_from_scratch(ledger: Ledger) -> None:
    for day in range(100):
        ledger.append(forecast(day))
    ledger.settle("AAPL", CLOSE[:80], "some")
    summary = ledger.summary(today=SESSIONS[110].date()).set_index("ticker")
    # 75 forecasts have all their outcomes, then four, three, two, one, and none
    rows = ledger.rows().dropna(subset="log_return")
    y, q = rows["log_return"].to_numpy(), rows[list(QUANTILES)].to_numpy()
    naive = rows[list(NAIVE_QUANTILES)].to_numpy()
    one = summary.loc["AAPL"]
    assert (one["forecasts"], one["rows"], one["settled"]) == (100, 500, 75 * 5 + 4 + 3 + 2 + 1)
    assert one["coverage_80"] == pytest.approx(np.mean((y >= q[:, 1]) & (y <= q[:, 5])))
    assert one["coverage_90"] == pytest.approx(np.mean((y >= q[:, 0]) & (y <= q[:, 6])))
    assert one["pinball"] == pytest.approx(metrics.pinball(y, q, LEVELS))
    assert one["pinball_vs_naive"] == pytest.approx(
        metrics.pinball(y, q, LEVELS) / metrics.pinball(y, naive, LEVELS)
    )
    assert one["last_as_of"] == SESSIONS[99]
    assert one["lag_days"] == (SESSIONS[110] - SESSIONS[80]).days
    assert summary.loc["all"].drop("last_as_of").equals(one.drop("last_as_of"))


def test_summary_of_an_unsettled_ledger_claims_no_skill(ledger: Ledger) -> None:
    ledger.append(forecast(0))
    summary = ledger.summary(today=dt.date(2012, 1, 2)).set_index("ticker").loc["all"]
    assert summary[["coverage_80", "pinball", "pinball_vs_naive"]].isna().all()
    assert summary["lag_days"] == 0


def test_summary_of_an_empty_ledger_has_columns_and_no_rows(ledger: Ledger) -> None:
    summary = ledger.summary()
    assert summary.empty
    assert "pinball_vs_naive" in summary


def test_four_writers_at_once_lose_and_double_no_row(url: str) -> None:
    """Each opens a ledger that does not exist yet; half of what each writes all of them write."""
    shared = [forecast(day) for day in range(20)]
    writers = [writer(url) for _ in range(4)]
    for number, process in enumerate(writers):
        own = [forecast(day, version=f"w{number}") for day in range(20)]
        mixed = [document for pair in zip(shared, own, strict=True) for document in pair]
        assert process.stdin is not None
        process.stdin.write("".join(each.model_dump_json() + "\n" for each in mixed))
        process.stdin.close()
        process.stdin = None
    counts = [int(line) for process in writers for line in process.communicate()[0].split()]
    assert [process.returncode for process in writers] == [0, 0, 0, 0]
    assert sum(counts) == 5 * 20 * HORIZON
    assert len(ledger_rows := Ledger(url).rows()) == sum(counts)
    assert ledger_rows.groupby(["as_of", "model_version"]).size().eq(HORIZON).all()


@pytest.mark.fault(
    "kill -9 of who writes the ledger",
    "each forecast whole or not at all",
    "the next forecast writes what is missing",
)
def test_kill_in_the_middle_keeps_what_was_said_and_halves_no_forecast(url: str) -> None:
    documents = [forecast(day) for day in range(100)]
    process = writer(url)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("".join(each.model_dump_json() + "\n" for each in documents))
    process.stdin.flush()
    said = [process.stdout.readline() for _ in range(5)]
    process.kill()
    rest, _ = process.communicate()
    said += rest.split()

    again = Ledger(url)
    rows = again.rows()
    assert len(said) < len(documents)
    assert len(rows) >= len(said) * HORIZON
    assert rows.groupby("as_of").size().eq(HORIZON).all()
    for document in documents:
        again.append(document)
    assert len(again.rows()) == len(documents) * HORIZON


def test_writer_waits_for_another_instead_of_failing(ledger: Ledger, url: str) -> None:
    counts: list[int] = []
    thread = threading.Thread(target=lambda: counts.append(ledger.append(forecast(0))))
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN IMMEDIATE")
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        other.execute("COMMIT")
    thread.join()
    assert counts == [HORIZON]


@pytest.mark.fault(
    "A ledger that is cut short",
    "one sentence that names the file; no forecast is lost in silence",
    "put a backup in its place, or take the file away: a new one is begun",
)
def test_ledger_that_is_cut_short_is_named_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger(f"sqlite:///{path}")
    ledger.append(forecast(0))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 5000)
    with pytest.raises(StockcastError, match=r"Expected a ledger .*ledger\.db, got: ") as caught:
        Ledger(f"sqlite:///{path}").rows()
    assert len(str(caught.value).splitlines()) == 1


def test_file_that_is_no_ledger_is_named_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("these are not the rows you are looking for " * 100)
    with pytest.raises(StockcastError, match=r"Expected a ledger .*ledger\.db, got: file is not"):
        Ledger(f"sqlite:///{path}")


@pytest.mark.parametrize("url", ["nonsense", "nosuchdatabase://host/name"])
def test_url_of_no_database_is_bad_input(url: str) -> None:
    with pytest.raises(BadInput, match="ledger_url"):
        Ledger(url)


def test_folder_that_cannot_be_made_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="folder that can be written"):
        Ledger(f"sqlite:///{tmp_path}/file/ledger.db")


def test_rows_of_another_ledger_are_taken_in_once_with_their_outcomes(
    ledger: Ledger, tmp_path: Path
) -> None:
    for day in (10, 11, 200):
        ledger.append(forecast(day))
    ledger.settle("AAPL", CLOSE.iloc[:100], "hash")
    ledger.append(forecast(10, "IBM"))
    rows = json.loads(json.dumps(ledger.export("AAPL")))
    other = Ledger(f"sqlite:///{tmp_path / 'other.db'}")
    other.append(forecast(11))
    assert other.merge(rows) == 2 * HORIZON
    assert other.merge(rows) == 0
    ours = ledger.rows("AAPL").drop(columns="created_at")
    theirs = other.rows().drop(columns="created_at")
    keys = ["as_of", "horizon"]
    pd.testing.assert_frame_equal(
        *(frame.sort_values(keys, ignore_index=True) for frame in (ours, theirs))
    )


@pytest.fixture
def locked(sample_settings: Any) -> Iterator[tuple[Settings, sqlite3.Connection]]:
    """A root whose ledger another process holds."""
    settings = sample_settings()
    Ledger(settings)
    with contextlib.closing(sqlite3.connect(Workspace.of(settings).ledger)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield settings, other


@pytest.mark.fault(
    "A ledger that another process holds for longer than a second",
    "the forecast, a second later; its row waits in a file",
    "by itself: whoever opens the ledger next takes the row in, as of when it was made",
)
def test_a_locked_ledger_delays_the_row_and_not_the_forecast(
    locked: tuple[Settings, sqlite3.Connection],
) -> None:
    settings, other = locked
    begun = time.monotonic()
    write_down(settings, forecast(0))
    write_down(settings, forecast(0))
    assert 1.9 < time.monotonic() - begun < 10
    assert len(list(Workspace.of(settings).ledger_queue.iterdir())) == 1
    made = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    other.execute("COMMIT")
    time.sleep(0.1)
    rows = Ledger(settings).rows()
    assert len(rows) == HORIZON
    assert (rows["created_at"] <= made).all()
    assert list(Workspace.of(settings).ledger_queue.iterdir()) == []


def test_whoever_only_reads_waits_for_no_writer(
    locked: tuple[Settings, sqlite3.Connection],
) -> None:
    begun = time.monotonic()
    assert Ledger(locked[0]).rows().empty
    assert time.monotonic() - begun < 5


@pytest.mark.fault(
    "A number in the ledger's file that was changed",
    "one warning; the row is left out of every figure, and stockcast verify counts it",
    "put a backup in its place",
)
@pytest.mark.parametrize(
    ("change", "left"),
    [
        ("UPDATE forecasts SET q90 = q90 * 2 WHERE id = 1", HORIZON - 1),
        ("UPDATE forecasts SET ticker = 'MSFT' WHERE id = 1", HORIZON - 1),
        ("UPDATE outcomes SET log_return = 0.5 WHERE forecast_id = 1", HORIZON - 1),
        ("UPDATE outcomes SET forecast_id = 99 WHERE forecast_id = 1", HORIZON),
    ],
)
def test_a_row_that_was_changed_is_left_out(
    ledger: Ledger, url: str, change: str, left: int, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.append(forecast(10))
    ledger.settle("AAPL", CLOSE, "hash")
    assert len(ledger.rows()) == HORIZON
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as raw:
        for table in ("forecasts", "outcomes"):
            raw.execute(f"DROP TRIGGER {table}_no_update")
        raw.execute(change)
        raw.commit()
    rows = ledger.rows()
    assert (len(rows), rows.attrs["damaged"]) == (left, HORIZON - left)
    assert ("1 rows of " in caplog.text) == (left < HORIZON)


def test_an_outcome_belongs_to_its_own_forecast_alone(ledger: Ledger, url: str) -> None:
    ledger.append(forecast(10))
    ledger.append(forecast(200))
    ledger.settle("AAPL", CLOSE.iloc[:100], "hash")
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as raw:
        raw.execute("DROP TRIGGER outcomes_no_update")
        raw.execute("UPDATE outcomes SET forecast_id = forecast_id + 5")
        raw.commit()
    rows = ledger.rows()
    assert rows.attrs["damaged"] == HORIZON
    assert rows["log_return"].isna().all()


def test_a_ledger_without_rows_is_an_empty_table(
    sample_settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--set", f"root={sample_settings().root}"]
    assert main(["ledger", *where, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"summary": [], "rows": []}
    assert main(["ledger", *where]) == 0
    assert main(["settle", *where, "--json"]) == 0


def test_a_ledger_that_lost_its_hashes_is_damaged(ledger: Ledger, url: str) -> None:
    ledger.append(forecast(10))
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as raw:
        raw.execute("ALTER TABLE forecasts RENAME COLUMN digest TO digast")
        raw.commit()
    with pytest.raises(StockcastError, match="got: a table or a column is gone"):
        Ledger(url)
