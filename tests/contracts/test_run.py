"""The record of a run as a contract: one of the version before is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stockcast.contracts.run import RunRecord
from stockcast.errors import BadInput
from stockcast.settings import Settings
from stockcast.storage.documents import read_json, write_json
from tests.review.runs import Made


def test_a_record_that_kept_the_programs_version_as_its_own_is_read(
    sample_settings: Callable[..., Settings],
) -> None:
    made = Made("20260102T030405-0001").write(sample_settings())
    assert read_json(made.path)["version"] == "0.1.0", "as the version before wrote it"
    assert (made.document.program, made.document.version) == ("0.1.0", RunRecord.LATEST)
    made.document.save(made.path)
    assert RunRecord.load(made.path) == made.document


def test_what_is_no_record_is_one_sentence(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {"run_id": "x"})
    with pytest.raises(BadInput, match=r"Expected a record of a run in .*run\.json, got "):
        RunRecord.load(tmp_path / "run.json")
