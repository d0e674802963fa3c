"""Tests of who serves: promoted, defended, refused, borrowed; and of what stays."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from stockcast import tracking
from stockcast.contracts.model_record import ModelRecord
from stockcast.ingestion.history import PriceHistory, content_hash
from stockcast.models.baselines import walk_baselines
from stockcast.models.bundle import Bundle, load_bundle, make_bundle
from stockcast.models.children import make_child, try_strategies
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.training import FittedPanel
from stockcast.models.selection import publishing
from stockcast.models.selection.assessment import Assessment, assess
from stockcast.models.serving import notices
from stockcast.models.splits import Split
from stockcast.settings import Settings, load_settings
from stockcast.workspace import Workspace
from tests.models.worlds import SMALL, bars, fitted, samples_of, split_of

#: How much the head of a worse network was shaken.
SHAKEN = {"worse": 1.0, "hardly": 0.15}


@cache
def calm() -> pd.DataFrame:
    """Days of one volatility, so that there is nothing to be skilful about."""
    rng = np.random.default_rng(5)
    path = np.log(50) + np.cumsum(rng.normal(0, 0.01 / np.sqrt(30), 900 * 30)).reshape(900, 30)
    opened = np.concatenate([[np.log(50)], path[:-1, -1]])
    high, low = np.maximum(path.max(axis=1), opened), np.minimum(path.min(axis=1), opened)
    columns = {"open": opened, "high": high, "low": low, "close": path[:, -1]}
    return np.exp(pd.DataFrame(columns)).assign(volume=1e6).set_axis(bars().index)


@cache
def spoilt(by: float) -> FittedPanel:
    """A network whose head was shaken: by 1, it is far worse than the one it comes from."""
    network = copy.deepcopy(fitted().network)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if not name.startswith("lstm"):
                weight.add_(by * torch.randn(weight.shape, generator=generator))
    return replace(fitted(), network=network.eval())


@cache
def judged(who: str) -> Assessment:
    frame = calm() if who == "lucky" else bars()
    walked = walk_panel(network(who), samples_of(frame), split_of(frame).validation_start)
    return assess(
        "TEST",
        {"parent": walked},
        frame["close"],
        split_of(frame),
        candidate="parent",
        train_seconds={},
    )


def network(who: str) -> FittedPanel:
    return spoilt(SHAKEN[who]) if who in SHAKEN else fitted()


def bundle_of(
    name: str,
    who: str,
    split: Split | None = None,
    trained_through: str = "2003-01-01",
    strategy: str = "scratch",
) -> Bundle:
    return make_bundle(
        name,
        network(who),
        hyper=SMALL,
        split=split or split_of(bars()),
        kind="parent",
        strategy=strategy,
        trained_through=trained_through,
        who=who,
    )


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings("sample", {"root": str(tmp_path_factory.mktemp("published"))})


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A model of the test's own in the root that all share."""
    return request.node.name.replace("_", "-")[:40]


def publish(
    settings: Settings,
    name: str,
    who: str,
    split: Split | None = None,
    trained_through: str = "2003-01-01",
    strategy: str = "scratch",
) -> ModelRecord:
    frame = calm() if who == "lucky" else bars()
    return publishing.publish(
        settings,
        PriceHistory("TEST", frame, "sample", "USD", content_hash("TEST", frame)),
        samples_of(frame),
        bundle_of(name, who, split, trained_through, strategy),
        judged(who),
        Workspace.of(settings).record(name),
    )


def champion(settings: Settings, name: str) -> str | None:
    found = tracking.champion(settings, f"stockcast-{name}")
    return found.bundle if found else None


def contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_a_skilful_candidate_serves_and_is_the_champion(settings: Settings, name: str) -> None:
    record = publish(settings, name, "good")
    assert record.bundle == f"{name}/{record.candidate}"
    assert record.verdict.skilful
    assert record.skill.ci95 is not None
    assert record.skill.ci95[1] < 1
    assert champion(settings, name) == record.candidate


def test_a_worse_successor_does_not_dethrone_and_both_versions_stay(
    settings: Settings, name: str
) -> None:
    first = publish(settings, name, "good")
    kept = contents(Workspace.of(settings).models / name)
    second = publish(settings, name, "worse")
    assert second.candidate != first.candidate
    assert second.bundle == first.bundle
    assert second.served == first.served
    assert "Its successor refused" in second.verdict.reason
    assert champion(settings, name) == first.candidate
    after = contents(Workspace.of(settings).models / name)
    assert kept.items() <= after.items()
    assert {Path(path).parts[0] for path in after} == {first.candidate, second.candidate}
    assert load_bundle(Workspace.of(settings).models / str(second.bundle))


def test_a_champion_is_followed_by_one_that_is_no_worse(settings: Settings, name: str) -> None:
    first = publish(settings, name, "good")
    second = publish(settings, name, "same")
    assert second.candidate != first.candidate
    assert second.bundle == f"{name}/{second.candidate}"
    assert champion(settings, name) == second.candidate


