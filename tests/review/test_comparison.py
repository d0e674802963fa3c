"""What is called better, worse, noise, or the same, and what is said to have changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from stockcast.errors import BadInput
from stockcast.review.comparison import compare
from stockcast.review.history import find
from stockcast.review.publishing import publish
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.review.runs import Made

FIRST, SECOND = "20260101T000000-aaaa", "20260102T000000-bbbb"
Make = Callable[..., Settings]


def compared(settings: Settings, **second: Any) -> dict[str, Any]:
    first = Made(FIRST, seed=1).write(settings)
    return compare(first, Made(SECOND, **second).write(settings))


def judgements(document: dict[str, Any], metric: str = "pinball") -> set[str]:
    return {row["judgement"] for row in document["metrics"] if row["metric"] == metric}


@pytest.mark.parametrize(
    ("loss", "seed", "judgement"),
    [(0.93, 2, "better"), (0.97, 2, "worse"), (0.95, 2, "noise"), (0.95, 1, "same")],
)
def test_losses_of_the_same_days_are_judged_by_their_interval(
    sample_settings: Make, loss: float, seed: int, judgement: str
) -> None:
    document = compared(sample_settings(), loss=loss, seed=seed)
    assert judgements(document) == {judgement}
    assert document["pooled"]["judgement"] == judgement
    assert document["verdict"].lower().startswith("the same" if judgement == "same" else judgement)
    row = document["metrics"][0]
    assert (row["basis"], row["n"]) == ("paired", 400)
    if judgement != "same":
        assert row["ci95"][0] < row["ratio"] < row["ci95"][1]


def test_runs_a_day_apart_are_paired_on_the_days_that_both_have(sample_settings: Make) -> None:
    later = pd.bdate_range("2010-01-11", periods=400, name="origin")
    document = compared(sample_settings(), loss=0.93, seed=2, days=later)
    assert {row["n"] for row in document["metrics"]} == {395}
    assert judgements(document) == {"better"}


def test_without_common_days_the_recorded_intervals_decide(sample_settings: Make) -> None:
    elsewhere = pd.bdate_range("2015-01-05", periods=400, name="origin")
    document = compared(sample_settings(), loss=0.80, seed=2, days=elsewhere)
    assert {(row["metric"], row["basis"], row["judgement"]) for row in document["metrics"]} == {
        ("pinball_vs_naive", "recorded", "better")
    }
    assert document["pooled"] is None


def test_losses_over_other_horizons_are_not_paired(sample_settings: Make) -> None:
    document = compared(sample_settings(), horizon=3)
    assert {row["basis"] for row in document["metrics"]} == {"recorded"}


def test_what_the_runs_were_made_from_is_told_apart(sample_settings: Make) -> None:
    code = {"train_child.py": "aaaa", "stockcast.models.panel.training": "cccc"}
    document = compared(sample_settings(), epochs=4, code=code, data_hash="fedcba9876543210")
    assert document["parameters"] == [
        {
            "stage": "train_child",
            "key": "child_epochs",
            "a": 10,
            "b": 4,
            "tasks": ["train_child-AAPL", "train_child-IBM"],
        }
    ]
    assert [row["name"] for row in document["code"]] == ["stockcast.models.panel.training"]
    assert {row["ticker"] for row in document["data"]} == {"AAPL", "IBM"}
    assert document["packages"] == []


def test_a_task_that_failed_in_one_run_is_told(sample_settings: Make) -> None:
    document = compared(sample_settings(), failed=("train_child-IBM",))
    assert {"task": "train_child-IBM", "a": "done", "b": "failed"} in document["tasks"]
    assert {row["ticker"] for row in document["metrics"]} == {"AAPL"}


@pytest.mark.fault(
    "The record of a run cut short",
    "one sentence that names the file; the pages of all other runs",
    "nothing to do; the next run writes its own",
)
def test_a_record_that_is_cut_short_is_named_and_hides_no_other_run(sample_settings: Make) -> None:
    settings = sample_settings()
    compared(settings)
    (path,) = (Workspace.of(settings).runs).glob(f"{SECOND}.json")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BadInput, match=rf"Expected JSON in .*{SECOND}\.json, got"):
        find(settings, "latest")
    assert publish(settings) is not None
    assert (Workspace.of(settings).reports / "runs" / FIRST / "index.html").is_file()


def test_a_run_is_found_by_what_people_call_it(sample_settings: Make) -> None:
    settings = sample_settings()
    compared(settings)
    for word, run_id in (("latest", SECOND), ("previous", FIRST), ("20260101", FIRST)):
        assert find(settings, word).id == run_id
    with pytest.raises(BadInput, match="got '2026', which means 2 of them"):
        find(settings, "2026")
    with pytest.raises(BadInput, match="got 'nonsense', which is none"):
        find(settings, "nonsense")
