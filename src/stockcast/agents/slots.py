"""Text with slots: ``{return_5d}`` stands for a fact, and code writes the fact in its place.

Whoever writes a report, a language model or the deterministic writer, writes no figure and no date.
So a figure on the page is its fact's, with the fact's unit and rounding. A figure with a sign loses
it where words give the direction: ``fell {return_1d}`` becomes ``fell 2.5%``.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from stockcast.agents.vocabulary import DIRECTIONS, subject_of
from stockcast.contracts.report import Fact

__all__ = ["RANGE", "SLOT", "Slot", "Template", "direction", "fill", "pieces"]

SLOT = re.compile(r"\{([a-z][a-z0-9_]*)\}")
#: What stands between the two ends of a range.
RANGE = re.compile(r"\s*(?:to|and|through|–|—|-)\s*")

_END = re.compile(
    r"(?<!\b[A-Z])(?<!\bvs)(?<!\bNo)(?<!\bInc)(?<!\bCorp)(?<!\bLtd)(?<!\bCo)(?<!\bapprox)"
    r"[.!?][\"”’')\]]*(?=\s+[\"“‘(\[]?[A-Z0-9$€£\[“{-]|\s*$)|\n+"
)
#: Characters in front of and behind a slot in which a word of direction counts, within the clause.
_FRONT, _BEHIND = 30, 14


@dataclass(frozen=True)
class Slot:
    """A slot: the fact it names, where it stands, and begin and end of its sentence."""

    name: str
    start: int
    end: int
    sentence: tuple[int, int]


class Template:
    """One section's text with slots, taken apart."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans = _sentences(text)
        self.slots = [
            Slot(found[1], found.start(), found.end(), self.span_at(found.start()))
            for found in SLOT.finditer(text)
        ]
        self.ranges = [
            (first, second)
            for first, second in itertools.pairwise(self.slots)
            if RANGE.fullmatch(text[first.end : second.start])
        ]

    def span_at(self, place: int) -> tuple[int, int]:
        """Return begin and end of the sentence at ``place``."""
        return next((span for span in self.spans if place < span[1]), (0, len(self.text)))

    def around(self, span: tuple[int, int]) -> str:
        """Return the sentence and the one before it on the same line."""
        index = self.spans.index(span) if span in self.spans else 0
        begin = self.spans[index - 1][0] if index else span[0]
        before = self.text[begin : span[0]]
        return self.text[span[0] if "\n" in before else begin : span[1]]

    def without_slots(self) -> str:
        """Return the text with blanks for slots, so that places stay."""
        return SLOT.sub(lambda found: "\x00" * len(found.group()), self.text)


@functools.lru_cache(maxsize=512)
def _sentences(text: str) -> list[tuple[int, int]]:
    """Return begin and end of each sentence; a line break ends one."""
    found, start = [], 0
    for end in _END.finditer(text):
        if text[start : end.end()].strip():
            found.append((start, end.end()))
        start = end.end()
    if text[start:].strip():
        found.append((start, len(text)))
    return found


def direction(text: str, slot: Slot) -> int:
    """Return 1 or -1 for the sign that the words give the slot's figure; 0 if they leave it open.

    The words behind it count before those in front; none counts beyond its clause.
    """
    subject = subject_of(slot.name)
    if subject is None or not subject.signed:
        return 0
    behind = re.split(r"[,;.(){}]", text[slot.end : slot.sentence[1]][:24])[0][:_BEHIND]
    begin = max(slot.sentence[0], slot.start - _FRONT)
    front = re.split(r"[,;(){}\d]", text[begin : slot.start])[-1]
    if re.match(r"\s*(?:to|and|or|–|-)\b", behind):
        behind = ""
    signs = tuple(zip(DIRECTIONS[subject.signed], (1, -1), strict=True))
    after = [(found.start(), sign) for words, sign in signs for found in words.finditer(behind)]
    before = [(found.end(), sign) for words, sign in signs for found in words.finditer(front)]
    return min(after)[1] if after else max(before)[1] if before else 0


def pieces(text: str, facts: Mapping[str, Fact]) -> list[tuple[str, str | None]]:
    """Return the filled text in pieces: what is written, and the fact's id where it is a fact."""
    found: list[tuple[str, str | None]] = []
    end = 0
    for slot in Template(text).slots:
        if slot.name in facts:
            found += [(text[end : slot.start], None), (_written(text, slot, facts), slot.name)]
            end = slot.end
    return [*found, (text[end:], None)]


def fill(text: str, facts: Mapping[str, Fact]) -> str:
    """Return ``text`` with the facts in place of their slots; an unknown slot stays."""
    return "".join(written for written, _ in pieces(text, facts))


def _written(text: str, slot: Slot, facts: Mapping[str, Fact]) -> str:
    fact = facts[slot.name]
    if fact.is_number and fact.number < 0 and direction(text, slot):
        return fact.text.lstrip("-−")
    return fact.text
