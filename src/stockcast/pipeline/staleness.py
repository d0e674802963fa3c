"""Says in words why a task has to run again, from what its sidecar recorded when it last ran.

A sidecar also records the bytes of each file that the task left. A size costs one look at the disk,
so every run can check all of them. A change that leaves the size alone is found when the file is
loaded: prices and models are named by a hash of their content. A JSON document may be written anew
by a command, as `stockcast drift` does; it has to be whole, and as the hash in it says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from stockcast.contracts.base import has_proof

__all__ = ["Reason", "Recipe", "differences", "file_sizes", "first_damaged"]

#: What names a file or a folder beside a product: a pointer's prices, a model's bundle.
_POINTERS = ("path", "bundle")

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
    yield from _compared("code", "used", "changed", then.modules, now.modules)
    yield from _compared("upstream", "needed", "has run since", then.upstream, now.upstream)


def _compared(
    kind: Kind, verb: str, changed: str, then: Mapping[str, object], now: Mapping[str, object]
) -> Iterator[Reason]:
    for name in sorted(then.keys() | now.keys()):
        if name not in then:
            yield Reason(kind, f"{name} is {verb} now")
        elif name not in now:
            yield Reason(kind, f"{name} is {verb} no longer")
        elif then[name] != now[name]:
            yield Reason(kind, f"{name} {changed}")


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


def file_sizes(product: Path) -> dict[str, int]:
    """Return the bytes of ``product`` and of what it points at, by path beside it."""
    return {
        file.relative_to(product.parent).as_posix(): file.stat().st_size
        for file in (product, *_pointed_at(product))
    }


def first_damaged(product: Path, then: Mapping[str, int]) -> str | None:
    """Return the first file of ``then`` that is gone, cut or of another size now, if any is."""
    for name, size in then.items():
        file = product.parent / name
        if not (_is_whole(file) if file.suffix == ".json" else _size(file) == size):
            return name
    return None


def _pointed_at(product: Path) -> Iterator[Path]:
    if product.suffix != ".json":
        return
    document = json.loads(product.read_text("utf-8"))
    names = [document.get(key) for key in _POINTERS] if isinstance(document, dict) else []
    for place in (product.parent / name for name in names if isinstance(name, str)):
        yield from sorted(place.iterdir()) if place.is_dir() else filter(Path.is_file, [place])


def _is_whole(file: Path) -> bool:
    try:
        data = file.read_bytes()
        proof = has_proof(data)
        if proof is None:
            json.loads(data)
    except (OSError, ValueError, RecursionError):
        return False
    return proof is not False


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None
