"""Writes a ticker's report, or finds the one that still holds."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stockcast.agents import facts, graph, guard, prompts, stance, writer
from stockcast.agents import inputs as sources
from stockcast.agents.evaluation import evaluate
from stockcast.agents.facts import FactTable
from stockcast.agents.graph import Context, Event, critique_of, draft_of, prose_of
from stockcast.agents.inputs import Inputs
from stockcast.agents.memory import ReportKey, ReportStore
from stockcast.agents.ollama import Model
from stockcast.agents.page import page
from stockcast.agents.slots import fill
from stockcast.agents.state import State
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.report import (
    Analysis,
    Answer,
    Cache,
    MarketView,
    NewsCount,
    PerformanceAnalysis,
    Report,
    ReportModel,
    RulingFields,
    Writer,
)
from stockcast.errors import StockcastError
from stockcast.storage.locks import locked
from stockcast.telemetry import metrics
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    from stockcast.settings import Settings

__all__ = ["document_of", "key_of", "record", "write_report"]

#: What a report says of a forecast; a baseline's version is the same for every horizon.
_STATED = {"model", "verdict", "skill", "predictions", "events", "inputs", "risk", "why"}

_LOG = logging.getLogger(__name__)
Part = TypeVar("Part", bound=Answer)


def write_report(
    settings: Settings,
    forecast: Forecast,
    *,
    reuse: bool = True,
    progress: Callable[[Event], None] = lambda event: None,
) -> Report:
    """Return the report on ``forecast``: one that was kept and still holds, else a new one.

    Its ``cache`` says where it came from. ``progress`` hears what each role does.

    Raises:
        BadInput: the prices that the forecast was made from are gone.
    """
    began, ticker = time.perf_counter(), forecast.ticker
    found = sources.gather(settings, forecast)
    key = key_of(settings, found)
    store = ReportStore(settings)
    # whoever asks for the same report meanwhile waits, and then finds it
    with locked(Workspace.of(settings).agents / f"{ticker}.lock"):
        kept, why = store.find(key) if reuse else (None, "a new one was asked for")
        if kept is not None:
            metrics.report_written(settings, "memory", ticker=ticker)
            hit = Cache(hit=True, why=why)
            return kept.model_copy(update={"cache": hit, "seconds": _since(began)})
        report = _write(settings, found, key, store, progress)
        report = report.model_copy(update={"seconds": _since(began)})
        not_kept = _keep(settings, store, key, report)
        _count(settings, report)
    cache = Cache(hit=False, why=why, kept=not_kept is None, not_kept_because=not_kept)
    return report.model_copy(update={"cache": cache})


def key_of(settings: Settings, found: Inputs) -> ReportKey:
    """Return what a report must have been made from to be this one."""
    model = found.forecast.model
    stated = found.forecast.model_dump(mode="json", include=_STATED)
    beside = sources.index_hash(settings, found.forecast.ticker)
    label = found.forecast.stale_label
    stated |= {"freshness": label} if label else {}
    return ReportKey(
        ticker=found.forecast.ticker,
        as_of=str(found.forecast.as_of),
        parts={
            "data_hash": found.forecast.data_hash,
            "model_version": f"{model.kind}:{model.version}",
            "forecast": _digest(stated | ({"index": beside} if beside else {})),
            "news_hash": found.news.digest,
            "prompt_version": prompts.VERSION,
            "writer": _writer_of(settings),
            "drift": found.health,
        },
    )


def record(settings: Settings, report: Report) -> bool:
    """Keep the report's score in MLflow, with the report; say whether that could be done."""
    from stockcast import tracking

    evaluation = report.evaluation
    tags = {
        "stage": "report",
        "ticker": report.ticker,
        "data_hash": report.data_hash,
        "status": evaluation.status,
        "stance": report.stance,
        "confidence": report.confidence,
    }
    params = {
        "ticker": report.ticker,
        "as_of": str(report.as_of),
        "writer": report.writer.name,
        "prompt_version": report.prompt_version,
    }
    figures = {
        "report_score": evaluation.score,
        "report_passed": float(evaluation.status == "Pass"),
        "report_claims_checked": report.grounding.checked,
        "report_claims_struck": len(report.grounding.struck),
        "report_calls": report.calls,
        "report_seconds": report.seconds,
        **{f"report_check_{name}": float(held) for name, held in evaluation.checks.items()},
    }
    try:
        with tempfile.TemporaryDirectory() as folder:
            kept = Path(folder) / "report.json"
            report.save(kept)
            with tracking.run(settings, f"report-{report.ticker}", params, tags) as run:
                run.metrics(figures)
                run.artifact(kept)
    except StockcastError as error:
        _LOG.warning("The score of the report is not in MLflow: %s", error)
        metrics.fell_back(settings, "tracking", ticker=report.ticker)
        return False
    return True


