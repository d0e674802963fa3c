"""What an assistant can call over stdio: it reads, and nothing else."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from stockcast.contracts.forecast import Forecast
from stockcast.settings import load_settings
from stockcast.workspace import Workspace
from tests import documents


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("root")
    workspace = Workspace.of(load_settings("sample", {"root": str(root)}))
    documents.forecast().save(workspace.forecast("AAPL"))
    return anyio.run(_asked, root)


async def _asked(root: Path) -> dict[str, Any]:
    command = ["-m", "stockcast", "mcp", "--set", f"root={root}"]
    own = dict(os.environ)
    started = StdioServerParameters(command=sys.executable, args=command, env=own)
    async with stdio_client(started) as streams, ClientSession(*streams) as session:
        await session.initialize()
        return {
            "tools": (await session.list_tools()).tools,
            "forecast": await session.call_tool("forecast", {"ticker": "aapl"}),
            "unknown": await session.call_tool("forecast", {"ticker": "IBM"}),
            "path": await session.call_tool("report", {"ticker": "../../etc/passwd"}),
            "ledger": await session.call_tool("ledger", {}),
            "search": await session.call_tool("search", {"text": "calm"}),
            "wordless": await session.call_tool("search", {"text": " "}),
            "portfolio": await session.call_tool("portfolio", {"tickers": ["AAPL", "IBM"]}),
        }


def test_every_tool_says_that_it_only_reads(answers: dict[str, Any]) -> None:
    tools = {tool.name: tool for tool in answers["tools"]}
    assert set(tools) == {
        *("tickers", "forecast", "risk", "portfolio", "report", "search", "scorecard", "ledger"),
    }
    assert all(tool.annotations.read_only_hint for tool in tools.values())
    assert "value_at_risk" in tools["risk"].output_schema["properties"]


def test_a_forecast_comes_typed_by_its_contract(answers: dict[str, Any]) -> None:
    found = Forecast.model_validate(answers["forecast"].structured_content)
    assert found == documents.forecast()
    assert answers["ledger"].structured_content == {"result": []}


def test_what_is_not_there_gets_a_sentence(answers: dict[str, Any]) -> None:
    assert answers["unknown"].is_error
    assert (
        "Expected a ticker with a forecast (AAPL), got IBM." in answers["unknown"].content[0].text
    )
    assert answers["path"].is_error
    assert "passwd" not in answers["path"].content[0].text.split("got")[0]
    assert answers["search"].structured_content == {"result": []}
    assert "Expected words and a limit of 1 to 100" in answers["wordless"].content[0].text
    assert "Expected a forecast of IBM, there is none" in answers["portfolio"].content[0].text
