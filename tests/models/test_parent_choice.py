"""Tests of the parent that a profile starts from: who it is, and what it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
import torch

from stockcast import cache as redis
from stockcast.errors import BadInput
from stockcast.evaluation.significance import ratio_interval
from stockcast.evaluation.walkforward import losses
from stockcast.features import PANEL_INPUTS, compute
from stockcast.models import parents
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.network import PanelNetwork
from stockcast.models.panel.parent import Learned
from stockcast.models.panel.training import EVENT_PLACES, PANEL_LEVELS
from stockcast.models.parents.choice import (
    ChosenParent,
    _against,
    choose_parent,
    panel_members,
)
from stockcast.models.postprocessing.calibration import CalibrationState
from stockcast.models.splits import Split
from stockcast.settings import Settings, load_settings
from stockcast.workspace import Workspace
from tests.bench.parents import save_parent
from tests.models.panels import CUT, HORIZON, SMALL, fitted, stock, unfitted
from tests.models.panels import INDEX as DAYS
from tests.workshop import SHORT, TINY, Workshop

INDEX = "^GSPC"
VALIDATION, TEST = "2008-06-01", "2010-01-01"


@cache
def folder() -> TemporaryDirectory[str]:
    """Where the tickers lie: publishing them takes longer than all that is asked of them."""
    return TemporaryDirectory(prefix="choice")


@pytest.fixture(scope="module")
def shop() -> Iterator[Workshop]:
    """An index and two stocks whose features are published; a third was never ingested."""
    made = Workshop(load_settings("sample", {"root": folder().name, **SHORT}))
    for ticker in (INDEX, "AAPL", "IBM"):
        if not Workspace.of(made.settings).price_pointer(ticker).exists():
            made.ingest(ticker)
    yield made
    redis.stop(made.settings)


def split_at(validation: str, test: str = "2024-12-02") -> Split:
    return Split(pd.Timestamp(validation), pd.Timestamp(test), HORIZON)


def asked(shop: Workshop, parent: str, **more: str) -> Settings:
    given = {"root": str(shop.settings.root), **SHORT, "parent": parent, **more}
    return load_settings("sample", given)


@pytest.mark.parametrize("parent", ["auto", "shipped"])
@pytest.mark.parametrize(
    ("validation", "name"),
    [
        (VALIDATION, "us-2008"),
        ("2013-12-30", "us-2008"),  # the last day of the next one
        ("2014-06-01", "us-2013"),
        ("2024-04-01", "us-2024"),
    ],
)
def test_the_newest_that_saw_no_day_of_validation_is_taken(
    parent: str, validation: str, name: str
) -> None:
    settings, split = load_settings("sample", {"parent": parent}), split_at(validation)
    chosen = choose_parent(settings, split, TINY)
    assert chosen.card is not None
    assert (chosen.origin, chosen.card.name) == ("shipped", name)
    assert chosen.fitted.last_day < split.validation_start
    origin = chosen.bundle(INDEX, split).origin
    assert pd.Timestamp(origin["trained_through"]) < split.validation_start
    assert name in chosen.reason


def test_the_live_profile_is_served_by_the_newest_there_is() -> None:
    settings = load_settings("live")
    split = split_at(str(settings.validation_start), str(settings.test_start))
    chosen = choose_parent(settings, split, TINY)
    assert chosen.card == parents.shipped()[0]


@pytest.mark.parametrize(
    ("validation", "more"), [("2008-05-30", {}), (VALIDATION, {"context": "20"})]
)
def test_without_one_that_fits_shipped_is_refused(validation: str, more: dict[str, str]) -> None:
    settings = load_settings("sample", {"parent": "shipped", **more})
    with pytest.raises(BadInput, match=r"Expected a parent that comes with .* set parent=index"):
        choose_parent(settings, split_at(validation), TINY)


def test_the_table_says_who_the_parent_is() -> None:
    chosen = choose_parent(load_settings("sample"), split_at(VALIDATION), TINY)
    card = chosen.card
    assert card is not None
    assert chosen.summary().loc["shipped"].to_dict() == {
        "parent": "us-2008",
        "learned from": f"{len(card.tickers)} tickers",
        "first day": str(card.first_day),
        "last day": str(card.last_day),
        "hidden size": card.hyperparameters["hidden_size"],
        "partner's weight": card.partner_weight,
        "prices": card.prices_from,
        "licence": card.licence,
    }
    assert chosen.table()["stocks"].tolist() == [row.stocks for row in card.figures]


def test_networks_are_compared_on_validation_and_an_embargo_before_the_test() -> None:
    split = Split(DAYS[900], DAYS[1000], HORIZON)
    networks = [unfitted(seed, PANEL_LEVELS, HORIZON, SMALL.context) for seed in (0, 1)]
    members = {"S1": stock(1), "S2": stock(2, 960)}
    last = DAYS[1000] - pd.Timedelta(days=10)
    walks = [
        [walk_panel(each, one.series.full, DAYS[900], last) for each in networks]
        for one in members.values()
    ]
    pairs = [
        [losses(walk, one.close).mean(axis=1, skipna=False) for walk in both]
        for one, both in zip(members.values(), walks, strict=True)
    ]
    model = pd.concat([a / b.mean() for a, b in pairs], axis=1).mean(axis=1)
    reference = pd.concat([b / b.mean() for a, b in pairs], axis=1).mean(axis=1)
    ratio, *interval = _against(*networks, members, split)
    assert ratio == pytest.approx(model.mean() / reference.mean())
    expected = ratio_interval(model.to_numpy(), reference.to_numpy(), HORIZON)
    assert interval == pytest.approx(list(expected))


def test_auto_learns_from_the_index_when_none_fits(shop: Workshop) -> None:
    chosen = choose_parent(asked(shop, "auto"), split_at(VALIDATION, TEST), TINY)
    assert (chosen.origin, chosen.tickers, chosen.card) == ("index", (INDEX,), None)


@pytest.mark.parametrize(
    ("parent", "more", "tickers"),
    [
        ("index", {"panel": "AAPL"}, (INDEX,)),
        (
            "panel",
            {"panel": "AAPL,MSFT,IBM", "tickers": "IBM"},
            (INDEX, "AAPL", "IBM"),
        ),  # no MSFT here
        ("panel", {"tickers": "IBM"}, (INDEX, "IBM")),
    ],
)
def test_index_and_panel_learn_from_the_profile_before_validation(
    shop: Workshop, parent: str, more: dict[str, str], tickers: tuple[str, ...]
) -> None:
    settings = asked(shop, parent, **more)
    chosen = choose_parent(settings, split_at(VALIDATION, TEST), TINY)
    assert (chosen.origin, chosen.tickers) == (parent, tickers)
    assert chosen.fitted.last_day < pd.Timestamp(VALIDATION)
    assert chosen.summary().loc[parent, "learned from"] == f"{len(tickers)} tickers"
    assert set(chosen.table()["stocks"]) == {"panel"}
    count = f"{len(tickers)} ticker{'s' if len(tickers) > 1 else ''}"
    assert chosen.reason == f"Learned from {count} of the profile, before {VALIDATION}."


def test_a_ticker_is_learned_from_as_published_and_as_closes_alone_show_it(shop: Workshop) -> None:
    members = panel_members(shop.settings, ("AAPL", "MSFT", "AAPL"))
    assert list(members) == ["AAPL"]
    series = members["AAPL"].series
    pd.testing.assert_index_equal(series.full.days, series.plain.days)
    place = PANEL_INPUTS.index("has_range")
    assert (series.full.inputs[:, place] == 1).all()
    assert (series.plain.inputs[:, place] == 0).all()
    alone = compute(members["AAPL"].close.to_frame("close"))
    assert series.plain.sigma[-1] == pytest.approx(alone["sigma"].iloc[-1], rel=1e-3)
    assert members["AAPL"].events is not None


@pytest.fixture
def shipping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let one small parent come with the package: one twice too wide, continued at a given rate."""

    def ship(learning_rate: float) -> None:
        first = fitted()
        sizes = SMALL.hidden_size, SMALL.num_layers, SMALL.dropout
        inputs = len(first.scaler.mean)
        fresh = PanelNetwork(inputs, EVENT_PLACES, HORIZON, PANEL_LEVELS, *sizes)
        with torch.no_grad():
            fresh.output.bias[HORIZON:] = np.log(2)
        learned = Learned(
            replace(first, network=fresh.eval()),
            CUT - pd.Timedelta(days=365),
            0.5,
            CalibrationState.fresh(PANEL_LEVELS, HORIZON),
            (),
            ("S1",),
        )
        about = dict.fromkeys(("prices_from", "dates_from", "caveats", "licence"), "made up")
        save_parent(
            tmp_path,
            "small",
            learned,
            replace(SMALL, learning_rate=learning_rate),
            first_day=pd.Timestamp("2001-01-01"),
            data_hash="0" * 16,
            code_version="0",
            **about,
        )
        for name in ("choose", "load_parent"):
            monkeypatch.setattr(parents, name, partial(getattr(parents, name), folder=tmp_path))

    return ship


@pytest.mark.parametrize(("rate", "origin"), [(0.1, "continued"), (1e-30, "shipped")])
def test_it_goes_on_with_the_panel_only_where_that_is_better(
    shop: Workshop, shipping: Callable[..., None], rate: float, origin: str
) -> None:
    shipping(rate)
    chosen: ChosenParent = choose_parent(
        asked(shop, "auto", panel="AAPL,IBM"), split_at(VALIDATION, TEST), TINY
    )
    assert chosen.origin == origin, chosen.reason
    assert chosen.hyper.learning_rate == pytest.approx(rate / 10 if origin == "continued" else rate)
    assert "of its loss on validation" in chosen.reason
    assert ("went on with 2 tickers" in chosen.reason) == (origin == "continued")
    assert chosen.fitted.last_day < pd.Timestamp(VALIDATION)
    assert set(chosen.tickers) == ({"S1", "AAPL", "IBM"} if origin == "continued" else {"S1"})
