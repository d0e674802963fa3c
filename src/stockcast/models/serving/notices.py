"""What a person should know of the models that serve."""

from __future__ import annotations

from collections.abc import Iterator

from stockcast.contracts.bundle import ModelDocument
from stockcast.contracts.model_record import PARENT, child_name
from stockcast.errors import BadInput
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["notices", "parent_kind"]


def parent_kind(settings: Settings, bundle: str) -> str | None:
    """The kind of parent that a bundle is or comes from (``shipped``, ``continued``, ``panel`` or
    ``index``); None if nobody knows any more."""
    try:
        folder = Workspace.of(settings).bundle(bundle)
        origin = ModelDocument.load(folder / "model.json").origin
    except BadInput:
        return None
    if origin["kind"] == PARENT:
        return str(origin["strategy"])
    return parent_kind(settings, f"{PARENT}/{origin['parent']}")


def notices(settings: Settings) -> list[str]:
    """Say which models of another kind of parent serve than the one that the settings name, though
    one of that kind was made, and why."""
    if settings.parent == "auto":
        return []
    names = (PARENT, *map(child_name, settings.tickers))
    return [sentence for name in names for sentence in _notice(settings, name)]


def _notice(settings: Settings, name: str) -> Iterator[str]:
    record = Workspace.of(settings).read_record(name)
    if record is None or record.bundle is None or record.bundle == f"{name}/{record.candidate}":
        return
    kind = parent_kind(settings, record.bundle)
    if kind != settings.parent == parent_kind(settings, f"{name}/{record.candidate}"):
        yield (
            f"{record.ticker}: parent={settings.parent} was asked for, but a model of the {kind} "
            f"parent goes on serving (version {record.served.version}): {record.verdict.reason}"
        )
