"""Who may do what, on one page: the first part of a path decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stockcast.api.keys import Scope
from stockcast.settings import Settings

__all__ = ["POLICIES", "Policy", "policy_of"]


@dataclass(frozen=True)
class Policy:
    """What an endpoint asks of a client.

    Attributes:
        scope: what its key must be for; None: no key is needed.
        limit: which of the limits counts it.
        open_to_read: whether a GET needs no key.
    """

    scope: Scope | None = None
    limit: Literal["forecasts", "trainings"] | None = None
    open_to_read: bool = False

    def needs(self, method: str) -> Scope | None:
        """Return what the key of a request must be for; None: it needs no key."""
        return None if self.open_to_read and method in ("GET", "HEAD") else self.scope

    def per_hour(self, settings: Settings) -> int:
        """Return how many requests an hour are granted; 0: any number."""
        if self.limit is None:
            return 0
        forecasts = self.limit == "forecasts"
        return settings.forecasts_per_hour if forecasts else settings.trainings_per_hour


#: A path that is not listed here has no route either.
POLICIES = {
    "": Policy(),
    "docs": Policy(),
    "openapi.json": Policy(),
    "health": Policy(),
    "ready": Policy(),
    "metrics": Policy(),
    "status": Policy(),
    "predict-parent": Policy(limit="forecasts"),
    "predict-child": Policy(limit="forecasts"),
    "analyze": Policy(limit="forecasts"),
    "risk": Policy(limit="forecasts"),
    "portfolio": Policy(limit="forecasts"),
    "mcp": Policy("read"),
    # a check may hold a ticker's forecasts
    "monitor": Policy("train", "forecasts", open_to_read=True),
    "train-parent": Policy("train", "trainings"),
    "train-child": Policy("train", "trainings"),
    "outputs": Policy("read"),
    "system": Policy("admin"),
}

_STRICT = Policy("admin")


def policy_of(path: str) -> tuple[str, Policy]:
    """Return the endpoint that ``path`` belongs to, and what it asks."""
    endpoint = path.removeprefix("/").partition("/")[0]
    return endpoint, POLICIES.get(endpoint, _STRICT)
