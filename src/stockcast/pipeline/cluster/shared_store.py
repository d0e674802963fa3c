"""Files below a root, and their copies in a store that machines without a common disk both reach.

A copy is named by a hash of its content: what is there already is not sent again, and what is
fetched is what was sent. Nothing in the store is changed or removed.
"""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from stockcast.errors import BadInput, StockcastError, Unavailable
from stockcast.redaction import mask
from stockcast.storage.files import atomic_write

__all__ = ["Files", "SharedStore", "covered", "moved"]

#: Paths below a root, and the hash of what is there.
Manifest = Mapping[str, str]


class SharedStore:
    """A folder by fsspec's URL: file://, s3://, gs:// and what else is installed.

    Raises:
        BadInput: it cannot be written and read.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = url
        self._there: set[str] = set()
        try:
            self._fs, self._folder = fsspec.core.url_to_fs(url, use_listings_cache=False)
            self.get(self.put(b"stockcast\n"))
        except ImportError as error:
            raise BadInput(
                f"Expected what reaches {mask(url)} to be installed, got: {error}."
            ) from None
        except (ValueError, StockcastError) as error:
            raise BadInput(
                f"Expected a shared_store that can be written and read, got: {error}"
            ) from None

    def put(self, content: bytes) -> str:
        """Keep ``content``, and return its hash."""
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self._there:
            self._try(lambda path: self._put(path, content), digest)
            self._there.add(digest)
        return digest

    def get(self, digest: str) -> bytes:
        """Return what was kept under the hash."""
        content: bytes = self._try(self._fs.cat_file, digest)
        if hashlib.sha256(content).hexdigest() != digest:
            raise Unavailable(f"{digest[:12]} at {mask(self.url)} is not what was put there.")
        return content

    def _put(self, path: str, content: bytes) -> None:
        if not self._fs.exists(path) or self._fs.info(path)["size"] != len(content):
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._fs.pipe_file(path, content)

    def _try(self, act: Callable[[str], Any], digest: str) -> Any:
        try:
            return act(f"{self._folder}/{digest[:2]}/{digest}")
        except Exception as error:  # each kind of store has errors of its own
            said = " ".join(mask(str(error)).split()).rstrip(".") or type(error).__name__
            raise Unavailable(f"The store at {mask(self.url)} cannot be used ({said}).") from None


class Files:
    """The files below ``root``; each is read again when its size or time has changed."""

    def __init__(self, root: Path, store: SharedStore) -> None:
        self.root, self.store = root, store
        #: size and time of each file whose content the store has, and its hash
        self._known: dict[str, tuple[tuple[int, int], str]] = {}

    def found(self, patterns: Iterable[str]) -> list[str]:
        """Return the paths of the files that match, or lie in a folder that does; none hidden."""
        return sorted({path for pattern in patterns for path in self._matching(pattern)})

    def put(self, paths: Iterable[str]) -> dict[str, str]:
        """Have the store keep what lies at ``paths``, and return its manifest."""
        return {path: self._kept(path) for path in paths}

    def fetch(self, manifest: Manifest, change: Callable[[str], str] | None = None) -> None:
        """Put the files of ``manifest`` in their places, each at once; text is changed first."""
        for path, digest in manifest.items():
            place = self.root / path
            if place.exists() and self._hash(path) == digest:
                continue
            content = self.store.get(digest)
            if change is not None and place.suffix in (".json", ".ipynb", ".html"):
                content = change(content.decode("utf-8")).encode()
            with atomic_write(place) as temporary:
                temporary.write_bytes(content)
            if change is None:
                self._note(path, digest)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove what lies at ``paths``."""
        for path in paths:
            (self.root / path).unlink(missing_ok=True)

    def _matching(self, pattern: str) -> Iterator[str]:
        for place in self.root.glob(pattern):
            files = place.rglob("*") if place.is_dir() else [place]
            for file in files:
                path = file.relative_to(self.root)
                if file.is_file() and not path.name.startswith("."):
                    yield path.as_posix()

    def _kept(self, path: str) -> str:
        """Return the hash of a file that the store has, or is given now."""
        stamp = self._stamp(path)  # before: what is written meanwhile must show the next time
        digest = self._noted(path, stamp)
        if digest is None:
            digest = self.store.put((self.root / path).read_bytes())
            self._known[path] = (stamp, digest)
        return digest

    def _hash(self, path: str) -> str:
        noted = self._noted(path, self._stamp(path))
        return noted or hashlib.sha256((self.root / path).read_bytes()).hexdigest()

    def _noted(self, path: str, stamp: tuple[int, int]) -> str | None:
        """Return the hash of a file that is as it was when the store was known to have it."""
        known, digest = self._known.get(path, (None, None))
        return digest if known == stamp else None

    def _note(self, path: str, digest: str) -> None:
        self._known[path] = (self._stamp(path), digest)

    def _stamp(self, path: str) -> tuple[int, int]:
        stat = (self.root / path).stat()
        return stat.st_size, stat.st_mtime_ns


def covered(path: str, patterns: Iterable[str]) -> bool:
    """Say whether a path below a root is one that matches, or lies in a folder that does."""
    parts = PurePosixPath(path).parts
    if ".." in parts or path.startswith("/"):
        return False
    return any(
        len(parts) >= len(wanted) and all(map(fnmatch.fnmatchcase, parts[: len(wanted)], wanted))
        for wanted in (PurePosixPath(pattern).parts for pattern in patterns)
    )


def moved(text: str, old: str, new: str) -> str:
    """Return ``text`` with the paths below ``old`` below ``new``."""
    return text.replace(f"{old}/", f"{new}/")
