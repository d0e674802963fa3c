"""From findings to a verdict: healthy, degraded or critical, and in words what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stockcast.contracts.drift import Cause, Health

__all__ = ["CRITICAL", "DEGRADED", "GRAVE", "HEALTHY", "Finding", "Verdict", "judge"]

HEALTHY: Health = "Healthy"
DEGRADED: Health = "Degraded"
CRITICAL: Health = "Critical"

#: How far over its threshold a surprise is critical: 9 in 10 doublings of volatility are, and 1 in
#: 250 undisturbed sessions.
GRAVE = 1.2


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        cause: faulty ``data``; ``drift``, a world that is not the one of the training; or
            ``forecasts`` that are not as promised.
        critical: whether something has to be done about it at once.
        text: a sentence without its full stop.
    """

    cause: Cause
    critical: bool
    text: str


@dataclass(frozen=True)
class Verdict:
    """The health of a model's world.

    Attributes:
        cause: of the gravest finding; None when there is none.
        stop: whether no forecast may be made meanwhile.
        reasons: every finding, the gravest first.
    """

    health: Health
    cause: Cause | None
    stop: bool
    what_to_do: str
    reasons: tuple[str, ...]


#: Training again on the same days makes the same weights (reports/LOG.md).
_NO_TRAINING = (
    "Drift trains nothing: with each new bar the intervals are recalibrated by the outcomes, and "
    "the gate judges anew which model serves. To learn from later days, move validation_start and "
    "test_start, or take a newer parent."
)
_WORDS = {
    ("data", True): "No forecast is made from these data, and nothing is trained on them. Correct "
    "them at their source, then run again.",
    ("data", False): "Nothing at once: look at the bars named here before they are believed.",
    ("drift", True): "Distrust the forecasts while it lasts. If one input alone has moved, look at "
    f"how it is made. {_NO_TRAINING}",
    ("drift", False): "Nothing at once: the days look less like those of the training than "
    "usual. Look again tomorrow.",
    ("forecasts", True): f"Distrust where the medians lie while it lasts. {_NO_TRAINING}",
    ("forecasts", False): "Nothing at once: trust the forecasts' place and width less than usual.",
}


def judge(findings: Sequence[Finding]) -> Verdict:
    """The gravest finding decides. Faulty data come first: what they show is no drift."""
    order = ("data", "drift", "forecasts")
    ranked = sorted(findings, key=lambda found: (not found.critical, order.index(found.cause)))
    if not ranked:
        return Verdict(HEALTHY, None, False, "Nothing.", ())
    worst = ranked[0]
    return Verdict(
        health=CRITICAL if worst.critical else DEGRADED,
        cause=worst.cause,
        stop=worst.critical and worst.cause == "data",
        what_to_do=_WORDS[worst.cause, worst.critical],
        reasons=tuple(f"{found.text}." for found in ranked),
    )
