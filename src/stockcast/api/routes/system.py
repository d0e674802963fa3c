"""What the service is, how it is, what it keeps, and how to throw that away."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from stockcast import __version__
from stockcast.api.outputs import listing
from stockcast.api.schemas import Health, Info, Outputs, Problem, Removed, Responses, Ticker
from stockcast.api.service import Service
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["router"]

_CONFIRM: Responses = {
    409: {"model": Problem, "description": "A run is at work."},
    428: {"model": Problem, "description": "It was not confirmed."},
}
_UNREADY: Responses = {503: {"model": Health, "description": "It cannot forecast."}}
_ENDPOINTS = {
    "forecasts": "POST /predict-child, /predict-parent, /analyze",
    "risk": "GET /risk/{ticker}; POST /portfolio",
    "assistants": "POST /mcp",
    "training": "POST /train-child, /train-parent; GET /status/{task_id}",
    "monitoring": "POST /monitor/{ticker}, /monitor/parent; GET /monitor/{ticker}/drift, …/eval",
    "system": "GET /health, /ready, /metrics, /outputs; DELETE /system/reset",
    "documentation": "GET /docs, /openapi.json",
}


def router(service: Service) -> APIRouter:
    """Return the endpoints about the service itself."""
    routes = APIRouter(tags=["system"])
    settings = service.settings

    @routes.get("/")
    async def info() -> Info:
        """Say what this is."""
        return Info(
            project="stockcast",
            version=__version__,
            description="Calibrated forecasts of daily prices that say how good they have been.",
            profile=settings.profile,
            endpoints=_ENDPOINTS,
        )

    @routes.get("/health")
    async def health() -> Health:
        """Say that the process lives, and how its parts are; none is a reason to restart it."""
        return await service.health()

    @routes.get("/ready", response_model=Health, responses=_UNREADY)
    async def ready() -> JSONResponse:
        """Say whether it can forecast; 503 when a part that it needs is down."""
        found = await service.health()
        return JSONResponse(found.model_dump(), 503 if found.status == "unhealthy" else 200)

    @routes.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Return all metrics of the profile, as Prometheus reads them."""
        from stockcast.telemetry.exposition import CONTENT_TYPE, exposition

        await service.work(service.counter.flush)
        return Response(await service.work(lambda: exposition(settings)), media_type=CONTENT_TYPE)

    @routes.get("/outputs")
    async def outputs() -> Outputs:
        """List the products and reports of the profile."""
        return await service.work(lambda: listing(settings))

    @routes.get("/outputs/{ticker}")
    async def outputs_of(ticker: Annotated[Ticker, Path()]) -> Outputs:
        """List those of one ticker."""
        return await service.work(lambda: listing(settings, ticker))

    @routes.delete("/system/reset", responses=_CONFIRM)
    async def reset(
        confirm: Annotated[
            str, Query(max_length=64, description="The profile's name, to say that it is meant.")
        ] = "",
    ) -> Removed:
        """Remove the profile's products and reports, and move the ledger aside."""
        if not settings.allow_reset:
            raise HTTPException(
                403,
                "Expected reset over HTTP to be switched on (allow_reset=true), got it off; "
                "`stockcast reset --yes` does it where the service runs.",
            )
        if confirm != settings.profile:
            workspace = Workspace.of(settings)
            raise HTTPException(
                428,
                f"This removes {workspace.state} and {workspace.reports} and moves the "
                f"ledger aside. Ask again with ?confirm={settings.profile} if that is meant.",
            )
        return await service.work(lambda: _reset(settings), "long")

    return routes


def _reset(settings: Settings) -> Removed:
    from stockcast import cache, pipeline

    cache.stop(settings)  # or its server would live on in a folder that is gone
    done = pipeline.reset(settings)
    return Removed(
        status="reset",
        removed=[str(path) for path in done.removed],
        ledger=str(done.ledger) if done.ledger else None,
    )
