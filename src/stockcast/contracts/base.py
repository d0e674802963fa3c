"""The base of every contract: immutable, nothing unknown let in, read with a sentence.

A document on disk ends with the SHA-256 of its other bytes. Whoever reads it finds a change of any
byte. A document of an earlier version has no hash: it is read, and ``stockcast verify`` counts it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stockcast.errors import BadInput
from stockcast.storage.documents import parse_json, read_bytes
from stockcast.storage.files import write_text

__all__ = ["Contract", "Product", "absent", "has_proof", "replaced"]

#: The last key of a document on disk, and how its line is written.
_KEY = "sha256"
_PROOF = re.compile(rb',\n  "sha256": "([0-9a-f]{64})"\n}\n\Z')


def has_proof(data: bytes) -> bool | None:
    """Whether ``data``, a document as it lies on disk, is what was written; None without a hash."""
    found = _PROOF.search(data, max(0, len(data) - 100))
    if found is None:
        return None if f'"{_KEY}"'.encode() not in data[-200:] else False
    return hashlib.sha256(data[: found.start()] + b"\n}").hexdigest() == found[1].decode()


def replaced(text: str, names: Mapping[str, str]) -> str:
    """Return a document as it lies on disk with each of ``names`` replaced, and the hash of that.

    One that is not what was written stays so.
    """
    data = text.encode()
    new = functools.reduce(lambda told, name: told.replace(name, names[name]), names, text)
    if not has_proof(data):
        return new
    body = new[: new.rindex(f',\n  "{_KEY}"')]
    return _proved(f"{body}\n}}")


def _proved(body: str) -> str:
    """A JSON document, which ends with its brace on a line, with its hash as the last key."""
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f'{body[:-2]},\n  "{_KEY}": "{digest}"\n}}\n'


def absent() -> Any:
    """A field that a document lacks while it is None."""
    return Field(default=None, exclude_if=lambda value: value is None)


class Contract(BaseModel):
    """A part of a document."""

    #: What the document is called in a sentence.
    CALLED: ClassVar[str] = "document"

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")

    @classmethod
    def parse(cls, document: object, place: str) -> Self:
        """Return ``document``, which came from ``place``, as a contract.

        Raises:
            BadInput: it is not one; names the first field that is wrong.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or cls.CALLED
            raise BadInput(
                f"Expected a {cls.CALLED} in {place}, got {where}: {first['msg']}."
            ) from None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read one.

        Raises:
            BadInput: there is none, or the file is not one.
        """
        return cls.from_bytes(read_bytes(path), str(path))

    @classmethod
    def from_bytes(cls, data: bytes, place: str) -> Self:
        """Return what :meth:`to_text` wrote, encoded as UTF-8.

        Raises:
            BadInput: it is not one, or it was changed since.
        """
        document = parse_json(data, place)
        if has_proof(data) is False:
            raise BadInput(
                f"Expected the {cls.CALLED} in {place} as it was written, got one whose content "
                "does not have the hash that stands in it: it has to be made again."
            )
        if isinstance(document, dict):
            document.pop(_KEY, None)
        return cls.parse(document, place)

    def to_text(self) -> str:
        """The document as indented JSON, with the hash of its content at the end."""
        return _proved(json.dumps(self.model_dump(mode="json"), indent=2, allow_nan=False))

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        write_text(path, self.to_text())


class Product(Contract):
    """A document that a stage leaves; ``version`` says by which description it was written.

    A subclass raises :attr:`LATEST` when its fields change; the products that have another version
    are made again. A document without a version counts as of version 1.
    """

    LATEST: ClassVar[int] = 1

    version: int = 1

    @model_validator(mode="before")
    @classmethod
    def _of_this_version(cls, document: Any) -> Any:
        found = document.get("version", 1) if isinstance(document, dict) else cls.LATEST
        if found != cls.LATEST:
            raise ValueError(f"it is of version {found}, this program reads {cls.LATEST}")
        return document
