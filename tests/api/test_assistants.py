"""Assistants by HTTP: the same tools as by stdio, for whoever has a key to read."""

from __future__ import annotations

from typing import Any

import anyio
import httpx2
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from stockcast.contracts.forecast import Forecast
from stockcast.settings import load_settings
from stockcast.workspace import Workspace
from tests import documents
from tests.api.servers import Server

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "tests", "version": "1"},
    },
}
ACCEPTS = {"accept": "application/json, text/event-stream"}


async def _asked(url: str, headers: dict[str, str]) -> dict[str, Any]:
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False) as client,
        streamable_http_client(f"{url}/mcp", http_client=client) as streams,
        ClientSession(*streams) as session,
    ):
        await session.initialize()
        return {
            "tools": {tool.name for tool in (await session.list_tools()).tools},
            "forecast": await session.call_tool("forecast", {"ticker": "MSFT"}),
            "unknown": await session.call_tool("risk", {"ticker": "NOPE"}),
        }


@pytest.mark.parametrize("sent", ["x-api-key", "authorization"])
def test_the_official_client_reads_with_a_key(server: Server, sent: str) -> None:
    workspace = Workspace.of(load_settings("sample", {"root": str(server.log.parent)}))
    documents.forecast(ticker="MSFT").save(workspace.forecast("MSFT"))
    key = server.operator.headers["x-api-key"]
    answers = anyio.run(_asked, server.url, {sent: key if sent == "x-api-key" else f"Bearer {key}"})
    assert answers["tools"] >= {"tickers", "forecast", "risk", "report", "search", "ledger"}
    found = Forecast.model_validate(answers["forecast"].structured_content)
    assert found == documents.forecast(ticker="MSFT")
    assert "Expected a ticker with a forecast" in answers["unknown"].content[0].text


def test_without_a_key_nothing_is_read(server: Server) -> None:
    answer = server.client.post("/mcp", json=HELLO, headers=ACCEPTS)
    assert answer.status_code == 401
    assert "Expected a key for read to use /mcp" in answer.json()["detail"]


def test_no_stream_is_kept_open(server: Server) -> None:
    assert server.operator.post("/mcp", json=HELLO, headers=ACCEPTS).status_code == 200
    assert server.operator.get("/mcp", headers=ACCEPTS).status_code == 405


def test_a_foreign_page_is_refused(server: Server) -> None:
    headers = {**ACCEPTS, "origin": "http://elsewhere.example"}
    assert server.operator.post("/mcp", json=HELLO, headers=headers).status_code == 403
