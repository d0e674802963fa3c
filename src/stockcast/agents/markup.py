"""Takes HTML out of a text that a stranger or a model wrote, in time linear in its length."""

from __future__ import annotations

import html
import re

__all__ = ["without_markup", "without_tags"]

_TAG = re.compile(r"<[^<>]{0,2000}>|<(?:script|style|iframe|img|svg|a|div)\b[^<>]*", re.IGNORECASE)
# a block without its end takes all that follows, as in a browser; so no start is looked at twice
_BLOCK = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
#: What no character has for a number; Python refuses to read the longest of them.
_HUGE = re.compile(r"&#x?[0-9a-f]{8,};?", re.IGNORECASE)


def without_tags(text: str, gap: str = " ") -> str:
    """Return ``text`` with ``gap`` for each tag."""
    return _TAG.sub(gap, text)


def without_markup(text: str, gap: str = " ") -> str:
    """Return ``text`` with ``gap`` for its markup, which may be escaped, and escaped again."""
    for _ in range(3):
        text = html.unescape(_HUGE.sub(" ", without_tags(_BLOCK.sub(gap, text), gap)))
    return without_tags(text, gap)
