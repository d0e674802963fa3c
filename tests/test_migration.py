"""What the version before wrote is opened, continued, and told of."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy.dialects import postgresql

from stockcast import forecasting
from stockcast.contracts.bundle import ModelDocument
from stockcast.contracts.forecast import QUANTILES, TAILS
from stockcast.contracts.model_record import ModelRecord
from stockcast.doctor import CHECKS, examine
from stockcast.evaluation.quantiles import LEVELS
from stockcast.ledger import Ledger
from stockcast.ledger.tables import FORECASTS, additions
from stockcast.models import serving
from stockcast.models.serving import Basis, NoModel
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.api.servers import furnish
from tests.documents import forecast, forecast_document, read

Make = Callable[..., Settings]

#: A ledger of ten rows and two outcomes, dumped as the version without tails and events wrote it.
EARLIER = Path(__file__).with_name("earlier_ledger.sql")
NEW = [*TAILS, *(f"naive_{name}" for name in TAILS), "event"]


@pytest.fixture
def settings(sample_settings: Make) -> Settings:
    """A workspace whose ledger the version before wrote."""
    made = sample_settings()
    path = Workspace.of(made).ledger
    path.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(EARLIER.read_text("utf-8"))
    return made


def before(settings: Settings) -> pd.DataFrame:
    query = "SELECT * FROM forecasts LEFT JOIN outcomes ON forecast_id = id ORDER BY id"
    with contextlib.closing(sqlite3.connect(Workspace.of(settings).ledger)) as database:
        return pd.read_sql(query, database)


def test_every_row_and_outcome_stays_and_the_new_columns_are_empty(settings: Settings) -> None:
    old = before(settings)
    rows = Ledger(settings).rows()
    assert (len(rows), int(rows["log_return"].notna().sum())) == (10, 2)
    for name in ("ticker", "horizon", "last_close", *QUANTILES, "log_return", "settled_with"):
        pd.testing.assert_series_equal(rows[name], old[name], check_dtype=False)
    assert rows[NEW].isna().all(axis=None)


def test_it_is_continued_with_tails_and_events(settings: Settings) -> None:
    days = forecast_document()["predictions"]["full_forecast"]
    tails = {"q01": 80.0, "q025": 85.0, "q975": 115.0, "q99": 120.0, "event": "results"}
    told = forecast(
        ticker="A-TICKER.OF-24-LETTERS&X",
        predictions={"historical": [], "full_forecast": [{**day, **tails} for day in days]},
    )
    ledger = Ledger(settings)
    assert ledger.append(told) == 2
    rows = ledger.rows(told.ticker)
    assert rows["event"].tolist() == ["results"] * 2
    assert (rows["q01"] < rows["q05"]).all()
    assert (rows["q99"] > rows["q95"]).all()
    assert rows["naive_q01"].isna().all()
    close = pd.Series([202.91, 204.0, 201.5, 203.0], pd.bdate_range("2013-03-01", periods=4))
    assert ledger.settle("IBM", close, "later still") == 1


def test_its_rows_are_still_guarded(settings: Settings) -> None:
    Ledger(settings)
    with contextlib.closing(sqlite3.connect(Workspace.of(settings).ledger)) as database:
        for statement in ("UPDATE forecasts SET q01 = 0", "DELETE FROM forecasts"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                database.execute(statement)


def test_what_an_earlier_version_exports_is_taken_in(settings: Settings, tmp_path: Path) -> None:
    exported = [
        {key: value for key, value in row.items() if key not in NEW}
        for row in Ledger(settings).export()
    ]
    other = Ledger(f"sqlite:///{tmp_path / 'other.db'}")
    assert other.merge(json.loads(json.dumps(exported))) == 10
    assert int(other.rows()["log_return"].notna().sum()) == 2


def test_postgresql_is_given_the_same_columns_and_room_for_longer_tickers() -> None:
    statements = list(additions(FORECASTS, ["q01", "event"], postgresql.dialect()))
    assert statements == [
        "ALTER TABLE forecasts ADD COLUMN IF NOT EXISTS q01 DOUBLE PRECISION",
        "ALTER TABLE forecasts ADD COLUMN IF NOT EXISTS event VARCHAR(40)",
        "ALTER TABLE forecasts ALTER COLUMN ticker TYPE VARCHAR(24)",
    ]
    assert list(additions(FORECASTS, [], postgresql.dialect())) == []
    assert all(FORECASTS.c[name].nullable for name in NEW)


def told_of(component: str, settings: Settings) -> str:
    (check,) = (check for check in CHECKS if check.name == component)
    (found,) = examine(settings, [check])
    assert found.ok, found.detail
    return found.detail


def test_doctor_tells_of_an_earlier_ledger_once(settings: Settings) -> None:
    told = "of an earlier version: brought up to date with 11 new columns"
    assert told_of("ledger", settings) == f"10 rows, 2 settled; {told}"
    assert told_of("ledger", settings) == "10 rows, 2 settled"


# models of other inputs


@pytest.fixture
def furnished(sample_settings: Make) -> Settings:
    """Prices and a record of AAPL, by which the random walk serves."""
    settings = sample_settings(tickers="AAPL")
    furnish(settings, "AAPL")
    return settings


def change(settings: Settings, **fields: object) -> None:
    path = Workspace.of(settings).record("child-AAPL")
    ModelRecord.load(path).model_copy(update=fields).save(path)


def test_a_record_without_a_version_is_read_as_the_first_one(furnished: Settings) -> None:
    path = Workspace.of(furnished).record("child-AAPL")
    document = read(path)
    assert document.pop("version") == 1
    path.write_text(json.dumps(document))
    assert forecasting.compute(furnished, "AAPL").model.version == "naive"


def test_a_model_of_other_levels_is_retired_with_a_sentence(furnished: Settings) -> None:
    change(furnished, baselines={"naive": [[-0.1, 0.0, 0.1]] * 5})
    with pytest.raises(NoModel, match=r"AAPL is retired; `stockcast run -t AAPL` makes it anew\."):
        forecasting.compute(furnished, "AAPL")


def old_bundle(settings: Settings) -> None:
    folder = Workspace.of(settings).bundle("child-AAPL/0123456789ab")
    folder.mkdir(parents=True)
    other = ModelDocument(
        name="child-AAPL",
        version="0123456789ab",
        origin={},
        inputs=("close",),
        levels=LEVELS,
        horizon=5,
        scaler={"mean": [0.0], "std": [1.0]},
        history=(),
        seconds=1.0,
    )
    (folder / "model.json").write_text(other.model_dump_json())
    change(settings, bundle="child-AAPL/0123456789ab")


def test_a_model_of_other_inputs_is_retired_with_a_sentence(furnished: Settings) -> None:
    old_bundle(furnished)
    basis = Basis.read(furnished, "AAPL")
    with pytest.raises(NoModel, match=r"AAPL is retired; .* got one of close at 7 in "):
        serving._bundle_of(basis, str(basis.record.bundle))


def test_a_record_that_cannot_be_read_is_asked_for_again(furnished: Settings) -> None:
    Workspace.of(furnished).record("child-AAPL").write_text('{"version": 99}')
    with pytest.raises(NoModel, match=r"of version 99, .* `stockcast run -t AAPL` makes it again"):
        forecasting.compute(furnished, "AAPL")


def test_doctor_tells_of_models_that_are_made_again(furnished: Settings) -> None:
    assert "2 records" in told_of("products", furnished)
    old_bundle(furnished)
    Workspace.of(furnished).record("parent").write_text("{")
    (check,) = (check for check in CHECKS if check.name == "products")
    (found,) = examine(furnished, [check])
    assert not found.ok
    assert "Expected a model of the inputs" in found.detail
    assert "parent: Expected JSON in" in found.detail
