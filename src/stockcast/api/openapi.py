"""The OpenAPI document with what each endpoint asks of its caller, and the page at /docs.

The page is Swagger UI from files that install with the package, so it asks no other host. Its
addresses are relative, so that it works behind a proxy's prefix, too.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from stockcast.api.policy import policy_of

__all__ = ["install"]

_FILES = Path(fastapi_offline.__file__).parent / "static"
_PATH = "/docs/files"
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
    """Add keys and limits to the document of ``app``, and serve the page instead of FastAPI's."""
    _complete(app)
    page = _page(app.title)
    app.mount(_PATH, StaticFiles(directory=_FILES), name="docs")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return page


def _complete(app: FastAPI) -> None:
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


def _page(title: str) -> HTMLResponse:
    files = _PATH.removeprefix("/")
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=title,
        swagger_js_url=f"{files}/swagger-ui-bundle.js",
        swagger_css_url=f"{files}/swagger-ui.css",
        swagger_favicon_url=f"{files}/favicon.png",
    )
    page.headers["content-security-policy"] = _policy(bytes(page.body).decode())
    return page


def _policy(page: str) -> str:
    """Return what a browser may load for ``page``: our files, and the script that stands in it."""
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(each.encode()).digest()) for each in scripts)
    hashes = " ".join(f"'sha256-{digest.decode()}'" for digest in digests)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {hashes}",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
