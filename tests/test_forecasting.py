"""Tests of the forecast document: what it says, when it is remembered, and what it may know."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stockcast import cache, feature_store, features, forecasting, prices
from stockcast.cli import main
from stockcast.contracts.forecast import QUANTILES, Close, Forecast, Served
from stockcast.contracts.model_record import ModelRecord, child_name
from stockcast.contracts.prices import Freshness, SnapshotPointer
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS
from stockcast.forecasting import NoModel
from stockcast.ledger import Ledger
from stockcast.models import serving
from stockcast.prices.sample import SampleSource
from stockcast.settings import Settings, load_settings
from stockcast.telemetry.totals import totals_of
from stockcast.workspace import Workspace
from tests.workshop import SHORT, Workshop

SPLIT = {"validation_start": "2008-06-01", "test_start": "2010-01-01"}
#: Days of a replay; between the first two, one is left out.
DAYS = ("2013-02-11", "2013-02-13", "2013-02-14")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A parent, a child (AAPL), and one too young to be trained (FB)."""
    root = tmp_path_factory.mktemp("shop")
    made = Workshop(load_settings("sample", {"root": str(root), **SHORT}))
    made.train_parent()
    made.train_child("AAPL", ("freeze",))
    made.train_child("FB")
    yield made
    cache.stop(made.settings)


@pytest.fixture
def keep(shop: Workshop) -> Iterator[Callable[..., None]]:
    """Change fields of FB's record for the length of a test."""
    path = Workspace.of(shop.settings).record(child_name("FB"))
    before = path.read_text()

    def change(**fields: Any) -> None:
        ModelRecord.load(path).model_copy(update=fields).save(path)

    yield change
    path.write_text(before)


def test_forecasts_are_counted_by_where_they_came_from(shop: Workshop) -> None:
    before = Counter(totals_of(shop.settings).read())
    assert [shop.forecast("FB").cached for _ in range(3)][1:] == [True, True]
    found = Counter(totals_of(shop.settings).read()) - before
    assert found["predictions_total", ("parent",)] == 3
    assert found["stockcast_cache_hits_total", ()] >= 2
    by_source = [found["stockcast_forecasts_total", ("FB", name)] for name in ("cache", "model")]
    assert sum(by_source) == 3
    assert by_source[0] >= 2


def test_going_on_without_the_cache_is_counted(shop: Workshop) -> None:
    settings = shop.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"})
    before = Counter(totals_of(settings).read())
    assert not forecasting.forecast(settings, "FB").cached
    found = Counter(totals_of(settings).read()) - before
    assert found["stockcast_fallbacks_total", ("cache",)] == 1
    assert found["stockcast_fallbacks_total", ("parent",)] == 1


def numbers(document: Forecast) -> dict[str, Any]:
    return document.model_dump(exclude={"cached"})


def fan(document: Forecast) -> np.ndarray:
    return np.array([list(day.quantiles().values()) for day in document.days])


@pytest.mark.parametrize("ticker", ["AAPL", "FB"])
def test_last_close_is_the_one_traded_and_not_the_first_forecast(
    shop: Workshop, ticker: str
) -> None:
    document = shop.forecast(ticker)
    traded = SampleSource().history(ticker).frame["close"].iloc[-1]
    assert document.last_close == traded
    assert document.predictions.historical[-1] == Close(date=date(2013, 3, 1), close=traded)
    first = document.days[0]
    assert first.date > document.as_of == date(2013, 3, 1)
    assert first.close != document.last_close


@pytest.mark.parametrize("ticker", ["AAPL", "FB"])
def test_forecast_is_a_fan_around_its_median_that_widens_and_never_crosses(
    shop: Workshop, ticker: str
) -> None:
    document = shop.forecast(ticker)
    assert (np.diff(fan(document), axis=1) >= 0).all()
    width = fan(document)[:, -1] - fan(document)[:, 0]
    assert (width > 0).all()
    assert width[-1] > width[0]
    for day in document.days:
        assert day.close == day.q50


