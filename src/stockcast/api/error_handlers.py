"""Errors as answers: a status, and one sentence that says what was expected and what came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from stockcast.errors import BadInput, StockcastError, Unavailable
from stockcast.pipeline.lock import Locked
from stockcast.redaction import mask
from stockcast.settings import Settings

__all__ = ["answer", "install"]

#: Seconds after which a client may try again what is not available now.
RETRY = "5"

_STATUS: dict[type[StockcastError], int] = {
    BadInput: 422,
    Locked: 409,
    Unavailable: 503,
    StockcastError: 500,
}


def answer(refused: HTTPException) -> JSONResponse:
    """Return the answer to a request that is not carried out."""
    return JSONResponse({"detail": refused.detail}, refused.status_code, refused.headers)


def install(app: FastAPI, settings: Settings) -> None:
    """Have ``app`` answer every error as a :class:`~stockcast.api.schemas.Problem`."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"detail": _sentence(error.errors()[0])}, 422)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400:  # FastAPI's word for a body that breaks its parser
            return JSONResponse({"detail": "Expected JSON in the body, got something else."}, 422)
        return answer(error)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        kind = type(error).__name__
        return JSONResponse({"detail": f"Unexpected {kind}; the service's log says more."}, 500)

    for kind in _STATUS:
        app.exception_handler(kind)(_explained(settings))


def _explained(settings: Settings) -> Callable[[Request, Any], Any]:
    async def explain(_: Request, error: StockcastError) -> JSONResponse:
        status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
        headers = {"retry-after": RETRY} if status == 503 else None
        return JSONResponse({"detail": mask(str(error), settings)}, status, headers)

    return explain


def _sentence(error: dict[str, Any]) -> str:
    """Return one sentence on an error of pydantic's."""
    where = ".".join(str(part) for part in error["loc"] if part != "body") or "the body"
    if error["type"] == "missing":
        return f"Expected {where} in the request, got none."
    came = repr(error.get("input"))
    shown = came if len(came) <= 80 else f"{came[:77]}..."
    return f"Expected another value of {where}: {error['msg'].rstrip('.')}, got {shown}."
