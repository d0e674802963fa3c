"""What README and site tell people to type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from stockcast.settings import HOME

__all__ = ["PAGES", "blocks", "commands", "mentions"]

PAGES = [HOME / "README.md", *sorted((HOME / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page that are marked as ``language``."""
    return [text for name, text in _BLOCK.findall(page.read_text("utf-8")) if name == language]


def commands(page: Path, program: str) -> Iterator[str]:
    """What a page says to start, in blocks and in sentences, without the words that explain it."""
    text = page.read_text("utf-8")
    lines = [line for _, block in _BLOCK.findall(text) for line in block.splitlines()]
    lines += mentions(text)
    for line in lines:
        found = re.match(rf"(?:[A-Z_]+=\S+ )*({program} .*)", line)
        if found:
            yield re.split(r"\s{2,}", found[1])[0]


def mentions(text: str) -> list[str]:
    """What stands as code in the sentences of a page."""
    return _CODE.findall(_BLOCK.sub("", text))