def test_days_are_those_of_the_exchange(shop: Workshop) -> None:
    days = [str(day.date) for day in shop.forecast("FB").days]
    assert days == ["2013-03-04", "2013-03-05", "2013-03-06", "2013-03-07", "2013-03-08"]
    before_easter = forecasting.next_sessions("XNYS", pd.Timestamp("2013-03-28"), 1)
    assert list(before_easter) == [pd.Timestamp("2013-04-01")]


@pytest.mark.parametrize("ticker", ["AAPL", "FB", "^GSPC"])
def test_the_reasons_are_those_of_the_interval_that_is_served(shop: Workshop, ticker: str) -> None:
    found = shop.forecast(ticker)
    last = found.last_day
    assert found.why is not None
    assert found.why.sessions == len(found.days)
    assert found.why.width == pytest.approx(np.log(last.q90 / last.q10), rel=1e-5)


def test_naive_forecast_stands_beside_it(shop: Workshop) -> None:
    document = shop.forecast("AAPL")
    ours, naive = (
        [day.date for day in part.full_forecast] for part in (document.predictions, document.naive)
    )
    assert ours == naive
    assert document.skill.pinball_vs_naive > 0


def test_quantiles_that_cross_are_put_in_order() -> None:
    crossed = np.linspace(0.1, -0.1, len(LEVELS))[None]
    rows = forecasting.price_fan(pd.DatetimeIndex(["2013-03-04"]), 100.0, crossed)
    prices_of_day = list(rows[0].quantiles().values())
    assert prices_of_day == sorted(prices_of_day)


def test_second_answer_comes_from_the_cache_and_is_the_same(shop: Workshop) -> None:
    first, second = shop.forecast("FB"), shop.forecast("FB")
    assert second.cached is True
    assert numbers(first) == numbers(second)
    assert numbers(forecasting.compute(shop.settings, "FB")) == numbers(second)


@pytest.mark.fault(
    "The ledger removed while forecasts are cached",
    "the cached forecast, which is written into the ledger that is begun anew",
    "by itself, before the forecast is served",
)
def test_a_cached_forecast_that_outlived_its_ledger_is_written_down(shop: Workshop) -> None:
    shop.forecast("FB")
    ledger = Workspace.of(shop.settings).ledger
    for file in ledger.parent.glob(f"{ledger.name}*"):
        file.unlink()
    served = shop.forecast("FB")
    assert served.cached
    assert Ledger(shop.settings).holds(served)


def test_another_model_is_not_answered_with_what_the_old_one_said(
    shop: Workshop, keep: Callable[..., None]
) -> None:
    shop.forecast("FB")
    record = ModelRecord.load(Workspace.of(shop.settings).record(child_name("FB")))
    keep(served=record.served.model_copy(update={"version": "0123456789ab"}))
    document = shop.forecast("FB")
    assert document.cached is False
    assert document.model.version == "0123456789ab"


def test_a_baseline_of_another_horizon_is_not_answered_from_the_cache(
    shop: Workshop, keep: Callable[..., None]
) -> None:
    record = ModelRecord.load(Workspace.of(shop.settings).record(child_name("FB")))
    baseline = Served(kind="baseline", version="garch", strategy="garch", trained_through=None)
    keep(bundle=None, served=baseline)
    assert len(fan(shop.forecast("FB"))) == 5
    shorter = {name: rows[:3] for name, rows in record.baselines.items()}
    keep(baselines=shorter)
    document = shop.forecast("FB")
    assert document.cached is False
    assert len(fan(document)) == 3


def test_a_verdict_that_changed_is_not_answered_with_the_old_one(
    shop: Workshop, keep: Callable[..., None]
) -> None:
    shop.forecast("FB")
    record = ModelRecord.load(Workspace.of(shop.settings).record(child_name("FB")))
    keep(verdict=record.verdict.model_copy(update={"reason": "Another reason."}))
    assert shop.forecast("FB").verdict.reason == "Another reason."


