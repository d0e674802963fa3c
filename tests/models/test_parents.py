"""A parent on disk is what was saved, is refused when damaged, and serves only unseen days."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.parent import Learned
from stockcast.models.panel.training import PANEL_LEVELS
from stockcast.models.parents import (
    CARD,
    FOLDER,
    WEIGHTS,
    Parent,
    choose,
    load_parent,
    require_unseen,
    shipped,
    starting_state,
)
from stockcast.models.postprocessing.calibration import CalibrationState
from tests.bench.parents import save_parent
from tests.documents import rewrite
from tests.models.panels import CUT, HORIZON, SMALL, START, fitted, stock

ORIGIN = {
    "first_day": pd.Timestamp("2001-01-01"),
    "data_hash": "0" * 16,
    "code_version": "0",
    "prices_from": "made up",
    "dates_from": "made up",
    "caveats": "none",
    "licence": "MIT",
}


def saved(folder: Path, name: str = "small", last_day: str | None = None) -> Parent:
    made = fitted() if last_day is None else replace(fitted(), last_day=pd.Timestamp(last_day))
    half = len(PANEL_LEVELS) // 2
    factors = np.arange(HORIZON * half).reshape(HORIZON, half) / 100
    state = CalibrationState.fresh(PANEL_LEVELS, HORIZON, factors, -factors)
    learned = Learned(made, START, 0.5, state, (), ("S1",))
    return save_parent(folder, name, learned, SMALL, **ORIGIN)


def test_a_parent_read_back_forecasts_the_same(tmp_path: Path) -> None:
    parent = saved(tmp_path)
    again = load_parent("small", tmp_path)
    assert again.card == parent.card
    samples = stock(20).series.full
    one, other = (walk_panel(each.fitted, samples, CUT) for each in (parent, again))
    np.testing.assert_array_equal(one.values, other.values)
    assert again.fitted.last_day == fitted().last_day


def test_a_changed_card_or_weight_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    card, weights = tmp_path / "small" / CARD, tmp_path / "small" / WEIGHTS
    honest = card.read_text()
    rewrite(card, partner_weight=0.6)
    with pytest.raises(BadInput, match="got changed content"):
        load_parent("small", tmp_path)
    card.write_text(honest)
    body = bytearray(weights.read_bytes())
    body[-3] ^= 1
    weights.write_bytes(bytes(body))
    with pytest.raises(BadInput, match="got changed content"):
        load_parent("small", tmp_path)
    weights.write_bytes(body[: len(body) // 2])
    with pytest.raises(BadInput, match="Expected a parent's weights in"):
        load_parent("small", tmp_path)


def test_the_newest_parent_that_saw_no_day_of_validation_is_chosen(tmp_path: Path) -> None:
    for name, last_day in {"old": "2003-05-30", "new": "2004-03-01"}.items():
        saved(tmp_path, name, last_day)
    assert [card.name for card in shipped(tmp_path)] == ["new", "old"]
    for start, name in {"2004-03-02": "new", "2004-03-01": "old", "2003-05-31": "old"}.items():
        card = choose(pd.Timestamp(start), folder=tmp_path)
        assert card is not None
        assert card.name == name
        require_unseen(card, pd.Timestamp(start))
    assert choose(pd.Timestamp("2003-05-30"), folder=tmp_path) is None
    assert choose(pd.Timestamp("2010-01-01"), horizon=7, folder=tmp_path) is None


def test_a_parent_that_saw_a_day_of_validation_is_refused(tmp_path: Path) -> None:
    card = saved(tmp_path, "new", "2004-03-01").card
    with pytest.raises(BadInput, match=r"from 2004-03-01 on, .* got new, which learned until 2004"):
        require_unseen(card, pd.Timestamp("2004-03-01"))


def test_a_stock_begins_with_the_panels_calibration(tmp_path: Path) -> None:
    card = saved(tmp_path).card
    state = starting_state(card)
    assert state.levels == LEVELS
    whole = starting_state(card, PANEL_LEVELS)
    np.testing.assert_array_equal(state.factors, whole.factors[:, 2:])
    np.testing.assert_array_equal(state.event_factors, -state.factors)
    with pytest.raises(BadInput, match="Expected levels among"):
        starting_state(card, (0.2, 0.5, 0.8))


def test_the_parents_that_come_with_the_package_are_whole_and_small() -> None:
    cards = shipped()
    assert [str(card.last_day) for card in cards][1:] == ["2013-12-30", "2008-05-30"]
    for card in cards:
        parent = load_parent(card.name)
        assert all(
            torch.isfinite(value).all() for value in parent.fitted.network.state_dict().values()
        )
        assert card.validation_start < card.last_day
        assert (FOLDER / card.name / WEIGHTS).stat().st_size < 150_000
        assert {row.stocks for row in card.figures} >= {"panel", "index", "left out"}