def document_of(found: Inputs, table: FactTable, end: State, settings: Settings) -> Report:
    """Return the report that the team's last state amounts to.

    What cannot stand is struck. The deterministic writer takes over a section that is left empty,
    and the whole text when it does not pass its evaluation.
    """
    chosen = (end["stance"], end["confidence"])
    checked = guard.ground(prose_of(draft_of(end)), table, *chosen)
    empty = [name for name, text in checked.sections.items() if not text.strip()]
    replaced = dict.fromkeys(empty, "nothing that the model wrote there could stand")
    if empty:
        own = _own_words(table, end)
        checked.sections.update({name: own[name] for name in empty})
    report = _assemble(found, table, end, settings, checked, replaced)
    if report.evaluation.status == "Fail" and settings.ollama_base_url:
        failed = [name for name, held in report.evaluation.checks.items() if not held]
        why = f"the model's text failed the checks on {', '.join(failed)}"
        checked.sections.update(_own_words(table, end))
        whole = dict.fromkeys(checked.sections, why)
        return _assemble(found, table, end, settings, checked, whole)
    return report


def _write(
    settings: Settings,
    found: Inputs,
    key: ReportKey,
    store: ReportStore,
    progress: Callable[[Event], None],
) -> Report:
    subject = sources.subject_of(settings, found, store.earlier(key))
    table = facts.build(subject)
    end = graph.run(
        table,
        _context(settings, progress),
        checkpoints=Workspace.of(settings).agents / f"{key.ticker}.db",
        key=_digest([table.json(), key.parts]),
    )
    written = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return document_of(found, table, end, settings).model_copy(update={"created_at": written})


def _context(settings: Settings, progress: Callable[[Event], None]) -> Context:
    if not settings.ollama_base_url:
        return Context(None, progress)
    return Context(Model(settings, time.monotonic() + settings.report_deadline), progress)


def _own_words(table: FactTable, end: State) -> dict[str, str]:
    """Return every section as the deterministic writer has it."""
    view = writer.survey(table)
    chosen = (end["stance"], end["confidence"])
    return prose_of(writer.compose(table, stance.rule(table), writer.analyse(table), view, chosen))


def _assemble(
    found: Inputs,
    table: FactTable,
    end: State,
    settings: Settings,
    checked: guard.Grounded,
    replaced: Mapping[str, str],
) -> Report:
    forecast, parts = found.forecast, end["parts"]
    sections = {name: fill(text, table) for name, text in checked.sections.items()}
    ruling = stance.rule(table)
    report = Report(
        ticker=forecast.ticker,
        as_of=forecast.as_of,
        currency=forecast.currency,
        source=forecast.source,
        data_hash=forecast.data_hash,
        freshness=forecast.stale_label or None,
        last_close=forecast.last_close,
        model=ReportModel(kind=forecast.model.kind, version=forecast.model.version),
        headline=sections["headline"],
        sections=sections,
        templates=checked.sections,
        stance=end["stance"],
        confidence=end["confidence"],
        ruling=RulingFields(
            allowed=ruling.allowed, ceiling=ruling.ceiling, why=fill(ruling.reason, table)
        ),
        grounding=checked.account(table),
        writer=Writer(
            name=_writer_of(settings),
            model=settings.ollama_model if settings.ollama_base_url else None,
            degraded=bool(replaced) or any(part["why"] for part in parts.values()),
            parts=parts,
            replaced=dict(replaced),
        ),
        news=NewsCount(
            count=len(found.news.items),
            withheld=found.news.withheld,
            unusable=found.news.unusable,
            note=found.news.note,
        ),
        analysis=Analysis(
            performance=_filled(PerformanceAnalysis, end["analysis"], table, end),
            market=_filled(MarketView, end["view"], table, end),
        ),
        critique=critique_of(end),
        rounds=end["round"],
        calls=end.get("calls", 0),
        prompt_version=prompts.VERSION,
        facts=table.rows,
    )
    report = report.model_copy(update={"markdown": page(report, table)})
    return report.model_copy(update={"evaluation": evaluate(report, table)})


def _filled(schema: type[Part], answer: str, table: FactTable, end: State) -> Part:
    """Return a role's answer with its slots filled, without the sentences that cannot stand."""

    def stands(text: str) -> str:
        left = guard.ground({"": text}, table, end["stance"], end["confidence"]).sections[""]
        return fill(left, table) or "Nothing that was written here could stand."

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [stands(text) for text in value]
        return stands(value) if " " in value or "{" in value else value

    return schema.model_validate({name: told(value) for name, value in json.loads(answer).items()})


def _keep(settings: Settings, store: ReportStore, key: ReportKey, report: Report) -> str | None:
    """Keep the report where the next one looks; return why not."""
    if report.writer.degraded:
        return "parts of it were written without the language model that was asked for"
    if report.evaluation.status != "Pass":
        return "it did not pass its evaluation"
    why = store.keep(key, report)
    if why is not None:
        metrics.fell_back(settings, "memory", ticker=key.ticker, why=why)
    return why


def _count(settings: Settings, report: Report) -> None:
    by_rules = report.writer.degraded or not settings.ollama_base_url
    ticker = report.ticker
    metrics.report_written(settings, "rules" if by_rules else "model", ticker=ticker)
    if report.writer.degraded:
        metrics.fell_back(settings, "writer", ticker=ticker)


def _digest(document: Any) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def _writer_of(settings: Settings) -> str:
    if not settings.ollama_base_url:
        return f"{writer.NAME} {writer.EDITION}"
    return f"{settings.ollama_model} at temperature {settings.temperature:g}, {writer.EDITION}"


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 4)
