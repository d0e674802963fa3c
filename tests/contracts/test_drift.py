"""The drift report as a contract: what was written before is read, what is wrong is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stockcast.contracts.drift import DriftReport
from stockcast.errors import BadInput
from tests.documents import read
from tests.drift import drift_report

#: A document as the version before wrote it.
BEFORE = {
    **{"ticker": "AAPL", "model": "child-AAPL", "as_of": "2013-03-01", "data_hash": "0a2ff5ac"},
    **{"health": "Critical", "cause": "drift", "what_to_do": "Distrust.", "reasons": ["x moved."]},
    **{"retrain": True, "stop": False, "sessions": 5, "score": 1.3, "share_drifted": 0.0},
    "columns": {
        "ret_scaled": {
            **{"score": 0.31, "threshold": 0.71, "drifted": False},
            **{"surprise": 1.3, "shift_in_sd": -0.2},
        }
    },
    "volatility": -0.66,
    "quality": {
        "faults": [{"date": None, "column": "close", "problem": "stuck", "severity": "note"}],
        "sessions_behind": 0,
        "stored_otherwise": [],
    },
    "performance": {
        "model": {
            **{"kind": "baseline", "version": "garch", "strategy": "garch"},
            "trained_through": None,
        },
        "promised": {},
        "walked": {"n": 0},
        "ledger": {"n": 0},
        "scores": {"location": 0.1, "bias": None},
    },
    "false_alarm_rate": 0.004,
    "calibration": {
        "inputs": {
            **{"target": 0.005, "rate": 0.0045, "rate_high": 0.0095, "sessions": 1988},
            **{"first": "2000-07-03", "last": "2008-05-30", "thresholds": {"ret_scaled": 1.0}},
        }
    },
    "action": {
        **{"kind": "cooldown", "task": "train_child-AAPL"},
        **{"day": "2013-02-01", "sessions_left": 3},
    },
    "page": "AAPL.html",
}


def test_a_document_of_the_version_before_is_read_without_its_training_to_come(
    tmp_path: Path,
) -> None:
    path = tmp_path / "AAPL.json"
    path.write_text(json.dumps(BEFORE))
    DriftReport.load(path).save(path)
    kept = {key: value for key, value in BEFORE.items() if key != "retrain"}
    assert read(path) == {**kept, "action": {"kind": "none"}, "version": 2}


def test_what_is_no_drift_report_is_one_sentence() -> None:
    document = drift_report("AAPL").model_dump(mode="json") | {"health": "Fine"}
    with pytest.raises(BadInput, match=r"Expected a drift report in a\.json, got health: "):
        DriftReport.parse(document, "a.json")
