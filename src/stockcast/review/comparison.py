"""What differs between two runs: settings, parameters, data, code, and what each was worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar, get_args

from pydantic import JsonValue

from stockcast.review.history import Run
from stockcast.review.judging import METRICS, Judged, Judgement, Metric, judge, pooled

if TYPE_CHECKING:
    import pandas as pd

    from stockcast.contracts.model_record import ModelRecord

__all__ = ["CodeDifference", "Comparison", "Difference", "Figure", "compare", "sentence"]

Value = TypeVar("Value")
Document = dict[str, JsonValue]


class Changed(TypedDict, Generic[Value]):
    """What the first run had and what the second has; ``-`` where a run has none."""

    a: Value
    b: Value


class Difference(Changed[JsonValue]):
    """A setting or the version of a package."""

    key: str


class ParameterDifference(Difference):
    """A notebook's parameter that differs, in all ``tasks`` of the stage that share it."""

    stage: str
    tasks: list[str]


class DataDifference(Changed[Document]):
    """Prices of a ticker: data_hash, as_of, rows and source."""

    ticker: str


class CodeDifference(Changed[str]):
    """The hash of a notebook or module, and the stages that use it."""

    name: str
    stages: list[str]


class ModelDifference(Changed[Document]):
    """What a training decided: candidate, serves, version, skilful and reason."""

    task: str
    ticker: str


class TaskDifference(Changed[str]):
    """How a task ended."""

    task: str


class Figure(Judged):
    """One figure of a model in both runs."""

    task: str
    ticker: str
    model: str


class Comparison(TypedDict):
    """What differs from run ``a`` to run ``b``."""

    verdict: str
    a: Document
    b: Document
    pooled: Judged | None
    counts: dict[Judgement, int]
    settings: list[Difference]
    packages: list[Difference]
    parameters: list[ParameterDifference]
    data: list[DataDifference]
    code: list[CodeDifference]
    models: list[ModelDifference]
    metrics: list[Figure]
    tasks: list[TaskDifference]


#: Parameters that stand for the data, which has a part of its own.
_DATA = ("fingerprint", "known_events", "news")

_MISSING = "-"


def compare(a: Run, b: Run, metrics: Sequence[Metric] = METRICS) -> Comparison:
    """Return what differs from run ``a`` to run ``b``, as ``stockcast compare --json`` has it.

    Each part lists differences only, but ``metrics``, which has every one of ``metrics`` that both
    runs have; judging one takes some 40 ms per model.
    """
    judged, overall = _judged(a, b, metrics)
    counts: dict[Judgement, int] = dict.fromkeys(get_args(Judgement), 0)
    for row in judged:
        counts[row["judgement"]] += 1
    return {
        "verdict": sentence(overall),
        "a": _about(a),
        "b": _about(b),
        "pooled": overall,
        "counts": counts,
        "settings": _differences(a.document.settings, b.document.settings),
        "packages": _differences(a.document.packages, b.document.packages),
        "parameters": _parameters(a, b),
        "data": _data(a, b),
        "code": _code(a, b),
        "models": _models(a, b),
        "metrics": judged,
        "tasks": list(_tasks(a, b)),
    }


def sentence(overall: Judged | None) -> str:
    """Say in a sentence whether b is better, all tickers taken together."""
    if overall is None:
        return "No model was tested on enough of the same days in both runs to be compared."
    if overall["judgement"] == "same" or overall["ci95"] is None:
        return f"The same: every forecast of the {overall['n']} test days is what it was."
    ratio, (low, high) = overall["ratio"], overall["ci95"]
    return (
        f"{overall['judgement'].capitalize()}: over all tickers the pinball loss is {ratio:.4f} "
        f"(95% interval {low:.4f} to {high:.4f}) of what it was, on the same {overall['n']} days."
    )


def _about(run: Run) -> Document:
    fields = {"run_id", "profile", "started_at", "finished_at", "commit", "modified", "command"}
    return {**run.document.model_dump(include=fields), "version": run.document.program}


def _common(a: Run, b: Run) -> list[str]:
    return [name for name in b.tasks if name in a.tasks]


def _differences(a: Mapping[str, JsonValue], b: Mapping[str, JsonValue]) -> list[Difference]:
    return [
        {"key": key, "a": a.get(key, _MISSING), "b": b.get(key, _MISSING)}
        for key in dict.fromkeys([*a, *b])
        if a.get(key, _MISSING) != b.get(key, _MISSING)
    ]


