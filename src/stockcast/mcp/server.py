"""What other people's assistants may ask, by the Model Context Protocol: read-only.

By stdio, or by HTTP as a part of the service. Every answer is a product as it lies in the
workspace, typed by its contract. Nothing that can be called here trains, computes a forecast or
removes anything.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import ToolAnnotations

from stockcast import __version__
from stockcast.contracts.forecast import Forecast, Risk
from stockcast.contracts.model_record import ScorecardRow
from stockcast.contracts.report import Report, ReportMatch
from stockcast.contracts.risk import Portfolio
from stockcast.errors import BadInput, StockcastError
from stockcast.settings import Settings, parse_ticker
from stockcast.workspace import Workspace

__all__ = ["over_http", "server"]

INSTRUCTIONS = (
    "Calibrated forecasts of stock prices over the next trading days. Quantiles are prices; a "
    "forecast whose verdict is not skilful is a baseline's and must be told as such."
)
Asked = TypeVar("Asked", bound=Callable[..., Any])
READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


def over_http(settings: Settings) -> StreamableHTTPSessionManager:
    """What answers by HTTP. No session is kept, so that any worker may answer any request.

    Hosts, origins and keys are looked at by the service that it is part of.
    """
    made = server(settings)
    behind = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    made.streamable_http_app(stateless_http=True, json_response=True, transport_security=behind)
    return made.session_manager


def server(settings: Settings) -> MCPServer[Any]:
    """The server of one profile; ``run("stdio")`` serves it."""
    made: MCPServer[Any] = MCPServer("stockcast", instructions=INSTRUCTIONS, version=__version__)
    workspace = Workspace.of(settings)

    def tool(function: Asked) -> Asked:
        @functools.wraps(function)
        def answer(*given: Any, **named: Any) -> Any:
            try:
                return function(*given, **named)
            except StockcastError as error:  # the sentence is for the assistant
                raise ToolError(str(error)) from None

        made.tool(annotations=READS)(answer)
        return function

    def known(ticker: str) -> Forecast:
        found = workspace.read_forecast(parse_ticker(ticker))
        if found is None:
            there = ", ".join(workspace.forecast_tickers()) or "none yet"
            raise BadInput(f"Expected a ticker with a forecast ({there}), got {ticker}.")
        return found

    @tool
    def tickers() -> list[str]:
        """The tickers that have a forecast."""
        return workspace.forecast_tickers()

    @tool
    def forecast(ticker: str) -> Forecast:
        """The forecast of one ticker: quantiles of its closes to come, and what they are worth."""
        return known(ticker)

    @tool
    def risk(ticker: str) -> Risk:
        """What one share may lose by each day ahead: value at risk and expected shortfall."""
        found = known(ticker).risk
        if found is None:
            raise BadInput(f"Expected a forecast with tails of {ticker}; run it again.")
        return found

    @tool
    def report(ticker: str) -> Report:
        """The analyst's report on one ticker, as the last run wrote it."""
        path = workspace.report(known(ticker).ticker)
        if not path.exists():
            raise BadInput(f"Expected a report on {ticker}, there is none yet.")
        return Report.load(path)

    @tool
    def search(text: str, limit: int = 10) -> list[ReportMatch]:
        """Reports of all tickers and days that are about something like ``text``, nearest first."""
        from stockcast.agents.memory import ReportStore

        if not (text.strip() and 1 <= limit <= 100):
            raise BadInput(f"Expected words and a limit of 1 to 100, got {text!r} and {limit}.")
        return ReportStore(settings).like(text, limit)

    @tool
    def portfolio(tickers: list[str], weights: list[float] | None = None) -> Portfolio:
        """The joint risk of several stocks held with shares of the capital, equal if not given."""
        from stockcast.risk.portfolio import portfolio as joint

        return joint(settings, [parse_ticker(each) for each in tickers], weights or [])

    @tool
    def scorecard() -> list[ScorecardRow]:
        """Test figures of every model beside its baselines."""
        return [row for record in workspace.read_records() for row in record.scorecard]

    @tool
    def ledger(ticker: str = "") -> list[dict[str, Any]]:
        """What became of the forecasts made: every row of the ledger, or those of one ticker."""
        from stockcast.ledger import Ledger

        if not workspace.ledger.exists():
            return []
        return Ledger(settings).export(parse_ticker(ticker) if ticker else None)

    @made.resource("stockcast://report/{ticker}", mime_type="text/markdown")
    def report_text(ticker: str) -> str:
        """The report as Markdown."""
        return report(ticker).markdown

    return made
