"""The application: the routes behind the cached answers behind the access control."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from stockcast import __version__
from stockcast.api import error_handlers, openapi
from stockcast.api.access import Access
from stockcast.api.cached_answers import CachedAnswers
from stockcast.api.request_bodies import LARGEST, RequestBodies
from stockcast.api.request_metrics import RequestMetrics
from stockcast.api.routes import forecasts, monitor, risk, system, training
from stockcast.api.schemas import Problem, Responses
from stockcast.api.service import Service
from stockcast.api.trusted_hosts import TrustedHosts
from stockcast.mcp.server import over_http
from stockcast.settings import Settings, load_settings
from stockcast.telemetry import logs

__all__ = ["create_app", "create_worker"]

#: What the RateLimit headers tell.
TOLD = ("Limit", "Remaining", "Reset", "Policy")

_NO_TELEMETRY: Any = dict.fromkeys(
    ("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False
)
_ALWAYS: Responses = {
    401: {"model": Problem, "description": "No key, or none that is known and valid."},
    403: {"model": Problem, "description": "The key is for less, or a foreign page asks."},
    408: {"model": Problem, "description": "The body came too slowly."},
    413: {"model": Problem, "description": f"The body is longer than {LARGEST} bytes."},
    421: {"model": Problem, "description": "The Host is none of this service's."},
    422: {"model": Problem, "description": "What was given cannot be used."},
    429: {"model": Problem, "description": "Asked too often; Retry-After says when to come back."},
    503: {"model": Problem, "description": "Something that it takes is not available now."},
}


def create_worker() -> FastAPI:
    """Return the application of a worker process, which has its settings from the environment."""
    settings = load_settings()
    logs.configure(settings)
    return create_app(settings)


def create_app(settings: Settings) -> FastAPI:
    """Return the application of one worker."""
    service = Service(settings)
    assistants = over_http(settings)
    app = FastAPI(
        title="stockcast",
        version=__version__,
        description="Calibrated forecasts of daily prices that say how good they have been.",
        lifespan=_lifespan(service, assistants),
        responses=_ALWAYS,
        docs_url=None,
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
    )
    for part in (system, forecasts, risk, training, monitor):
        app.include_router(part.router(service))
    # by POST alone: no stream is kept open
    app.router.routes.append(Route("/mcp", StreamableHTTPASGIApp(assistants), methods=["POST"]))
    error_handlers.install(app, service.settings)
    openapi.install(app)
    # the last one added comes first
    app.add_middleware(CachedAnswers, service=service)
    app.add_middleware(RequestBodies)
    app.add_middleware(Access, service=service)
    app.add_middleware(RequestMetrics, counter=service.counter)
    if service.settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=service.settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key"],
            expose_headers=["Location", "Retry-After", *(f"RateLimit-{part}" for part in TOLD)],
        )
    app.add_middleware(TrustedHosts, settings=service.settings)
    return app


def _lifespan(service: Service, assistants: StreamableHTTPSessionManager) -> Any:
    @contextlib.asynccontextmanager
    async def live(_: FastAPI) -> AsyncIterator[None]:
        async with assistants.run():
            await service.start()
            yield
            await service.stop()

    return live
