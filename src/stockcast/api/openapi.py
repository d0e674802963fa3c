"""The OpenAPI document: FastAPI's, and what each endpoint asks of its caller."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from stockcast.api.policy import policy_of

__all__ = ["install"]

_SCHEMES = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}
_NUMBER = {"schema": {"type": "integer", "minimum": 0}}
_LIMITS = {
    "RateLimit-Limit": {"description": "Requests an hour.", **_NUMBER},
    "RateLimit-Remaining": {"description": "Requests that are left.", **_NUMBER},
    "RateLimit-Reset": {"description": "Seconds until the next is given back.", **_NUMBER},
}


def install(app: FastAPI) -> None:
    """Add keys and limits to the document of ``app``."""
    plain = app.openapi

    def complete() -> dict[str, Any]:
        known = app.openapi_schema is not None
        document = plain()
        if not known:
            document.setdefault("components", {})["securitySchemes"] = _SCHEMES
            for path, operations in document["paths"].items():
                for method, operation in operations.items():
                    _describe(path, method, operation)
        return document

    app.openapi = complete  # type: ignore[method-assign]  # as FastAPI's guide has it


def _describe(path: str, method: str, operation: dict[str, Any]) -> None:
    _, policy = policy_of(path)
    scope = policy.needs(method.upper())
    keys: list[dict[str, list[str]]] = [{"key": []}, {"bearer": []}]
    operation["security"] = keys if scope else [{}, *keys]  # {}: none is needed
    if scope:
        operation["description"] += f"\n\nTakes a key for `{scope}`."
    if policy.limit:
        for answer in operation["responses"].values():
            answer["headers"] = _LIMITS
