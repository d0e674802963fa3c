"""A document on disk carries the hash of its content, and whoever reads it finds a change."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from stockcast.contracts.base import has_proof, replaced
from stockcast.contracts.forecast import Forecast
from stockcast.errors import BadInput
from tests.documents import forecast, rewrite

MADE = forecast()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    MADE.save(tmp_path / "AAPL.json")
    return tmp_path / "AAPL.json"


def test_what_was_written_is_read(path: Path) -> None:
    assert Forecast.load(path) == MADE
    assert has_proof(path.read_bytes()) is True


@pytest.mark.fault(
    "One digit changed in a forecast, a record or a report on disk",
    "one sentence that names the file; its own tile is lost, no number of it is shown",
    "stockcast run makes it again",
)
def test_one_digit_that_changed_is_refused(path: Path) -> None:
    text = path.read_text("utf-8")
    path.write_text(text.replace('"q90": 106.0', '"q90": 906.0', 1), "utf-8")
    with pytest.raises(BadInput, match=r"Expected the forecast in .*AAPL\.json as it was written"):
        Forecast.load(path)


def test_no_byte_changes_unnoticed(path: Path) -> None:
    whole, rng = path.read_bytes(), random.Random(0)
    for place in rng.sample(range(len(whole)), 300):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BadInput):
            Forecast.load(path)


def test_names_are_replaced_with_the_hash_of_the_new_content(path: Path) -> None:
    path.write_text(replaced(path.read_text("utf-8"), {MADE.data_hash: "another"}), "utf-8")
    assert Forecast.load(path) == MADE.model_copy(update={"data_hash": "another"})
    text = path.read_text("utf-8").replace('"q90": 106.0', '"q90": 906.0', 1)
    path.write_text(replaced(text, {"another": MADE.data_hash}), "utf-8")  # a damaged one stays so
    with pytest.raises(BadInput):
        Forecast.load(path)


def test_a_document_of_the_version_before_is_read_without_a_hash(path: Path) -> None:
    rewrite(path)
    assert has_proof(path.read_bytes()) is None
    assert Forecast.load(path) == MADE


def test_a_hash_that_stands_elsewhere_proves_nothing(path: Path) -> None:
    path.write_text(path.read_text("utf-8") + " ", "utf-8")
    with pytest.raises(BadInput, match="as it was written"):
        Forecast.load(path)