def test_what_feast_serves_is_what_is_forecast_from(shop: Workshop) -> None:
    history = prices.read(shop.settings, "FB")
    computed = features.compute(history.frame)
    before = fan(forecasting.compute(shop.settings, "FB"))
    louder = computed.assign(sigma=2 * computed["sigma"])
    try:
        feature_store.publish(shop.settings, history, louder)
        after = fan(forecasting.compute(shop.settings, "FB"))
    finally:
        feature_store.publish(shop.settings, history, computed)
    assert (after[:, -1] - after[:, 0] > 1.2 * (before[:, -1] - before[:, 0])).all()


def test_a_ticker_without_a_model_is_told_how_to_get_one(shop: Workshop) -> None:
    with pytest.raises(NoModel, match=r"no model of IBM yet; `stockcast run -t IBM` trains one\."):
        shop.forecast("IBM")


def test_a_model_of_other_days_does_not_speak_of_these(shop: Workshop) -> None:
    earlier = shop.settings.model_copy(update={"as_of": pd.Timestamp("2013-02-01").date()})
    with pytest.raises(NoModel, match=r"assessed on prices up to 2013-03-01"):
        forecasting.forecast(earlier, "FB")


def test_a_damaged_model_is_named_and_other_tickers_go_on(shop: Workshop) -> None:
    record = ModelRecord.load(Workspace.of(shop.settings).record(child_name("FB")))
    weights = shop.models / str(record.bundle) / "weights.safetensors"
    whole = weights.read_bytes()
    serving._bundle.cache_clear()
    try:
        weights.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(BadInput, match=f"Expected a model in {weights.parent}"):
            forecasting.compute(shop.settings, "FB")
        assert forecasting.compute(shop.settings, "AAPL").last_close > 0
    finally:
        weights.write_bytes(whole)
        serving._bundle.cache_clear()


# --- what was forecast on past days ------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prices of the index and of FB as files, and FB's results: the last are made up."""
    return write_prices(tmp_path_factory.mktemp("prices"))


def write_prices(folder: Path, until: str | None = None) -> Path:
    for ticker in ("^GSPC", "FB"):
        SampleSource().history(ticker).frame.loc[:until].to_csv(folder / f"{ticker}.csv")
    dates = ["2012-07-26,amc,", "2012-10-23,amc,", "2013-01-30,amc,", f"2013-02-20,amc,{DAYS[-1]}"]
    rows = ["ticker,date,when,announced", *(f"FB,{row}" for row in dates)]
    (folder / "events.csv").write_text("\n".join(rows))
    return folder


def settings_of(root: Path, folder: Path, **more: str) -> Settings:
    common = {"root": str(root), "prices_dir": str(folder), "tickers": "FB", **SHORT, **SPLIT}
    return load_settings("files", {**common, **more})


@pytest.fixture(scope="module")
def replay(
    tmp_path_factory: pytest.TempPathFactory, folder: Path
) -> Iterator[tuple[Settings, list[Forecast]]]:
    """Forecasts of FB made on past days, with prices that go on for weeks after them."""
    root = tmp_path_factory.mktemp("replay")
    made = []
    Workshop(settings_of(root, folder, as_of=DAYS[0])).train_parent()
    for day in DAYS:
        then = Workshop(settings_of(root, folder, as_of=day))
        then.ingest(then.settings.parent_ticker)
        then.train_child("FB")
        made.append(then.forecast("FB"))
    settings = settings_of(root, folder)
    yield settings, made
    cache.stop(settings)


def test_each_past_day_gets_a_forecast_of_its_own(
    replay: tuple[Settings, list[Forecast]],
) -> None:
    _, made = replay
    assert [str(document.as_of) for document in made] == list(DAYS)
    assert not any(document.cached for document in made)
    assert len({document.data_hash for document in made}) == len(DAYS)
    closes = SampleSource().history("FB").frame["close"]
    assert [document.last_close for document in made] == list(closes[list(DAYS)])


