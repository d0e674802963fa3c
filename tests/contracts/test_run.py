"""The record of a run as a contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from stockcast.contracts.run import RunRecord
from stockcast.errors import BadInput
from stockcast.storage.documents import write_json


def test_what_is_no_record_is_one_sentence(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {"run_id": "x"})
    with pytest.raises(BadInput, match=r"Expected a record of a run in .*run\.json, got "):
        RunRecord.load(tmp_path / "run.json")
