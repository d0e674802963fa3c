"""Writes a ticker's report, or finds the one that still holds."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import logging
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockcast.agents import inputs as sources
from stockcast.agents import memory, prompts
from stockcast.agents.inputs import Inputs
from stockcast.agents.memory import Embedder, Outline, Shelf
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.report import (
    Analysis,
    Cache,
    Confidence,
    MarketView,
    NewsCount,
    PerformanceAnalysis,
    Report,
    ReportModel,
    RulingFields,
    Stance,
    Writer,
)
from stockcast.errors import StockcastError, Unavailable
from stockcast.locks import locked
from stockcast.telemetry import metrics
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    from stockcast.agents.facts import FactTable
    from stockcast.agents.graph import Context, Event
    from stockcast.agents.grounding import Grounded
    from stockcast.agents.news import News
    from stockcast.agents.state import State
    from stockcast.settings import Settings

__all__ = ["document_of", "outline_of", "record", "start_of", "write_report"]

#: What a report says of a forecast; a baseline's version is the same for every horizon.
_STATED = {"model", "verdict", "skill", "predictions", "events", "inputs"}

_LOG = logging.getLogger(__name__)


def write_report(
    settings: Settings,
    ticker: str,
    *,
    forecast: Forecast | None = None,
    reuse: bool = True,
    progress: Callable[[Event], None] = lambda event: None,
    now: Callable[[], float] = time.time,
) -> Report:
    """Return the report of ``ticker``: one in memory that still holds, else a new one.

    Args:
        settings: of the profile.
        ticker: whose report.
        forecast: what it is about; by default the one of the ticker's last forecast.
        reuse: whether a report in memory will do.
        progress: is told what each role does.
        now: the time, in seconds since 1970.

    Returns:
        The report; its ``cache`` says where it came from.

    Raises:
        BadInput: there is no forecast, or the prices it was made from are gone.
    """
    began = time.perf_counter()
    found = sources.gather(settings, ticker, forecast or sources.read_forecast(settings, ticker))
    outline = outline_of(settings, found)
    shelf = Shelf(settings, _embedders(settings), now)
    # whoever asks for the same report meanwhile waits, and then finds it
    with locked(Workspace.of(settings).agents / f"{ticker}.lock"):
        recall = shelf.recall(outline) if reuse else memory.Recall(None, "a new one was asked for")
        if recall.report is not None:
            metrics.report_written(settings, "memory", ticker=ticker)
            hit = Cache(hit=True, why=recall.why, similarity=recall.similarity)
            return recall.report.model_copy(update={"cache": hit, "seconds": _since(began)})
        report = _write(settings, found, outline, shelf, progress, now)
        report = report.model_copy(update={"seconds": _since(began)})
        kept, not_kept = _keep(settings, shelf, outline, report)
        cache = Cache(
            hit=False,
            why=recall.why,
            similarity=recall.similarity,
            kept=kept,
            not_kept_because=not_kept,
        )
        _count(settings, report)
    return report.model_copy(update={"cache": cache})


def _count(settings: Settings, report: Report) -> None:
    by_rules = report.writer.degraded or not settings.ollama_base_url
    ticker = report.ticker
    metrics.report_written(settings, "rules" if by_rules else "model", ticker=ticker)
    if report.writer.degraded:
        metrics.fell_back(settings, "writer", ticker=ticker)


def outline_of(settings: Settings, found: Inputs) -> Outline:
    """Return what the report is about, and what one to reuse must have been made from."""
    model = found.forecast.model
    stated = found.forecast.model_dump(mode="json", include=_STATED)
    return Outline(
        ticker=found.forecast.ticker,
        as_of=str(found.forecast.as_of),
        text=found.summary(),
        conditions={
            "data_hash": found.forecast.data_hash,
            "model_version": f"{model.kind}:{model.version}",
            "forecast": _digest(stated | _stale(found)),
            "news_hash": found.news.digest,
            "prompt_version": prompts.VERSION,
            "writer": _writer_of(settings),
            "drift": found.health,
        },
    )


def _stale(found: Inputs) -> dict[str, str]:
    """Return what has to be said of the age of the prices, if anything has."""
    label = found.forecast.stale_label
    return {"freshness": label} if label else {}


def _digest(document: Any) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


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


def _write(
    settings: Settings,
    found: Inputs,
    outline: Outline,
    shelf: Shelf,
    progress: Callable[[Event], None],
    now: Callable[[], float],
) -> Report:
    from stockcast.agents import facts, graph

    subject = sources.subject_of(settings, found, shelf.similar(outline))
    table = facts.build(subject)
    start = start_of(table, found.news)
    end = graph.run(
        start,
        _context(settings, progress),
        checkpoints=Workspace.of(settings).agents / f"{outline.ticker}.db",
        key=_digest([start, outline.conditions]),
    )
    report = document_of(found, table, end, settings)
    written = dt.datetime.fromtimestamp(now(), dt.UTC).isoformat(timespec="seconds")
    return report.model_copy(update={"created_at": written})


def start_of(table: FactTable, news: News) -> State:
    """Return the state that the team begins with."""
    from stockcast.agents.graph import news_json

    return {
        "facts": table.json(),
        "news": news_json(news.items),
        "withheld": news.withheld,
        "note": news.note,
    }


def _context(settings: Settings, progress: Callable[[Event], None]) -> Context:
    from stockcast.agents.graph import Context

    if not settings.ollama_base_url:
        return Context(None, progress)
    from stockcast.agents.ollama import Model

    return Context(Model(settings, time.monotonic() + settings.report_deadline), progress)


def document_of(found: Inputs, table: FactTable, end: State, settings: Settings) -> Report:
    """Return the report that the team's last state amounts to, checked against ``table``.

    What cannot be borne out is struck; a section that is left empty, and a text that does not pass
    its evaluation, is the deterministic writer's.
    """
    from stockcast.agents import grounding
    from stockcast.agents.graph import draft_of, prose_of

    chosen = (end["stance"], end["confidence"])
    checked = grounding.ground(prose_of(draft_of(end)), table, *chosen)
    empty = [name for name, text in checked.sections.items() if not text.strip()]
    replaced = dict.fromkeys(empty, "nothing that the model wrote there could be borne out")
    if empty:
        checked = _refilled(checked, _own_words(table, end, chosen), empty)
    report = _assemble(found, table, end, settings, checked, replaced)
    if report.evaluation.status == "Fail" and settings.ollama_base_url:
        failed = [name for name, held in report.evaluation.checks.items() if not held]
        why = f"the model's text failed the checks on {', '.join(failed)}"
        checked = _refilled(checked, _own_words(table, end, chosen), list(checked.sections))
        whole = dict.fromkeys(checked.sections, why)
        return _assemble(found, table, end, settings, checked, whole)
    return report


def _refilled(checked: Grounded, own: Grounded, names: Sequence[str]) -> Grounded:
    """Return ``checked`` with the sections ``names`` of ``own``."""
    references = [kept for kept in checked.references if kept.section not in names]
    references += [kept for kept in own.references if kept.section in names]
    return dataclasses.replace(
        checked,
        sections={**checked.sections, **{name: own.sections[name] for name in names}},
        references=references,
        matched=len(references),
    )


def _own_words(table: FactTable, end: State, chosen: tuple[Stance, Confidence]) -> Grounded:
    """Return every section as the deterministic writer has it."""
    from stockcast.agents import grounding, stance, writer
    from stockcast.agents.graph import news_of, prose_of

    view = writer.survey(table, news_of(end), end.get("note", ""))
    draft = writer.compose(table, stance.rule(table), writer.analyse(table), view, chosen)
    return grounding.ground(prose_of(draft), table, *chosen)


def _assemble(
    found: Inputs,
    table: FactTable,
    end: State,
    settings: Settings,
    checked: Grounded,
    replaced: Mapping[str, str],
) -> Report:
    from stockcast.agents.evaluation import evaluate
    from stockcast.agents.graph import critique_of
    from stockcast.agents.page import page

    forecast, parts = found.forecast, end["parts"]
    report = Report(
        ticker=forecast.ticker,
        as_of=forecast.as_of,
        currency=forecast.currency,
        source=forecast.source,
        data_hash=forecast.data_hash,
        freshness=_stale(found).get("freshness"),
        last_close=forecast.last_close,
        model=ReportModel(kind=forecast.model.kind, version=forecast.model.version),
        headline=checked.sections["headline"],
        sections=checked.sections,
        stance=end["stance"],
        confidence=end["confidence"],
        ruling=_ruling(table),
        grounding=checked.account(),
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
            performance=PerformanceAnalysis.model_validate_json(end["analysis"]),
            market=MarketView.model_validate_json(end["view"]),
        ),
        critique=critique_of(end),
        rounds=end["round"],
        calls=end.get("calls", 0),
        prompt_version=prompts.VERSION,
        facts=table.rows,
    )
    report = report.model_copy(update={"markdown": page(report, table)})
    return report.model_copy(update={"evaluation": evaluate(report, table)})


def _ruling(table: FactTable) -> RulingFields:
    from stockcast.agents import stance
    from stockcast.agents.claims import without_references

    ruling = stance.rule(table)
    why = without_references(ruling.reason)
    return RulingFields(allowed=ruling.allowed, ceiling=ruling.ceiling, why=why)


def _keep(
    settings: Settings, shelf: Shelf, outline: Outline, report: Report
) -> tuple[bool, str | None]:
    if report.writer.degraded:
        return False, "parts of it were written without the language model that was asked for"
    if report.evaluation.status != "Pass":
        return False, "it did not pass its evaluation"
    why = shelf.keep(outline, report)
    if why is not None:
        metrics.fell_back(settings, "memory", ticker=outline.ticker, why=why)
    return why is None, why


def _embedders(settings: Settings) -> tuple[Embedder, ...]:
    if not settings.ollama_base_url:
        return (memory.OFFLINE,)

    def ask(text: str) -> list[float]:
        from stockcast.agents import ollama

        try:
            return ollama.embed(settings, text)
        except ollama.NoAnswer as error:
            raise Unavailable(error.reason) from None

    return Embedder(settings.ollama_embedding_model, ask), memory.OFFLINE


def _writer_of(settings: Settings) -> str:
    from stockcast.agents import writer

    if not settings.ollama_base_url:
        return f"{writer.NAME} {writer.EDITION}"
    return f"{settings.ollama_model} at temperature {settings.temperature:g}, {writer.EDITION}"


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 4)
