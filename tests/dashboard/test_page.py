"""The page says what the products say, what is missing or old, and escapes every text."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from stockcast.contracts.drift import DriftReport
from stockcast.contracts.forecast import Forecast, Risk, TailRisk, Why
from stockcast.contracts.prices import SnapshotPointer
from stockcast.dashboard import page, products, tiles
from stockcast.presentation import event_wording, svg_charts
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.dashboard.products import HOSTILE, place
from tests.documents import rewrite, why, with_results
from tests.drift import REPLAYED

TILES = ("forecast", "skill", "risk", "drift", "report", "ledger", "stages")


def shown(settings: Settings, ticker: str = "AAPL") -> str:
    return page.view(settings, products.read(settings, ticker))


def test_every_tile_names_its_notebook_and_the_hash_of_its_data(placed: Settings) -> None:
    text, known = shown(placed), products.read(placed, "AAPL")
    for notebook in ("forecast.py", "train_child.py", "drift.py", "report.py"):
        assert f'<span class="from">{notebook}</span>' in text
    assert known.prices is not None
    assert text.count(known.prices.data_hash) >= 5
    assert 'href="reports/forecast/AAPL.html"' in text


def test_a_headline_that_would_run_is_text(placed: Settings) -> None:
    text = shown(placed)
    assert "Apple &lt;script&gt;window.pwned = 1&lt;/script&gt;&lt;img src=x onerror=" in text
    assert "<script" not in text
    assert "<img" not in text


def test_losses_are_told_of_a_position(placed: Settings) -> None:
    path = Workspace.of(placed).forecast("AAPL")
    days = [dt.date(2013, 3, 4), dt.date(2013, 3, 8)]
    losses = [TailRisk(date=day, p95=0.03, p975=0.04, p99=0.0525) for day in days]
    risk = Risk(value_at_risk=losses, expected_shortfall=losses, volatility_annual=0.34)
    Forecast.load(path).model_copy(update={"risk": risk}).save(path)
    text = shown(placed)
    assert '<output for="position" data-share="0.0525">525</output> <small>5.2%</small>' in text
    assert "Volatility a year: 34%" in text
    assert 'data-loss="0.03"' in page.overview(placed)


def test_breaches_of_this_year_are_counted(placed: Settings) -> None:
    path = Workspace.of(placed).forecast("AAPL")
    losses = [TailRisk(date=dt.date(2013, 3, 4), p95=0.03, p975=0.04, p99=0.05)]
    risk = Risk(value_at_risk=losses, expected_shortfall=losses, volatility_annual=0.34)
    Forecast.load(path).model_copy(update={"risk": risk}).save(path)
    known = products.read(placed, "AAPL")
    days = pd.to_datetime(["2012-12-28", "2013-01-02", "2013-01-03", "2013-01-03", "2013-01-04"])
    rows = pd.DataFrame(
        {
            **{"horizon": [1, 1, 1, 1, 2], "as_of": days, "q05": -0.03, "q01": -0.05},
            "target_date": days + pd.offsets.BDay(),
            "log_return": [-0.1, -0.04, -0.06, -0.06, -0.1],
        }
    )
    rows = rows.assign(ticker="AAPL", q10=-0.02, q90=0.02)
    text = page.view(placed, dataclasses.replace(known, ledger=rows))
    assert "Breaches in 2013: <strong>2</strong> of 2 sessions lost more than the 1 in 20" in text
    assert "<strong>1</strong> of 2 sessions lost more than the 1 in 100." in text
    text = page.view(placed, dataclasses.replace(known, ledger=rows[:0]))
    assert "Breaches in 2013: none of its forecasts" in text


def test_the_reasons_of_a_width_are_shown_and_sorted_by(placed: Settings) -> None:
    assert "says why its interval is as wide as it is" in shown(placed)
    path = Workspace.of(placed).forecast("AAPL")
    reasons = why(volatility=-0.1, today=0.02, events=0.3)
    Forecast.load(path).model_copy(update={"why": Why.model_validate(reasons)}).save(path)
    text = shown(placed)
    assert "<strong>25% wider than a week ago</strong>" in text
    assert "<strong>55% wider than usual</strong>" in text
    assert '<th scope="row">level of volatility</th>' in text
    assert "<td>+35%</td>" in text
    assert 'data-wider="0.246' in page.overview(placed)


def test_until_a_forecast_is_settled_the_last_sessions_are_replayed(placed: Settings) -> None:
    path = Workspace.of(placed).drift("AAPL")
    DriftReport.load(path).model_copy(update={"performance": REPLAYED}).save(path)
    known = products.read(placed, "AAPL")
    assert known.summary is not None
    fresh = dataclasses.replace(known, summary=known.summary | {"settled": 0})
    text = page.view(placed, fresh)
    assert "<strong>Replayed</strong>, not written down before: the last 2 sessions" in text
    assert "held 50%" in text
    settled = dataclasses.replace(known, summary=known.summary | {"settled": 5})
    assert "Replayed" not in page.view(placed, settled)


def test_a_quote_ends_no_attribute(placed: Settings) -> None:
    path = Workspace.of(placed).forecast("AAPL")
    rewrite(path, currency="""' onclick='x' " onclick="x" """)
    for attribute in re.findall(r"<[^>]*>", shown(placed)):
        assert " onclick=" not in re.sub(r"""="[^"]*"|='[^']*'""", "", attribute)


