"""Tests of models on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stockcast.errors import BadInput
from stockcast.models.bundle import Bundle, load_bundle, make_bundle, save_bundle
from stockcast.models.panel.inference import walk_panel
from tests.models.worlds import SMALL, bars, fitted, samples_of, split_of


def bundle(**origin: str) -> Bundle:
    facts = {"kind": "child", "data_hash": "abc", **origin}
    return make_bundle("child-TEST", fitted(), hyper=SMALL, split=split_of(bars()), **facts)


def test_a_model_read_back_forecasts_the_same(tmp_path: Path) -> None:
    back = load_bundle(save_bundle(bundle(), tmp_path))
    samples, start = samples_of(bars()), split_of(bars()).test_start
    one, other = (walk_panel(f, samples, start).values for f in (fitted(), back.fitted))
    np.testing.assert_array_equal(one, other)
    assert back.split == split_of(bars())
    assert back.fitted.history == fitted().history


def test_the_same_content_has_the_same_version_and_other_content_another() -> None:
    assert bundle().version == bundle().version
    assert bundle().version != bundle(data_hash="abd").version


def test_a_version_is_written_once(tmp_path: Path) -> None:
    folder = save_bundle(bundle(), tmp_path)
    before = (folder / "model.json").stat().st_mtime_ns
    assert save_bundle(bundle(), tmp_path) == folder
    assert (folder / "model.json").stat().st_mtime_ns == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_nothing_written_is_a_pickle(tmp_path: Path) -> None:
    folder = save_bundle(bundle(), tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "weights.safetensors"]
    json.loads((folder / "model.json").read_text())


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
@pytest.mark.parametrize("damage", ["truncated", "missing", "garbage"])
def test_a_damaged_model_is_refused_with_a_sentence(tmp_path: Path, name: str, damage: str) -> None:
    path = save_bundle(bundle(), tmp_path) / name
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"garbage")
    with pytest.raises(BadInput, match="Expected"):
        load_bundle(path.parent)


@pytest.mark.fault(
    "A model changed by one bit",
    "one sentence that names the file",
    "stockcast run --force trains it again",
)
def test_weights_changed_by_one_bit_are_refused_and_saving_restores_them(tmp_path: Path) -> None:
    path = save_bundle(bundle(), tmp_path) / "weights.safetensors"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(BadInput, match="changed content"):
        load_bundle(path.parent)
    assert save_bundle(bundle(), tmp_path) == path.parent
    assert path.read_bytes() == good
