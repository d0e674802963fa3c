"""The page at /docs: Swagger UI from files that install with the package, so it asks no other host.

Addresses are relative to the page, which works behind a proxy's prefix, too.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

__all__ = ["install"]

_FILES = Path(fastapi_offline.__file__).parent / "static"
_PATH = "/docs/files"


def install(app: FastAPI) -> None:
    """Serve the page and its files with ``app``, in place of FastAPI's, which asks a CDN."""
    page = _page(app.title)
    app.mount(_PATH, StaticFiles(directory=_FILES), name="docs")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return page


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
