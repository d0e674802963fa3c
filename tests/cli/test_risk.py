"""The commands on risk: tables for people, one document for programs, a chart for both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stockcast import forecasting
from stockcast.cli import main
from stockcast.contracts.risk import LiveTails, Portfolio, PositionRisk
from stockcast.workspace import Workspace
from tests.api.servers import furnished


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where AAPL has a forecast, by the random walk."""
    with furnished(tmp_path_factory.mktemp("root")) as settings:
        made = forecasting.compute(settings, "AAPL")
        made.save(Workspace.of(settings).forecast("AAPL"))
        yield settings.root


def told(root: Path, capfd: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main([*words, "--set", f"root={root}"]) == code
    captured = capfd.readouterr()
    return captured.out if code == 0 else captured.err


def test_a_position_is_told_in_its_currency(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plain = told(root, capfd, "risk", "aapl", "--position", "5000", "--horizon", "1")
    assert plain.startswith("5,000 USD in AAPL at the close of 2013-03-01; volatility ")
    document = told(root, capfd, "risk", "AAPL", "--position", "5000", "--horizon", "1", "--json")
    made = PositionRisk.model_validate_json(document)
    assert f"{made.value_at_risk[0].p99:,.0f}" in plain
    refused = told(root, capfd, "risk", "AAPL", "--position", "-1", code=2)
    assert "Expected a position above 0 USD, got -1." in refused


def test_the_ledger_is_asked_by_live(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plain = told(root, capfd, "risk", "AAPL", "--live")
    assert plain == "Too few to say: 0 outcomes are known, 100 are needed.\n"
    assert LiveTails.model_validate_json(told(root, capfd, "risk", "AAPL", "--live", "--json"))


def test_a_portfolio_is_drawn_into_a_png_and_into_nothing_else(
    root: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    chart = tmp_path / "fan.png"
    document = told(root, capfd, "portfolio", "-t", "AAPL", "--chart", str(chart), "--json")
    made = Portfolio.model_validate(json.loads(document))
    assert made.tails is None
    assert made.days[-1].quantiles["q01"] < 1
    assert chart.read_bytes().startswith(b"\x89PNG")
    other = tmp_path / "fan.jpg"
    refused = told(root, capfd, "portfolio", "-t", "AAPL", "--chart", str(other), code=2)
    assert "Expected a chart that is called .png" in refused
    assert not other.exists()
