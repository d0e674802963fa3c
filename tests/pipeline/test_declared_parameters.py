"""Staleness is as honest as pipeline.yaml: a stage must name every setting that its code reads."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

from stockcast.pipeline.import_graph import ImportGraph
from stockcast.pipeline.plans import Pipeline, TaskPlan, plan, read_pipeline
from stockcast.settings import Settings, load_settings

#: Settings that say where things are kept or how a run goes, not what comes out of it. prices_dir
#: counts by its content, through the fingerprint; tickers are read to name the nearest one. How
#: live prices are fetched, and how old is too old, changes no price; whether there is a contact for
#: EDGAR is in the fingerprint of the events. Where reports are remembered, and how long one may
#: take, changes no fact.
PLACES = {
    *("profile", "root", "jobs", "prices_dir", "tickers", "ledger_url", "cache_ttl"),
    *("redis_url", "redis_host", "redis_port", "mlflow_tracking_uri"),
    *("dagshub_user_name", "dagshub_repo_name", "dagshub_token"),
    *("qdrant_url", "qdrant_api_key", "ollama_embedding_model"),
    *("ollama_timeout", "report_deadline", "report_ttl"),
    *("edgar_url", "edgar_timeout", "edgar_contact"),
    *("yahoo_url", "yahoo_timeout", "yahoo_budget", "yahoo_parallel", "oldest_prices"),
}

PIPELINE = read_pipeline()
PLANS = {task.name: task for task in plan(load_settings("sample", {"tickers": "FB"}))}


def read_by(path: Path) -> set[str]:
    """The settings that the code of ``path`` reads as ``settings.key``."""
    if path.suffix != ".py":
        return set()
    return {
        node.attr
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in Settings.model_fields
        and ast.unparse(node.value).endswith("settings")
    }


def read_by_all(pipeline: Pipeline, notebook: Path) -> set[str]:
    graph = ImportGraph(pipeline.library, pipeline.plumbing, pipeline.reads)
    paths: Iterable[Path] = [notebook, *graph.reachable(notebook).values()]
    return set().union(*map(read_by, paths))


def declared(task: TaskPlan) -> set[str]:
    """Params of the task and of all that it needs: what re-runs them re-runs it."""
    upstream = (declared(PLANS[name]) for name in task.upstream)
    return set(task.params).union(*upstream)


@pytest.mark.parametrize("name", sorted(PLANS))
def test_a_stage_names_every_setting_that_its_code_reads(name: str) -> None:
    task = PLANS[name]
    if "ticker" in task.params:
        assert task.params["ticker"] == task.ticker
    undeclared = read_by_all(PIPELINE, task.notebook) - declared(task) - PLACES
    assert not undeclared, f"{name} reads settings that its params in pipeline.yaml do not name"
