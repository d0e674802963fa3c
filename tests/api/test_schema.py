"""The OpenAPI document: every operation of it, asked with whatever schemathesis makes up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stockcast import jobs
from stockcast.settings import Settings
from tests.api.servers import Server, kill, serving

#: Requests that are made up per operation and phase.
FEW, MANY = "4", "12"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)


@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.nightly)])
def test_schemathesis_finds_nothing(
    examples: str, own: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = own(trainings_per_hour="0")
    schemathesis = Path(sys.executable).with_name("schemathesis")
    with serving(settings) as server:
        done = subprocess.run(
            [
                *(schemathesis, "run", f"{server.url}/openapi.json", "--checks", ",".join(CHECKS)),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", examples),
                *("--seed", "7", "--request-timeout", "60"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        for task in jobs.tasks(settings):
            if task.running:
                kill(task.task_id)
    assert done.returncode == 0, done.stdout[-6000:]


def test_every_operation_has_a_summary_and_examples_of_what_it_takes(server: Server) -> None:
    document = server.client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert operation["description"], path
    assert document["components"]["schemas"]["TickerRequest"]["examples"] == [{"ticker": "AAPL"}]