def _parameters(a: Run, b: Run) -> list[ParameterDifference]:
    """Differences of the notebooks' parameters; one row for all tasks that share it."""
    rows: dict[tuple[str, str, str, str], ParameterDifference] = {}
    for name in _common(a, b):
        stage = b.tasks[name].stage
        for row in _differences(a.document.params_of(name), b.document.params_of(name)):
            if row["key"] not in _DATA:
                key = (stage, row["key"], repr(row["a"]), repr(row["b"]))
                rows.setdefault(key, {"stage": stage, **row, "tasks": []})["tasks"].append(name)
    return list(rows.values())


def _data(a: Run, b: Run) -> list[DataDifference]:
    before, after = _prices(a), _prices(b)
    return [
        {"ticker": ticker, "a": before[ticker], "b": after[ticker]}
        for ticker in after
        if ticker in before and before[ticker] != after[ticker]
    ]


def _prices(run: Run) -> dict[str, Document]:
    every = ((task.ticker, run.product(task, "prices")) for task in run.tasks.values())
    return {
        str(ticker): {key: about.get(key) for key in ("data_hash", "as_of", "rows", "source")}
        for ticker, about in every
        if about.get("data_hash")
    }


def _code(a: Run, b: Run) -> list[CodeDifference]:
    stages = [name for name in b.document.stages if name in a.document.stages]
    used = {stage: b.document.stages[stage].code for stage in stages}
    before = _merged(a.document.stages[stage].code for stage in stages)
    after = _merged(used.values())
    return [
        {
            "name": name,
            "a": before.get(name, _MISSING),
            "b": after.get(name, _MISSING),
            "stages": [s for s in stages if name in used[s]],
        }
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


def _merged(every: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {name: digest for each in every for name, digest in each.items()}


def _trained(a: Run, b: Run) -> Iterator[tuple[str, ModelRecord, ModelRecord]]:
    """Yield each training task of both runs, and the decision of each."""
    for name in _common(a, b):
        before, after = a.record(a.tasks[name]), b.record(b.tasks[name])
        if before is not None and after is not None:
            yield name, before, after


def _models(a: Run, b: Run) -> list[ModelDifference]:
    return [
        {"task": name, "ticker": after.ticker, "a": _decision(before), "b": _decision(after)}
        for name, before, after in _trained(a, b)
        if _decision(before) != _decision(after)
    ]


def _decision(record: ModelRecord) -> Document:
    return {
        "candidate": record.candidate,
        "serves": f"{record.served.kind} ({record.served.strategy})",
        "version": record.served.version,
        "skilful": record.verdict.skilful,
        "reason": record.verdict.reason,
    }


def _judged(a: Run, b: Run, metrics: Sequence[Metric]) -> tuple[list[Figure], Judged | None]:
    """Return the figures of every model, and the loss of all children at once, or of the parent
    where there is no child."""
    figures: list[Figure] = []
    losses: dict[str, list[tuple[pd.DataFrame, pd.DataFrame]]] = {"child": [], "parent": []}
    horizons = set()
    for name, before, after in _trained(a, b):
        old, new = a.origins(a.tasks[name]), b.origins(b.tasks[name])
        horizon, model = _horizon(before, after), _candidate(after)
        rows = judge(old, new, _row(before), _row(after), horizon, metrics)
        figures += [{"task": name, "ticker": after.ticker, "model": model, **row} for row in rows]
        if old is not None and new is not None:
            horizons.add(horizon)
            losses[model].append((old[["pinball"]], new[["pinball"]]))
    horizon = horizons.pop() if len(horizons) == 1 else None
    return figures, pooled(losses["child"] or losses["parent"], horizon) if horizon else None


def _candidate(record: ModelRecord) -> str:
    """The scorecard's name of the model that was trained last."""
    return "parent" if record.name == "parent" else "child"


def _row(record: ModelRecord) -> Mapping[str, Any]:
    row = record.figures(_candidate(record))
    return row.model_dump() if row else {}


def _horizon(a: ModelRecord, b: ModelRecord) -> int | None:
    """The number of days ahead that both forecast; None when they differ."""
    ahead = {
        max((row.horizon for row in each.scorecard if row.horizon != "all"), default=0)
        for each in (a, b)
    }
    return ahead.pop() if len(ahead) == 1 else None


def _tasks(a: Run, b: Run) -> Iterator[TaskDifference]:
    """Yield the tasks that only one run had, or that failed in one."""
    good = {"ran": "done", "fresh": "done"}
    for name in dict.fromkeys([*a.tasks, *b.tasks]):
        states = [run.tasks[name].state if name in run.tasks else "absent" for run in (a, b)]
        before, after = (good.get(state, state) for state in states)
        if before != after:
            yield {"task": name, "a": before, "b": after}
