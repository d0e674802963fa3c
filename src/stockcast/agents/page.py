"""The report as one markdown page, and what keeps a stranger's text from becoming part of it.

Model output and headlines are plain text here: markup is taken out before anything is checked, and
what is left of markdown's and HTML's own characters is made harmless when the page is put together.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from stockcast.agents.facts import FactTable
from stockcast.agents.markup import without_markup, without_tags
from stockcast.agents.state import ROLES, SECTIONS
from stockcast.agents.writer import NAME
from stockcast.contracts.report import Grounding, Report, Writer

__all__ = ["ABOUT", "page", "parts_of", "tidy"]

ABOUT = "About This Report"

_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_BULLET = re.compile(r"^\s*(?:[-•*–]|\d{1,2}[.)])\s+(?=\S)", re.MULTILINE)
_TITLE = re.compile(r"^\s*#{1,6}\s*", re.MULTILINE)
_SLOT = re.compile(r"\{{1,3} ?([a-z][a-z0-9_]{0,40}) ?(?::[^{}\n]{0,12})?\}{1,3}")


def tidy(text: str) -> str:
    """Return a model's text as plain lines: no markup, no control characters, ``- `` for bullets.

    Slots stay, however many braces or formats a model gives them.
    """
    text = unicodedata.normalize("NFC", without_markup(text))
    text = "".join(
        " " if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zs", "Zl", "Zp") else c
        for c in text
    )
    text = _BULLET.sub("- ", _TITLE.sub("", _LINK.sub(r"\1", without_tags(text))))
    text = _SLOT.sub("\x02\\1\x03", text)
    text = re.sub(r"[`*#|<>~\\{}]|__", "", text).replace("\x02", "{").replace("\x03", "}")
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line.strip(" -"))


def page(report: Report, facts: FactTable) -> str:
    """Return the whole report as markdown."""
    sections = report.sections
    parts = [f"# {_safe(sections['headline'])}", _header(facts, report.stance, report.confidence)]
    for name, title in SECTIONS.items():
        body = _paragraphs(sections[name])
        if name == "rationale":
            chosen = f"**Market Stance:** {report.stance}\n\n**Confidence:** {report.confidence}"
            body = f"{chosen}\n\n**Rationale:** {body}"
        parts += [f"## {title}", body]
    return "\n\n".join([*parts, f"## {ABOUT}", _about(report, facts)]) + "\n"


def _header(facts: FactTable, stance: str, confidence: str) -> str:
    """Return the line below the title: whose report, of which day, at which price."""
    ticker = facts["ticker"].text
    company = facts["company"].text if "company" in facts else ticker
    name = ticker if company == ticker else f"{company} ({ticker})"
    return _safe(
        f"{name} · as of {facts['as_of'].text} · last close {facts['last_close'].text} · "
        f"{stance}, {confidence} confidence"
    )


def _about(report: Report, facts: FactTable) -> str:
    """Return who wrote the report, what was checked and struck, and what it was made from."""
    model = report.model
    lines = [
        *_authors(report.writer),
        _checked(report.grounding, len(facts)),
        f"Prices: {report.source}, data hash {report.data_hash}. "
        f"Model: {model.kind}, version {model.version}.",
    ]
    if report.freshness:
        lines.append(report.freshness)
    if report.news.withheld or report.news.unusable:
        lines.append(
            f"News left out: {report.news.withheld} that read like instructions, "
            f"{report.news.unusable} without a usable date or title."
        )
    return "\n".join(f"- {_safe(line)}" for line in lines)


def parts_of(markdown: str) -> list[tuple[str, str]]:
    """Return heading and text of each part of a page, in order; the first is the headline's."""
    found = re.split(r"^(#{1,2} .*)$", markdown, flags=re.MULTILINE)
    lead = [("", found[0].strip())] if found[0].strip() else []
    return lead + [
        (heading.strip(), text.strip())
        for heading, text in zip(found[1::2], found[2::2], strict=True)
    ]


def _authors(writer: Writer) -> list[str]:
    if writer.model is None:
        return [f"Written by the {NAME}, since no language model is configured."]
    parts = writer.parts
    by_model = [role for role in ROLES if parts[role]["by"] != NAME]
    lines = [f"Written by {writer.model}: {_names(by_model)}."] if by_model else []
    for role in ROLES:
        if parts[role]["why"]:
            lines.append(
                f"Written without a language model: {_names([role])}, because {parts[role]['why']}."
            )
    replaced = writer.replaced
    if set(replaced) >= {*SECTIONS, "headline"}:
        why = next(iter(replaced.values()))
        return [f"Written without a language model: the whole text, because {why}."]
    for name, why in replaced.items():
        title = SECTIONS.get(name, name.replace("_", " ").capitalize())
        lines.append(f"Written without a language model: {title}, because {why}.")
    return lines


def _names(roles: Sequence[str]) -> str:
    return ", ".join(f"the {role.replace('_', ' ')}'s part" for role in roles)


def _checked(grounding: Grounding, facts: int) -> str:
    line = f"{grounding.matched} claims were put in by code from {facts} facts"
    struck = grounding.struck
    if not struck:
        return f"{line}; nothing was struck."
    # what was struck is not told again here; the JSON of the report has it
    where = {flag.section: SECTIONS.get(flag.section, "Headline") for flag in struck}
    return f"{line}; {len(struck)} others were struck from {', '.join(where.values())}."


def _paragraphs(text: str) -> str:
    """Return lines as paragraphs; bullets stay together."""
    found: list[str] = []
    for line in filter(None, (line.strip() for line in text.split("\n"))):
        bullet = "- " if line.startswith("- ") else ""
        shown = bullet + _safe(line.removeprefix("- "))
        if bullet and found and found[-1].startswith("- "):
            found[-1] += f"\n{shown}"
        else:
            found.append(shown)
    return "\n\n".join(found)


def _safe(text: str) -> str:
    """Return ``text`` with nothing in it that markdown or HTML would act on."""
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text)
    text = text.replace("<", "&lt;").replace(">", "&gt;").replace("[", "(").replace("]", ")")
    text = re.sub(r"[`*|]", "", text).replace("\n", " ")
    text = re.sub(r"(?<!\w)_|_(?!\w)", "", text)
    return re.sub(r"^(\s*)([#+=-])", r"\1\\\2", text)
