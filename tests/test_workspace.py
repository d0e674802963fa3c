"""One module knows where products lie, hands out contracts, and agrees with pipeline.yaml."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from stockcast import pipeline
from stockcast.contracts.model_record import child_name
from stockcast.errors import BadInput
from stockcast.settings import HOME, Settings
from stockcast.workspace import Workspace
from tests.documents import forecast

Make = Callable[..., Settings]


def test_no_other_module_spells_a_path_below_products() -> None:
    spelled = re.compile(r"\bsettings\.(state|reports)\b")
    found = [
        f"{path.relative_to(HOME)}: {line.strip()}"
        for folder in ("src", "notebooks", "feature_repo", "dashboards")
        for path in (HOME / folder).rglob("*.py")
        if path.name != "workspace.py"
        for line in path.read_text("utf-8").splitlines()
        if spelled.search(line)
    ]
    assert found == []


def test_pipeline_yaml_names_the_same_products(sample_settings: Make) -> None:
    settings = sample_settings(tickers="AAPL")
    workspace = Workspace.of(settings)
    declared = {
        (task.name, key): Path(path)
        for task in pipeline.plan(settings)
        for key, path in task.products.items()
    }
    wanted = {
        ("ingest-AAPL", "prices"): workspace.price_pointer("AAPL"),
        ("ingest-AAPL", "revisions"): workspace.revisions("AAPL"),
        ("train_parent", "model"): workspace.record("parent"),
        ("train_child-AAPL", "model"): workspace.record(child_name("AAPL")),
        ("forecast-AAPL", "forecast"): workspace.forecast("AAPL"),
        ("drift-AAPL", "drift"): workspace.drift("AAPL"),
        ("report-AAPL", "report"): workspace.report("AAPL"),
    }
    assert {key: declared[key] for key in wanted} == wanted
    page = workspace.page("forecast", "AAPL")
    assert declared["forecast-AAPL", "nb"] == page.with_name("AAPL.ipynb")
    assert declared["forecast-AAPL", "html"] == page.with_name("AAPL.html")


def test_a_product_is_handed_out_as_its_contract(sample_settings: Make) -> None:
    workspace, made = Workspace.of(sample_settings()), forecast()
    assert workspace.read_forecast("AAPL") is None
    made.save(workspace.forecast("AAPL"))
    assert workspace.read_forecast("AAPL") == made
    assert workspace.forecast_tickers() == ["AAPL"]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("{", r"Expected JSON in .*AAPL\.json"),
        ("[]", r"Expected a forecast in .*AAPL\.json"),
        ('{"ticker": "AAPL"}', r"Expected a forecast in .*AAPL\.json, got as_of: Field required"),
        ('{"version": 99}', r"Expected a forecast in .* it is of version 99, this program reads 1"),
    ],
)
def test_what_is_no_forecast_is_named_in_one_sentence(
    sample_settings: Make, damage: str, told: str
) -> None:
    workspace = Workspace.of(sample_settings())
    path = workspace.forecast("AAPL")
    path.parent.mkdir(parents=True)
    path.write_text(damage)
    with pytest.raises(BadInput, match=told):
        workspace.read_forecast("AAPL")
