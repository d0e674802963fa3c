"""What a run's page says of each ticker and each task: the figures that matter, ready to show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from stockcast.contracts.run import RunRecord, TaskRecord
from stockcast.redaction import mask
from stockcast.review.history import Run

__all__ = ["duration", "lists", "stages", "tickers"]

Document = dict[str, Any]

#: What a ticker's row may say.
_COLUMNS = (
    *("as_of", "serves", "ratio", "interval", "coverage", "skilful", "verdict"),
    *("move", "low", "high", "close", "currency"),
)
_ORDER = {"failed": 0, "blocked": 1, "ran": 2, "fresh": 3}
_WORDS = {"failed": "failed", "blocked": "did not run", "ran": "ran", "fresh": "up to date"}


def duration(seconds: float | None) -> str:
    """Return ``seconds`` as people say it."""
    if seconds is None:
        return ""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def tickers(run: Run) -> list[Document]:
    """One row per ticker that has a task of its own; those that failed come first."""
    found: dict[str, list[TaskRecord]] = {}
    for task in run.tasks.values():
        # the parent's training has no ticker in its name; its record says whose prices it took
        record = None if task.ticker else run.record(task)
        ticker = task.ticker or (record.ticker if record else None)
        if ticker:
            found.setdefault(ticker, []).append(task)
    rows = [_ticker(run, ticker, tasks) for ticker, tasks in found.items()]
    return sorted(rows, key=lambda row: (_ORDER[row["state"]] > 1, row["ticker"]))


def _ticker(run: Run, ticker: str, tasks: Sequence[TaskRecord]) -> Document:
    state = _worst(task.state for task in tasks)
    row: Document = dict.fromkeys(_COLUMNS)
    row |= {"ticker": ticker, "state": state, "word": _WORDS[state]}
    for task in tasks:
        row |= _price_figures(run, task) | _model_figures(run, task) | _forecast_figures(run, task)
    return row | {"tasks": [_task_of(task) for task in tasks]}


def stages(run: Run) -> list[Document]:
    """The stages in the pipeline's order, each with its tasks, the failed ones first."""
    found: dict[str, list[Document]] = {}
    for name, task in run.tasks.items():
        row = {"name": name, **_task_of(task), "figures": _figures(run, task)}
        found.setdefault(task.stage, []).append(row)
    return [_stage(stage, rows) for stage, rows in found.items()]


def _stage(stage: str, rows: list[Document]) -> Document:
    counts = {state: sum(row["state"] == state for row in rows) for state in _ORDER}
    seconds = sum(row["seconds"] or 0 for row in rows if row["state"] == "ran")
    return {
        "stage": stage,
        "state": _worst(row["state"] for row in rows),
        "counts": ", ".join(f"{n} {_WORDS[state]}" for state, n in counts.items() if n),
        "duration": duration(seconds) if seconds else "",
        "rows": sorted(rows, key=lambda row: (_ORDER[row["state"]] > 1, row["name"])),
    }


def _task_of(task: TaskRecord) -> Document:
    return {
        **task.model_dump(include={"stage", "ticker", "state", "seconds"}),
        "word": _WORDS[task.state],
        "duration": duration(task.seconds),
        "finished": (task.finished_at or "")[:16].replace("T", " "),
        "page": task.page if task.state != "blocked" else None,
    }


def _worst(states: Iterable[str]) -> str:
    return min(states, key=lambda state: _ORDER[state])


def _figures(run: Run, task: TaskRecord) -> str:
    """What a task found, in a few words."""
    found = _price_figures(run, task)
    if found:
        return f"{found['rows']:,} days until {found['as_of']}, data {found['data_hash']}"
    found = _model_figures(run, task)
    if found:
        skill = f"{found['ratio']:.3f} of naive ({found['interval']})" if found["ratio"] else ""
        return ", ".join(filter(None, [found["serves"], skill, found["verdict"]]))
    found = _forecast_figures(run, task)
    if found:
        return f"median {found['move']:+z.1%}, 80% {found['low']:+z.1%} to {found['high']:+z.1%}"
    report = run.product(task, "report")
    parts = [
        report.get("stance"),
        f"confidence {report['confidence']}" if report.get("confidence") else None,
    ]
    return ", ".join(str(part).lower() for part in parts if part)


def _price_figures(run: Run, task: TaskRecord) -> Document:
    about = run.product(task, "prices")
    wanted = ("data_hash", "as_of", "rows")
    return {key: about[key] for key in wanted} if all(key in about for key in wanted) else {}


def _model_figures(run: Run, task: TaskRecord) -> Document:
    record = run.record(task)
    if record is None:
        return {}
    ci95 = record.skill.ci95
    return {
        "serves": f"{record.served.kind} ({record.served.strategy})",
        "ratio": record.skill.pinball_vs_naive,
        "interval": f"{ci95[0]:.3f} to {ci95[1]:.3f}" if ci95 else "",
        "coverage": record.skill.coverage_80,
        "skilful": record.verdict.skilful,
        "verdict": "skilful" if record.verdict.skilful else "no skill",
    }


def _forecast_figures(run: Run, task: TaskRecord) -> Document:
    forecast = run.forecast(task)
    if forecast is None:
        return {}
    close, last = forecast.last_close, forecast.last_day
    return {
        "move": last.q50 / close - 1,
        "low": last.q10 / close - 1,
        "high": last.q90 / close - 1,
        "close": close,
        "currency": forecast.currency,
    }


def lists(run: Run) -> Document:
    """The page's headline, facts and failures."""
    document = run.document
    failures = [
        {
            **failure.model_dump(),
            "task": name,
            "page": run.tasks[name].page,
            "blocks": [task for task, needed in document.blocked.items() if needed == name],
        }
        for name, failure in document.failed.items()
    ]
    return {
        "headline": _headline(document),
        "facts": _facts(document),
        "failures": failures,
        "command": mask(document.command),
    }


def _headline(document: RunRecord) -> str:
    ran, failed, blocked = len(document.ran), len(document.failed), len(document.blocked)
    counted = f"{ran} task{'' if ran == 1 else 's'} ran in {duration(document.seconds)}"
    if not failed:
        return f"{counted}, all well"
    more = f", {blocked} could not run" if blocked else ""
    return f"{counted}, {failed} failed{more}"


def _facts(document: RunRecord) -> list[tuple[str, str]]:
    commit = document.commit
    facts = {
        "Profile": document.profile,
        "Run": document.run_id,
        "Finished": f"{document.finished_at[:16].replace('T', ' ')} UTC",
        "Up to date": f"{len(document.skipped)} tasks" if document.skipped else "",
        "Version": document.program,
        "Commit": f"{commit[:10]}{' with changes' * document.modified}" if commit else "",
    }
    return [(title, value) for title, value in facts.items() if value]
