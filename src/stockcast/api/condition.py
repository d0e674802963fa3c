"""How the service's parts are, as /health and /ready tell it: looked at now, and cheaply."""

from __future__ import annotations

from typing import Any

from stockcast.doctor import CHECKS, Finding, examine
from stockcast.settings import Settings

__all__ = ["condition", "look"]

#: Parts of the doctor's round that a probe can afford every few seconds.
PARTS = ("disk", "redis", "ledger")

Document = dict[str, Any]


def look(settings: Settings, *, warm: bool) -> Document:
    """Return the state of each part; ``warm``: what a forecast needs is loaded."""
    checks = [check for check in CHECKS if check.name in PARTS]
    models = Finding(
        name="models",
        ok=warm,
        required=True,
        mode="library",
        version="",
        detail="loaded" if warm else "being loaded",
        seconds=0.0,
    )
    return condition([*examine(settings, checks), models])


def condition(findings: list[Finding]) -> Document:
    """Return the verdict on ``findings``: unhealthy only if a required part is down."""
    down = [finding for finding in findings if not finding.ok]
    unhealthy = any(finding.required for finding in down)
    return {
        "status": "unhealthy" if unhealthy else "degraded" if down else "healthy",
        "components": [
            {
                "name": finding.name,
                "ok": finding.ok,
                "required": finding.required,
                "detail": " ".join(filter(None, (finding.version, finding.detail))),
            }
            for finding in findings
        ],
    }
