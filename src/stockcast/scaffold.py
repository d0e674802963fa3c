"""Writes a workspace from the files that come with the package, and keeps what its owner edits.

The files are the repository's own. The workspace remembers the hash of each as it came, in
:data:`~stockcast.settings.MARKER`; so an edit of its owner is told from a newer version of the
package.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Literal, NamedTuple

import stockcast
from stockcast.errors import BadInput
from stockcast.settings import CHECKOUT, MARKER
from stockcast.storage.documents import write_json
from stockcast.storage.files import atomic_write

__all__ = ["State", "Written", "compare", "diff", "init"]

#: How a file of a workspace stands to the package's:
#:
#: - current: it is the same
#: - missing: it was never written; ``init`` writes it
#: - older: nobody edited it, and the package has a newer one
#: - edited: its owner edited it, and the package's has not changed since
#: - differs: its owner edited it, and the package's has changed, too
#: - removed: its owner removed it
#: - dropped: the package has no such file any more
State = Literal["current", "missing", "older", "edited", "differs", "removed", "dropped"]

#: Where the build puts the files, beside this module.
_PACKED = Path(__file__).with_name("workspace_files")
_GENERATED = {"__pycache__", ".ipynb_checkpoints"}


class Written(NamedTuple):
    """What ``init`` wrote, and how every file of the workspace stands to the package's now."""

    written: list[str]
    states: dict[str, State]


def init(
    folder: Path,
    *,
    update: bool = False,
    take: Collection[str] = (),
    keep: Collection[str] = (),
) -> Written:
    """Write the files that ``folder`` lacks; leave alone those that it has.

    Args:
        folder: the workspace, new or not.
        update: replace those that nobody edited by the package's newer ones.
        take: files that become the package's, edited or not.
        keep: edited files whose owner has seen the package's newer ones, and stays with his own.

    Raises:
        BadInput: there can be no workspace at ``folder``, or it has no such file to take or keep.
    """
    offered, known = _offered(), _known(folder)
    _check(folder, offered, {*take, *keep})
    states = _states(folder, offered, known)
    wanted = {"missing", "older"} if update else {"missing"}
    written = [path for path in offered if states[path] in wanted or path in take]
    for path in written:
        with atomic_write(folder / path) as temporary:
            temporary.write_bytes(offered[path])
        states[path] = "current"
    known |= {
        path: _hash(content)
        for path, content in offered.items()
        if states[path] == "current" or path in keep
    }
    gone = {path for path in known if path not in offered and not (folder / path).exists()}
    files = {path: known[path] for path in sorted(known.keys() - gone)}
    write_json(folder / MARKER, {"stockcast": stockcast.__version__, "files": files})
    return Written(written, _states(folder, offered, files))


def compare(folder: Path) -> dict[str, State]:
    """Return how each file of the workspace stands to the package's; nothing is written.

    Raises:
        BadInput: ``folder`` is no workspace.
    """
    known = _known(folder)
    if not known:
        raise BadInput(f"Expected a workspace at {folder}, got none: stockcast init {folder}.")
    return _states(folder, _offered(), known)


def diff(folder: Path) -> str:
    """Return what leads from the workspace's files to the package's, as a unified diff.

    Raises:
        BadInput: ``folder`` is no workspace.
    """
    offered = _offered()
    unlike = [
        path for path, state in compare(folder).items() if state in ("older", "edited", "differs")
    ]
    lines: list[str] = []
    for path in unlike:
        ours = _lines((folder / path).read_bytes())
        theirs = _lines(offered[path])
        lines += difflib.unified_diff(ours, theirs, path, f"{path} of the package")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").splitlines(keepends=True)


def _offered() -> dict[str, bytes]:
    """Return the package's files by their paths in a workspace."""
    if _PACKED.is_dir():
        home, parts = _PACKED, [path.name for path in _PACKED.iterdir()]
    else:
        home = CHECKOUT
        project = tomllib.loads((home / "pyproject.toml").read_text("utf-8"))
        build = project["tool"]["hatch"]["build"]["targets"]["wheel"]
        parts = build["hooks"]["custom"]["workspace"]
    found = [path for part in parts for path in ((home / part), *(home / part).rglob("*"))]
    return {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in sorted(found)
        if path.is_file() and not _GENERATED.intersection(path.parts)
    }


def _known(folder: Path) -> dict[str, str]:
    """Return the hash of each file as it came to the workspace."""
    try:
        document = json.loads((folder / MARKER).read_text("utf-8"))
        return {str(path): str(digest) for path, digest in document["files"].items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise BadInput(
            f"Expected the file {folder / MARKER} as stockcast init wrote it, got something else: "
            "remove it, and init compares the files anew."
        ) from None


def _check(folder: Path, offered: Collection[str], named: Collection[str]) -> None:
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"Expected a folder, or none yet, at {folder}, got a file.")
    if folder.resolve() == CHECKOUT:
        raise BadInput(f"Expected a folder of your own, got the checkout {folder} itself.")
    for path in sorted(set(named) - set(offered)):
        near = difflib.get_close_matches(path, offered, n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise BadInput(f"Expected a file that the package has, got {path!r}{hint}")


def _states(folder: Path, offered: dict[str, bytes], known: dict[str, str]) -> dict[str, State]:
    found: dict[str, State] = {}
    for path in sorted(offered.keys() | known.keys()):
        file = folder / path
        mine = _hash(file.read_bytes()) if file.is_file() else None
        new = _hash(offered[path]) if path in offered else None
        if mine or new:
            found[path] = _state(known.get(path), mine, new)
    return found


def _state(came: str | None, mine: str | None, new: str | None) -> State:
    if mine == new:
        return "current"
    if new is None:
        return "dropped"
    if mine is None:
        return "removed" if came else "missing"
    if mine == came:
        return "older"
    return "edited" if new == came else "differs"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