@pytest.mark.parametrize(
    ("product", "field"),
    [
        ("forecasts/{}.json", "currency"),
        ("reports/{}.json", "stance"),
        ("drift/{}.json", "health"),
    ],
)
def test_no_product_can_bring_markup(placed: Settings, product: str, field: str) -> None:
    path = Workspace.of(placed).state / product.format("AAPL")
    rewrite(path, **{field: HOSTILE})
    shell = page.shell(placed, "AAPL", static="", notice=HOSTILE)
    text = "".join([*shell, shown(placed), page.overview(placed)])
    assert "<script>window" not in text
    assert "<img" not in text


def test_a_ticker_without_products_is_told_to_have_none(placed: Settings) -> None:
    text = shown(placed, "IBM")
    assert "There is no forecast of IBM yet." in text
    assert "Nothing has been measured for IBM yet." in text
    assert "No report has been written on IBM yet." in text
    assert "The ledger holds no forecast of IBM yet." in text
    assert "Not checked yet." in text


def test_a_root_without_any_product_has_a_page(sample_settings: Callable[..., Settings]) -> None:
    settings = sample_settings()
    assert "There is no forecast of AAPL yet." in shown(settings)
    assert "No ticker has a forecast yet." in page.overview(settings)
    products.signatures(settings)
    assert not Workspace.of(settings).state.exists(), "who reads makes nothing"


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"predictions": 3}'])
@pytest.mark.parametrize("folder", ["forecasts", "reports", "drift"])
def test_what_is_damaged_spoils_no_other_tile(placed: Settings, folder: str, damage: str) -> None:
    (Workspace.of(placed).state / folder / "AAPL.json").write_text(damage)
    text = shown(placed)
    for name in TILES:
        assert f'id="t-{name}"' in text
    others = {"forecasts": "report", "reports": "forecast", "drift": "forecast"}
    assert f'<span class="from">{others[folder]}.py</span>' in text


def test_what_was_made_from_earlier_prices_is_told(placed: Settings) -> None:
    path = Workspace.of(placed).state / "prices" / "AAPL" / "current.json"
    rewrite(path, data_hash="0" * 16)
    text = shown(placed)
    assert "made from earlier prices than those in use" in text
    assert "The report is about earlier prices than those in use." in text


@pytest.mark.parametrize(
    ("end", "kind", "told"),
    [("2013-03-01", "bad", "sessions ago"), ("2026-11-23", "good", "the last session")],
)
def test_the_age_of_prices_is_told_in_sessions(
    sample_settings: Callable[..., Settings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    kind: str,
    told: str,
) -> None:
    now = pd.Timestamp("2026-11-24 08:00", tz="UTC")
    monkeypatch.setattr(pd.Timestamp, "now", staticmethod(lambda tz=None: now))
    settings = sample_settings().model_copy(update={"source": "files"})
    pointer = SnapshotPointer(
        **{"ticker": "AAPL", "data_hash": "x", "path": "x.parquet", "source": "files"},
        **{"currency": "USD", "rows": 9, "first": "2012-01-03", "as_of": end},
        asked={"start": "2012-01-01", "as_of": None},
    )
    known = products.Dossier("AAPL", prices=pointer)
    assert tiles.freshness(settings, known)[0] == kind
    assert told in tiles.freshness(settings, known)[1]


def test_a_verdict_without_skill_is_not_dressed_up(placed: Settings) -> None:
    path = Workspace.of(placed).forecast("AAPL")
    reason = "Refused: the loss is not surely below 1."
    rewrite(path, verdict={"skilful": False, "reason": reason})
    text = shown(placed)
    assert "No skill shown" in text
    assert "Refused: the loss is not surely below 1." in text


def test_all_tickers_stand_beside_one_another(placed: Settings) -> None:
    place(placed, "MSFT")
    text = page.overview(placed)
    assert 'href="?ticker=AAPL"' in text
    assert 'href="?ticker=MSFT"' in text
    assert "Without a forecast: IBM." in text


def test_results_ahead_are_told_beside_the_interval_and_among_all(placed: Settings) -> None:
    path = Workspace.of(placed).forecast("AAPL")
    assert event_wording.NO_CALENDAR in shown(placed)
    assert '<td title="no calendar of results">' in page.overview(placed)
    known = with_results("2013-03-04", "amc", 0.34)
    known.save(path)
    text = shown(placed)
    assert "answered on 2013-03-05, inside the horizon: the 80% interval is 34% wider" in text
    assert text.count('<line class="event"') == len(svg_charts.RANGES)
    assert '<td title="2013-03-04 after the close">2013-03-04</td>' in page.overview(placed)
    assert 'data-results="2013-03-04"' in page.overview(placed)
