"""Says in words why a task has to run again, from what its sidecar recorded when it last ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Reason", "Recipe", "differences"]

Kind = Literal["missing", "damaged", "param", "code", "upstream"]


@dataclass(frozen=True)
class Reason:
    """One thing that makes a task stale."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Recipe:
    """All that a task's result depends on."""

    params: Mapping[str, Any]
    source: str  #: the notebook's code and text
    modules: Mapping[str, str] = field(default_factory=dict)  #: name -> hash of its file
    upstream: Mapping[str, float] = field(default_factory=dict)  #: name -> when it last finished


def differences(then: Recipe, now: Recipe, notebook: str) -> Iterator[Reason]:
    """Yield what changed from ``then`` to ``now``; ``notebook`` is the notebook's name."""
    yield from _params(then.params, now.params)
    if then.source != now.source:
        yield Reason("code", f"{notebook} changed")
    for name in sorted(then.modules.keys() | now.modules.keys()):
        if name not in then.modules:
            yield Reason("code", f"{name} is used now")
        elif name not in now.modules:
            yield Reason("code", f"{name} is used no longer")
        elif then.modules[name] != now.modules[name]:
            yield Reason("code", f"{name} changed")
    for name in sorted(then.upstream.keys() | now.upstream.keys()):
        if name not in then.upstream:
            yield Reason("upstream", f"{name} is needed now")
        elif name not in now.upstream:
            yield Reason("upstream", f"{name} is needed no longer")
        elif then.upstream[name] != now.upstream[name]:
            yield Reason("upstream", f"{name} has run since")


def _params(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Reason]:
    for key in sorted(then.keys() | now.keys()):
        if key == "hold" and key in then and key in now:
            if now[key] and now[key] != then[key]:  # one that has ended asks for nothing
                yield Reason("param", f"held: {now[key]['reason']}")
        elif key not in then:
            yield Reason("param", f"{key} is new ({_brief(now[key])})")
        elif key not in now:
            yield Reason("param", f"{key} is used no longer")
        elif then[key] != now[key]:
            yield Reason("param", f"{key} changed from {_brief(then[key])} to {_brief(now[key])}")


def _brief(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
