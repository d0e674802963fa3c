"""Files below a root, and their copies in a store that machines without a common disk both reach.

A copy is named by a hash of its content: what is there already is not sent again, and what is
fetched is what was sent. Nothing in the store is changed or removed.
"""

from __future__ import annotations

import fnmatch
import functools
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

    def put_file(self, path: Path) -> str:
        """Keep what ``path`` holds, and return its hash; what is known to be there is not read."""
        digest = _hash(path)
        return digest if digest in self._there else self.put(path.read_bytes())

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

    def found(self, patterns: Iterable[str]) -> list[str]:
        """Return the paths of the files that match, or lie in a folder that does; none hidden."""
        return sorted({path for pattern in patterns for path in self._matching(pattern)})

    def put(self, paths: Iterable[str]) -> dict[str, str]:
        """Have the store keep what lies at ``paths``, and return its manifest."""
        return {path: self.store.put_file(self.root / path) for path in paths}

    def fetch(self, manifest: Manifest, change: Callable[[str], str] | None = None) -> None:
        """Put the files of ``manifest`` in their places, each at once; text is changed first."""
        for path, digest in manifest.items():
            place = self.root / path
            if place.exists() and _hash(place) == digest:
                continue
            content = self.store.get(digest)
            if change is not None and place.suffix in (".json", ".ipynb", ".html"):
                content = change(content.decode("utf-8")).encode()
            with atomic_write(place) as temporary:
                temporary.write_bytes(content)

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


def _hash(path: Path) -> str:
    stat = path.stat()
    return _hash_as_of(path, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=1 << 16)
def _hash_as_of(path: Path, size: int, mtime_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