@pytest.mark.parametrize(
    ("who", "asked", "serves"),
    [
        ("hardly", "auto", "shipped"),
        ("hardly", "index", "index"),
        ("worse", "index", "shipped"),
    ],
)
def test_the_kind_of_parent_that_is_asked_for_serves_if_the_gate_admits_it(
    tmp_path: Path, who: str, asked: str, serves: str
) -> None:
    settings = load_settings("sample", {"root": str(tmp_path)})
    publish(settings, "parent", "good", strategy="shipped")
    asking = load_settings("sample", {"root": str(tmp_path), "parent": asked})
    record = publish(asking, "parent", who, strategy="index")
    assert record.served.strategy == serves
    told = notices(asking)
    if asked != "index" or serves == "index":
        assert told == []
    else:
        (sentence,) = told
        assert sentence.startswith("TEST: parent=index was asked for, but a model of the shipped")
        assert sentence.endswith(record.verdict.reason)


def test_a_champion_that_saw_days_of_the_test_period_does_not_reign(
    settings: Settings, name: str
) -> None:
    days = bars().index
    later = Split(days[600], days[800], 5)
    assert later.test_start > split_of(bars()).test_start
    publish(settings, name, "good", later)
    assert publish(settings, name, "worse").bundle is None


def test_a_champion_that_saw_a_day_of_validation_does_not_reign(
    settings: Settings, name: str
) -> None:
    split = split_of(bars())
    unseen = split.validation_start - pd.Timedelta(days=1)
    first = publish(settings, name, "good", split, str(unseen.date()))
    assert publish(settings, name, "worse").bundle == first.bundle
    publish(settings, f"{name}-2", "good", split, str(split.validation_start.date()))
    assert publish(settings, f"{name}-2", "worse").bundle is None


def test_a_refused_model_leaves_the_best_baseline_of_validation(
    settings: Settings, name: str
) -> None:
    record = publish(settings, name, "lucky")
    assessment = judged("lucky")
    assert not assessment.verdict.skilful
    assert record.bundle is None
    assert not record.verdict.skilful
    assert record.served.kind == "baseline"
    assert record.served.version == assessment.fallback
    assert record.verdict.reason == (
        f"{assessment.verdict.reason} The {assessment.fallback} baseline serves instead."
    )
    assert champion(settings, name) is None
    assert (Workspace.of(settings).models / name / record.candidate / "model.json").exists()


def young(settings: Settings, parent_record: ModelRecord, parent: Bundle) -> ModelRecord:
    """Publish a stock that is too young to be trained on, started from ``parent``."""
    return beginner(settings, parent_record, parent, bars().iloc[-190:])


def beginner(
    settings: Settings, parent_record: ModelRecord, parent: Bundle, frame: pd.DataFrame
) -> ModelRecord:
    samples, close = samples_of(frame, "YOUNG"), frame["close"]
    children = try_strategies(
        samples, parent, close, SMALL, strategies=("freeze",), fine_tune_lr=1e-3, scratch_epochs=2
    )
    assessment = assess(
        "YOUNG",
        children.forecasts,
        close,
        parent.split,
        candidate="child",
        train_seconds=children.seconds,
    )
    return publishing.publish(
        settings,
        PriceHistory("YOUNG", frame, "sample", "USD", content_hash("YOUNG", frame)),
        samples,
        make_child(children, parent, SMALL, samples),
        assessment,
        Workspace.of(settings).record("child-YOUNG"),
        children=children,
        parent=parent_record,
    )


def test_a_stock_too_young_to_train_borrows_the_parent(settings: Settings) -> None:
    parent_record = publish(settings, "parent", "good")
    record = young(settings, parent_record, bundle_of("parent", "good"))
    assert record.bundle == parent_record.bundle
    assert (record.served.kind, record.served.strategy) == ("parent", "zero_shot")
    assert record.verdict.skilful is False
    assert "at least 52 training days and 32 validation days of YOUNG, got" in record.verdict.reason
    assert champion(settings, "child-YOUNG") is None


def test_a_stock_delisted_before_validation_is_published_unjudged(settings: Settings) -> None:
    parent_record = publish(settings, "parent", "good")
    before = bars().loc[: split_of(bars()).validation_start].iloc[-120:-20]
    record = beginner(settings, parent_record, bundle_of("parent", "good"), before)
    assert record.verdict.skilful is False
    assert record.skill.n == 0
    last = before.index[-1:]
    for name, made in walk_baselines(before["close"], last, 5, None).items():
        assert record.baselines[name] == made.values[-1].tolist()


def test_a_parent_that_was_not_assessed_on_the_stock_is_not_borrowed(settings: Settings) -> None:
    parent_record = publish(settings, "parent", "good")
    record = young(settings, parent_record, bundle_of("parent", "worse"))
    assert record.bundle is None
    assert record.served.kind == "baseline"


def test_a_trial_is_judged_and_recorded_beside_the_pipelines_and_changes_nothing_of_its(
    settings: Settings, name: str
) -> None:
    first = publish(settings, name, "good")
    record_before = Workspace.of(settings).record(name).read_bytes()
    frame = bars()
    trial = publishing.publish(
        settings,
        PriceHistory("TEST", frame, "sample", "USD", content_hash("TEST", frame)),
        samples_of(frame),
        bundle_of(name, "worse"),
        judged("worse"),
        Workspace.of(settings).lab / "models" / f"{name}.json",
    )
    assert trial.bundle == first.bundle, "the reigning champion defends itself against it"
    assert Workspace.of(settings).record(name).read_bytes() == record_before
    assert champion(settings, name) == first.candidate
    runs = tracking.recent(settings, name)
    assert [run.mode for run in runs] == ["interactive", "pipeline"]
    assert runs[0].metrics["pinball"] > runs[1].metrics["pinball"]
