"""What a version of other inputs or levels wrote is told of, and made again."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from stockcast import forecasting
from stockcast.contracts.bundle import ModelDocument
from stockcast.contracts.model_record import ModelRecord
from stockcast.doctor import CHECKS, examine
from stockcast.evaluation.quantiles import LEVELS
from stockcast.models import serving
from stockcast.models.postprocessing.calibration import CalibrationState
from stockcast.models.serving import Basis, NoModel
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.api.servers import furnish
from tests.documents import read

Make = Callable[..., Settings]


def told_of(component: str, settings: Settings) -> str:
    (check,) = (check for check in CHECKS if check.name == component)
    (found,) = examine(settings, [check])
    assert found.ok, found.detail
    return found.detail


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
        start=CalibrationState.fresh(LEVELS, 5).contract(),
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