def test_results_ahead_widen_from_the_day_on_which_they_are_known(
    replay: tuple[Settings, list[Forecast]],
) -> None:
    """The reasons for the width name the same share, since a week ago none were ahead."""
    *before, last = replay[1]
    assert not any(event.widens for document in before for event in document.events)
    (event,) = last.events
    assert event.inside_horizon
    assert last.why is not None
    assert event.widens == pytest.approx(np.expm1(last.why.week_ago.parts.events), abs=1e-3)
    assert event.widens > 0.05


def test_a_forecast_of_a_past_day_is_the_one_made_without_the_days_after(
    replay: tuple[Settings, list[Forecast]], tmp_path: Path
) -> None:
    cut = write_prices(tmp_path, until=DAYS[-1])
    blind = Workshop(settings_of(tmp_path / "root", cut))
    blind.train_parent()
    blind.train_child("FB")
    made = blind.forecast("FB")
    cache.stop(blind.settings)
    assert made.model.kind == "parent", "this test is about a network that serves"
    assert numbers(made) == numbers(replay[1][-1])


def test_settled_figures_are_those_computed_from_prices(
    replay: tuple[Settings, list[Forecast]], folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings, made = replay
    where = ["--set", f"root={settings.root}", "--set", f"prices_dir={folder}"]
    assert main(["settle", "-p", "files", *where, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["settled"] in ({"FB": 15}, {"FB": 0})
    close = SampleSource().history("FB").frame["close"]
    realised, low, high, losses = [], [], [], []
    for document in made:
        begin = close[str(document.as_of)]
        for day in document.days:
            y = float(np.log(close[str(day.date)] / begin))
            q = np.log(np.array([getattr(day, name) for name in QUANTILES]) / document.last_close)
            realised.append(y)
            low.append(q[LEVELS.index(0.10)])
            high.append(q[LEVELS.index(0.90)])
            losses += [max(t * (y - x), (t - 1) * (y - x)) for t, x in zip(LEVELS, q, strict=True)]
    ledger = Ledger(settings)
    np.testing.assert_allclose(ledger.rows("FB")["log_return"], realised, atol=1e-12)
    row = ledger.summary().set_index("ticker").loc["FB"]
    inside = [a <= y <= b for a, y, b in zip(low, realised, high, strict=True)]
    assert row["settled"] == 15
    assert row["coverage_80"] == pytest.approx(np.mean(inside))
    assert row["pinball"] == pytest.approx(np.mean(losses), rel=1e-9)


def test_every_row_was_written_before_its_outcome(
    replay: tuple[Settings, list[Forecast]],
) -> None:
    rows = Ledger(replay[0]).rows("FB")
    assert (rows["target_date"] > rows["as_of"]).all()
    for (_, one), (_, other) in pairwise(rows.groupby("as_of", sort=True)):
        assert one["created_at"].max() <= other["created_at"].min()


def test_how_old_the_prices_are_stands_beside_a_cached_forecast_too(shop: Workshop) -> None:
    shop.forecast("FB")
    pointer = prices.snapshot.current(shop.settings, "FB")
    before = pointer.read_text()
    aged = Freshness(last=date(2013, 3, 1), expected=date(2013, 3, 4), sessions_old=1)
    SnapshotPointer.load(pointer).model_copy(update={"freshness": aged}).save(pointer)
    try:
        document = shop.forecast("FB")
        assert (document.cached, document.freshness) == (True, aged)
        live = shop.settings.model_copy(update={"source": "yahoo"})
        with pytest.raises(NoModel, match=r"fetched for 2013-03-04, and .* has closed since"):
            forecasting.forecast(live, "FB")
    finally:
        pointer.write_text(before)
    assert shop.forecast("FB").freshness is None
