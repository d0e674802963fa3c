"""How the service's parts are, as /health and /ready tell it: looked at now, and cheaply."""

from __future__ import annotations

from stockcast.api.schemas import Component, Health
from stockcast.doctor import CHECKS, Finding, examine
from stockcast.settings import Settings

__all__ = ["condition", "look"]

#: Parts of the doctor's round that a probe can afford every few seconds.
PARTS = ("disk", "redis", "ledger")


def look(settings: Settings, *, warm: bool) -> Health:
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


def condition(findings: list[Finding]) -> Health:
    """Return the verdict on ``findings``: unhealthy only if a required part is down."""
    down = [finding for finding in findings if not finding.ok]
    unhealthy = any(finding.required for finding in down)
    return Health(
        status="unhealthy" if unhealthy else "degraded" if down else "healthy",
        components=[
            Component(
                name=finding.name,
                ok=finding.ok,
                required=finding.required,
                detail=" ".join(filter(None, (finding.version, finding.detail))),
            )
            for finding in findings
        ],
    )
