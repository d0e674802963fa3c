"""The base of every contract: immutable, nothing unknown let in, read with a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stockcast.errors import BadInput
from stockcast.files import read_json, write_json

__all__ = ["Contract", "Product", "absent"]


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
        return cls.parse(read_json(path), str(path))


class Product(Contract):
    """A document that a stage leaves; ``version`` says by which description it was written.

    A document without a version was written before there were versions and counts as of version 1.
    A subclass raises :attr:`LATEST` when its fields change and turns older documents into today's
    in :meth:`upgrade`.
    """

    LATEST: ClassVar[int] = 1

    version: int = 1

    @model_validator(mode="before")
    @classmethod
    def _bring_up_to_date(cls, document: Any) -> Any:
        if not isinstance(document, dict):
            return document
        written_by = document.get("version", 1)
        if written_by == cls.LATEST:
            return document
        return {**cls.upgrade(dict(document), int(written_by)), "version": cls.LATEST}

    @classmethod
    def upgrade(cls, document: dict[str, Any], written_by: int) -> dict[str, Any]:
        """Turn a document of the version ``written_by`` into one of :attr:`LATEST`.

        Raises:
            ValueError: it cannot be; the product has to be made again.
        """
        raise ValueError(f"it is of version {written_by}, this program reads {cls.LATEST}")

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        write_json(path, self.model_dump(mode="json"))
