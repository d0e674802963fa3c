from __future__ import annotations

from dataclasses import replace

from stockcast.pipeline.staleness import Recipe, differences

RECIPE = Recipe({"seed": 7, "as_of": None}, "code", {"lib.a": "1"}, {"ingest": 1.0})


def told(now: Recipe) -> list[str]:
    return [str(reason) for reason in differences(RECIPE, now, "train.py")]


def test_nothing_changed_is_no_reason() -> None:
    assert told(replace(RECIPE)) == []


def test_parameters_are_told_with_both_values() -> None:
    now = replace(RECIPE, params={"as_of": "2012-01-01", "new": [1]})
    assert told(now) == [
        "as_of changed from none to 2012-01-01",
        "new is new ([1])",
        "seed is used no longer",
    ]


def test_code_is_told_by_name() -> None:
    now = replace(RECIPE, source="other", modules={"lib.a": "2", "lib.b": "1"})
    assert told(now) == ["train.py changed", "lib.a changed", "lib.b is used now"]


def test_an_upstream_task_that_has_run_since_is_told_whichever_clock_it_had() -> None:
    assert told(replace(RECIPE, upstream={"ingest": 0.5})) == ["ingest has run since"]


def test_a_long_value_is_told_in_brief() -> None:
    reason = told(replace(RECIPE, params={"seed": 7, "as_of": "x" * 500}))[0]
    assert len(reason) < 100
