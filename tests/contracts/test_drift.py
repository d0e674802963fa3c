"""The drift report as a contract: what is wrong with a document is said in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from stockcast.contracts.drift import DriftReport
from stockcast.errors import BadInput
from tests.drift import drift_report


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"health": "Fine"}, "got health: "),
        ({"version": 1}, "it is of version 1, this program reads 2"),
    ],
)
def test_what_is_no_drift_report_is_one_sentence(change: dict[str, Any], said: str) -> None:
    document = drift_report("AAPL").model_dump(mode="json") | change
    with pytest.raises(BadInput, match=rf"Expected a drift report in a\.json, .*{said}"):
        DriftReport.parse(document, "a.json")
