"""Starts uvicorn, whose workers read their settings from the environment."""

from __future__ import annotations

import os

import uvicorn

from stockcast.api.connections import CONCURRENT, Connection
from stockcast.settings import Settings, environment

__all__ = ["serve"]

#: Seconds that requests under way may take when the service is stopped.
GRACE = 10
#: Seconds that a worker may be silent before it is replaced: it imports for some of them.
SILENCE = 30


def serve(settings: Settings, *, host: str, port: int, workers: int) -> None:
    """Serve until it is stopped by ctrl-C or SIGTERM."""
    os.environ.clear()
    os.environ.update(environment(settings), OMP_NUM_THREADS="1")
    uvicorn.run(
        "stockcast.api.app:create_worker",
        factory=True,
        http=Connection,
        limit_concurrency=CONCURRENT,
        host=host,
        port=port,
        workers=workers,
        log_level="info",
        access_log=False,  # metrics count requests; a line each would cost more than the answer
        server_header=False,
        ws="none",
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=GRACE,
        timeout_worker_healthcheck=SILENCE,
    )
