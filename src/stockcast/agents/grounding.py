"""Checks prose against the facts, puts right what can be, and strikes what cannot.

A sentence with a claim that no fact bears out does not reach a reader. Where the words leave no
doubt which fact is meant, the figure is replaced by the fact's; else the sentence goes, and the
report lists it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from stockcast.agents import stance as stances
from stockcast.agents.claims import Claim, Prose, without_references
from stockcast.agents.facts import FactTable
from stockcast.agents.matching import Match, matches
from stockcast.agents.prompt_injection import gives_orders
from stockcast.agents.wording import opposites
from stockcast.contracts.report import Fact, Flag, Grounding, Reference, Repair

__all__ = ["Grounded", "check", "describe", "ground", "quotable"]

#: Shorter texts are words, not quotations.
_SHORTEST = 12
#: Tickers that prose is read to hold as such: AAPL, ^GSPC, BRK.B; 7203.T is not one.
_PLAIN_TICKER = re.compile(r"\^?[A-Z]{1,8}(?:[.-][A-Z]{1,2})?")

Sections = Mapping[str, str]


@dataclass(frozen=True)
class Grounded:
    """Prose in which every claim is borne out, and what was done to make it so."""

    sections: dict[str, str]
    matched: int
    struck: list[Flag] = field(default_factory=list)
    repaired: list[Repair] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)

    def account(self) -> Grounding:
        """Return how many claims were checked, and each that did not hold."""
        return Grounding(
            checked=self.matched + len(self.struck),
            matched=self.matched,
            struck=tuple(self.struck),
            repaired=tuple(self.repaired),
            references=tuple(self.references),
        )


def check(
    sections: Sections, facts: FactTable, stance: str | None = None, confidence: str | None = None
) -> list[Flag]:
    """Return every claim that no fact bears out; stances count when ``stance`` is given."""
    return [found.flag for found in _Checker(facts, stance, confidence).failures(sections)]


def ground(sections: Sections, facts: FactTable, stance: str, confidence: str) -> Grounded:
    """Repair and strike until every claim left is borne out; references leave the text."""
    checker = _Checker(facts, stance, confidence)
    current = dict(sections)
    repaired = [done for name in current for done in checker.repair(name, current)]
    struck: list[Flag] = []
    while failures := checker.failures(current):
        # what is struck changes what the next sentence follows, so look again
        struck += [failure.flag for failure in failures]
        for name in {failure.flag.section for failure in failures}:
            spans = {failure.span for failure in failures if failure.flag.section == name}
            current[name] = _cut(current[name], spans)
    references = [
        Reference(section=name, text=match.claim.text, fact=str(match.fact))
        for name, text in current.items()
        for match in checker.look(text).found
        if match.claim.kind != "reference"
    ]
    plain = {name: without_references(text) for name, text in current.items()}
    return Grounded(plain, len(references), struck, repaired, references)


def describe(flags: Sequence[Flag]) -> list[str]:
    """Return each flag in a line that a critic can act on."""
    return [f"{f.section}: {f.text!r} in “{f.sentence}”: {f.why}" for f in flags]


def quotable(facts: FactTable) -> list[tuple[str, str]]:
    """Return the texts that are facts word for word, with their ids."""
    return [
        (str(fact.value), fact.id)
        for fact in facts.values()
        if fact.unit == "text" and _is_quotable(fact)
    ]


def _is_quotable(fact: Fact) -> bool:
    """Long texts, versions, and a ticker in which prose would see a number or another one."""
    if fact.id == "ticker":
        return not _PLAIN_TICKER.fullmatch(fact.text)
    return len(fact.text) >= _SHORTEST or (fact.id == "model_version" and len(fact.text) > 5)


class _Failure(NamedTuple):
    flag: Flag
    span: tuple[int, int]  #: the sentence, in the text as written


class _Look(NamedTuple):
    prose: Prose
    found: list[Match]


#: What was found in a text, by fact table and text: a draft is looked at by critic and striker.
_seen: dict[tuple[int, str], _Look] = {}
_REMEMBERED = 256


class _Checker:
    """Checks texts against one fact table, each text once."""

    def __init__(self, facts: FactTable, stance: str | None, confidence: str | None) -> None:
        self._facts, self._stance, self._confidence = facts, stance, str(confidence)
        self._quotes = quotable(facts)

    def look(self, text: str) -> _Look:
        """Return the claims of ``text`` and what bears them out."""
        key = (self._facts.key, text)
        if key not in _seen:
            if len(_seen) >= _REMEMBERED:
                _seen.clear()
            prose = Prose(text, self._quotes)
            _seen[key] = _Look(prose, matches(prose, self._facts))
        return _seen[key]

    def failures(self, sections: Sections) -> list[_Failure]:
        """Return what no fact bears out."""
        return [failure for name, text in sections.items() for failure in self._of(name, text)]

    def repair(self, name: str, sections: dict[str, str]) -> list[Repair]:
        """Replace figures and dates whose fact is beyond doubt; change ``sections`` in place."""
        text = sections[name]
        prose, found = self.look(text)
        wrong = [match for match in found if match.fact is None and match.instead]
        done = []
        for match in sorted(wrong, key=lambda match: -match.claim.start):
            written = _rewrite(match.claim, self._facts[str(match.instead)])
            start, end = prose.place(match.claim.start), prose.place(match.claim.end, behind=False)
            text = text[:start] + written + text[end:]
            done.append(Repair(section=name, text=match.claim.text, became=written))
        if len(list(self._of(name, text))) >= len(list(self._of(name, sections[name]))):
            return []
        sections[name] = text
        return done

    def _of(self, name: str, text: str) -> Iterator[_Failure]:
        prose, found = self.look(text)
        for match in found:
            if match.fact is None:
                yield self._failure(name, prose, match.claim.sentence, match.claim, match.why)
        for span in prose.spans:
            said = prose.text[slice(*span)]
            if gives_orders(said):
                yield self._failure(
                    name, prose, span, Claim("order", said, *span), "an instruction"
                )
        for start, words, why in opposites(prose.text, self._facts):
            if not _quoted(prose, start):
                span = next(s for s in prose.spans if start < s[1])
                yield self._failure(name, prose, span, Claim("word", words, start, start), why)
        if self._stance is not None:
            yield from self._contradictions(name, prose)

    def _contradictions(self, name: str, prose: Prose) -> Iterator[_Failure]:
        move = self._facts.number(f"median_move_{self._facts.number('horizon'):.0f}")
        stance, confidence = str(self._stance), self._confidence
        for said in stances.contradictions(prose.text, stance, confidence, move):
            if _quoted(prose, said.start):
                continue
            span = next(s for s in prose.spans if said.start < s[1])
            claim = Claim("stance", said.text, said.start, said.end)
            why = f"says {said.says}, against {stance}, {confidence} confidence and the forecast"
            yield self._failure(name, prose, span, claim, why)

    def _failure(
        self, name: str, prose: Prose, span: tuple[int, int], claim: Claim, why: str
    ) -> _Failure:
        sentence = prose.text[slice(*span)].strip()
        where = (prose.place(span[0]) if span[0] else 0, prose.place(span[1]))
        flag = Flag(
            section=name, text=claim.text.strip(), sentence=sentence, kind=claim.kind, why=why
        )
        return _Failure(flag, where)


def _quoted(prose: Prose, place: int) -> bool:
    """Say whether ``place`` lies in a headline or another fact that is quoted word for word."""
    return any(
        claim.start <= place < claim.end
        for claim in prose.claims
        if claim.kind == "quote" and claim.ids
    )


def _rewrite(claim: Claim, fact: Fact) -> str:
    if claim.kind == "date" or not fact.is_number:
        return fact.text
    digits = f"{abs(fact.number) / claim.scale:,.{max(claim.decimals, 1)}f}"
    return re.sub(r"\d[\d,]*(?:\.\d+)?", digits, claim.text, count=1)


def _cut(text: str, spans: set[tuple[int, int]]) -> str:
    """Remove sentences, and the bullets that they leave empty."""
    for start, end in sorted(spans, reverse=True):
        newline = "\n" if "\n" in text[start:end] else ""
        text = text[:start].rstrip(" ") + newline + text[end:]
    lines = (line.rstrip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line.strip(" -•*")).strip()
