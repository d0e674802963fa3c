"""Throws away what the pipeline made for one profile, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

from stockcast.errors import BadInput
from stockcast.pipeline.lock import held
from stockcast.settings import Settings

__all__ = ["generated", "reset"]


def generated(settings: Settings) -> list[Path]:
    """Return the folders that hold everything generated for the profile, if they exist."""
    return [
        path for path in (settings.state, settings.reports) if path.is_symlink() or path.exists()
    ]


def reset(settings: Settings) -> list[Path]:
    """Remove them, and return what was removed.

    Raises:
        Locked: a run is at work in this root.
        BadInput: something there cannot be removed.
    """
    with held(settings.root, f"stockcast reset -p {settings.profile}"):
        found = generated(settings)
        for path in found:
            _remove(path)
    return found


def _remove(path: Path) -> None:
    try:
        if path.is_symlink():  # what it points to is not ours
            path.unlink()
        else:
            shutil.rmtree(path)
    except OSError as error:
        raise BadInput(f"Expected to be able to remove {path}, got: {error.strerror}.") from None
