"""Tests of the tables that notebooks show, on documents like those that the stages write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stockcast.cli import views
from stockcast.contracts.forecast import Forecast, Served, Skill, Verdict
from stockcast.contracts.model_record import ModelRecord
from stockcast.contracts.prices import Freshness, Revision, Revisions
from stockcast.ledger import Ledger
from stockcast.presentation import plots, tables
from tests.documents import forecast
from tests.drift import drift_report

FAN = {"q05": 9.0, "q10": 9.4, "q25": 9.8, "q50": 10.0, "q75": 10.2, "q90": 10.6, "q95": 11.004}


SKILL = {"pinball_vs_garch": 1.0, "ci95": None, "coverage_80": 0.8, "n": 790}


def document(ci95: list[float] | None, **changes: Any) -> Forecast:
    days = ["2013-03-04", "2013-03-05"]
    ahead = [{"date": d, "close": 10.0, **FAN} for d in days]
    baseline = {"kind": "baseline", "version": "garch", "strategy": "garch"}
    return forecast(
        last_close=10.05,
        model={**baseline, "trained_through": None},
        verdict={"skilful": False, "reason": "Refused."},
        skill={**SKILL, "pinball_vs_naive": 0.98765, "ci95": ci95},
        predictions={
            "historical": [{"date": "2013-02-28", "close": 10.0}],
            "full_forecast": ahead,
        },
    ).model_copy(update=changes)


def score(model: str, horizon: int | str) -> dict[str, Any]:
    figures = dict.fromkeys(("pinball_vs_garch", "dm_p_naive", "coverage_80", "coverage_90"), 0.5)
    return {
        "ticker": "AAPL",
        "model": model,
        "horizon": horizon,
        "n": 790,
        **figures,
        "pinball_vs_naive": 0.97,
        "pinball_vs_naive_ci95": [0.95, 0.99],
        "train_seconds": None,
    }


def record() -> ModelRecord:
    return ModelRecord(
        name="child-AAPL",
        ticker="AAPL",
        data_hash="abc",
        as_of="2013-03-01",
        candidate="0123456789ab",
        bundle=None,
        served=Served(kind="baseline", version="garch", strategy="garch", trained_through=None),
        verdict=Verdict(skilful=False, reason="Refused."),
        skill=Skill(pinball_vs_naive=None, pinball_vs_garch=None, ci95=None, coverage_80=None, n=0),
        calibration=None,
        baselines={},
        scorecard=[score(model, h) for model in ("child", "naive") for h in (1, "all")],
    )


def test_fan_has_a_row_per_day_and_a_column_per_quantile() -> None:
    table = tables.fan(document(None))
    assert list(table.index) == ["2013-03-04", "2013-03-05"]
    assert list(table.columns) == ["5%", "10%", "25%", "50%", "75%", "90%", "95%"]
    assert list(table.iloc[0]) == ["9.00", "9.40", "9.80", "10.00", "10.20", "10.60", "11.00"]


@pytest.mark.parametrize(("ci95", "shown"), [([0.95, 1.012], "0.950 to 1.012"), (None, "-")])
def test_skill_shows_the_interval_or_a_dash(ci95: list[float] | None, shown: str) -> None:
    row = tables.skill(document(ci95)).loc["AAPL"]
    assert row["95% interval"] == shown
    assert row["pinball vs naive"] == 0.988


def test_overview_shows_the_last_traded_close_and_not_the_first_forecast() -> None:
    row = tables.overview([document(None)]).loc["AAPL"]
    assert row["last close"] == "10.05 USD"
    assert row["median"] == "10.00"
    assert row["until"] == "2013-03-05"
    assert row["80% interval"] == "9.40 to 10.60"
    assert row["beats naive"] == "no"


def test_verdict_and_decision_give_the_reason() -> None:
    assert tables.verdict(document(None)).loc["why", "AAPL"] == "Refused."
    assert tables.decision(record()).loc["why", "AAPL"] == "Refused."
    assert tables.decision(record()).loc["serves", "AAPL"] == "baseline (garch)"


def test_ratios_are_the_childrens_over_all_horizons() -> None:
    assert tables.ratios([record()]).to_dict("index") == {
        "AAPL": {"ratio": 0.97, "low": 0.95, "high": 0.99}
    }


def test_scorecard_has_one_line_per_model_naive_among_them() -> None:
    table = tables.scorecard([record()])
    assert list(table.index) == [("AAPL", "child"), ("AAPL", "naive")]


def test_track_record_of_an_empty_ledger_has_no_rows(tmp_path: Path) -> None:
    assert tables.track_record(Ledger(f"sqlite:///{tmp_path}/ledger.db").summary()).empty


def test_track_record_puts_replayed_forecasts_beside_those_of_the_ledger() -> None:
    unsettled = {"forecasts": 1, "rows": 5, "settled": 0, "coverage_80": np.nan}
    summary = pd.DataFrame(
        [{"ticker": "AAPL", **unsettled, "coverage_90": np.nan, "pinball_vs_naive": np.nan}]
    )
    assert tables.track_record(summary, [drift_report("AAPL")]).loc["AAPL"].to_dict() == {
        "forecasts": "1",
        "rows": "5",
        "settled": "0",
        "80% held": "–",
        "90% held": "–",
        "vs naive": "–",
        "replayed": 2,
        "80% held, replayed": "50.0%",
    }


def test_old_prices_are_labelled_wherever_their_forecast_is_shown() -> None:
    label = "Prices as of 2013-02-28, 1 session old. Yahoo cannot be reached for AAPL."
    span = {"last": "2013-02-28", "expected": "2013-03-01"}
    why = "Yahoo cannot be reached for AAPL."
    old = document(None, freshness=Freshness(**span, sessions_old=1, why=why))
    assert tables.verdict(old).loc["stale", "AAPL"] == label
    assert tables.overview([old]).loc["AAPL", "as of"].endswith("(1 session old)")
    figure = plots.fan_chart(old)
    assert "on prices that are 1 session old" in figure.axes[0].get_title("left")
    assert label in views.verdict_line(old)
    fresh = document(None, freshness=Freshness(**span, sessions_old=0))
    assert "stale" not in tables.verdict(fresh).index
    assert "\n" not in views.verdict_line(fresh)


def test_revisions_name_what_changed_and_the_models_it_touches() -> None:
    changed = Revision(kind="split", date="2005-02-28", sentence="A split.")
    table = tables.revisions(Revisions(ticker="AAPL", revisions=(changed,), models=("child-AAPL",)))
    assert table.loc["AAPL"].to_list() == ["split", "2005-02-28", "A split.", "child-AAPL"]
    none = tables.revisions(Revisions(ticker="AAPL", revisions=(), models=()))
    assert none.loc["AAPL", "said"] == "No earlier day changed."


def test_figures_of_many_tickers_show_those_with_most_skill_in_their_order() -> None:
    ratios = {"A": 1.01, "B": 0.95, "C": None, "D": 0.97}
    documents = [
        forecast(ticker=ticker, skill={**SKILL, "pinball_vs_naive": ratio})
        for ticker, ratio in ratios.items()
    ]
    assert tables.leading(documents, 2) == ["B", "D"]
    assert tables.leading(documents) == list(ratios)
