"""What a person should know of the parent that serves."""

from __future__ import annotations

from stockcast.contracts.bundle import ModelDocument
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["notices"]


def notices(settings: Settings) -> list[str]:
    """Say so if the parent that the settings ask for was made, and another one serves, and why."""
    workspace = Workspace.of(settings)
    record = workspace.read_record("parent")
    own = record and f"{record.name}/{record.candidate}"
    if settings.parent == "auto" or not (record and own and record.bundle) or record.bundle == own:
        return []
    made = ModelDocument.load(workspace.bundle(own) / "model.json").origin["strategy"]
    serves = record.served
    if made != settings.parent or serves.strategy == made:
        return []
    return [
        f"parent={made} was asked for, but the {serves.strategy} parent goes on serving "
        f"(version {serves.version}): {record.verdict.reason}"
    ]
