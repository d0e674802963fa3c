"""Renders an executed notebook as one HTML file that requests nothing from the network.

The page carries a content security policy that forbids every script and every request, and what
a notebook shows as HTML or markdown is cleaned before, so that text from prices or news stays text.
"""

from __future__ import annotations

import base64
import functools
import html
import re
import threading
from pathlib import Path
from typing import Any

from stockcast.pipeline import pictures

__all__ = ["LIMIT", "page"]

#: Bytes that a page should stay below.
LIMIT = 1_500_000

_HERE = Path(__file__).parent
_LOCK = threading.Lock()  # an exporter keeps the notebook that it is at work on

_TAGS = frozenset(
    re.findall(
        r"\w+",
        "a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption"
        " figure h1 h2 h3 h4 h5 h6 hr i img li ol p pre s small span strong sub summary sup table"
        " tbody td tfoot th thead tr tt u ul",
    )
)
_ATTRIBUTES: dict[str, Any] = {
    "*": ["class", "id", "title", "style"],
    "a": ["href"],
    "img": lambda _, name, value: (
        name in ("alt", "width", "height") or (name == "src" and value.startswith("data:image/"))
    ),
    "td": ["colspan", "rowspan"],
    "th": ["colspan", "rowspan", "scope"],
}
_CSS = ["color", "background-color", "text-align", "font-weight", "width"]
_HEADING = re.compile(r"<h([1-4])[^>]*>(.*?)</h\1>", re.DOTALL)
#: pandas sends a style sheet along with each frame; the page has its own
_STYLE_SHEET = re.compile(r"<style\b.*?</style\s*>", re.DOTALL | re.IGNORECASE)
_PICTURE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
_MARK = re.compile(r'<a class="anchor-link".*?</a>', re.DOTALL)


def page(notebook: Any) -> str:
    """Return the executed ``notebook`` as one HTML document.

    Its header shows what the runner left in ``notebook.metadata.stockcast``. A page above
    :data:`LIMIT` is made again with its pictures packed tighter.
    """
    document = _export(notebook)
    return document if len(document) <= LIMIT else _PICTURE.sub(_as_webp, document)


def _export(notebook: Any) -> str:
    about = dict(notebook.metadata.get("stockcast", {}))
    notebook = _without_markers(notebook)
    with _LOCK:
        exporter = _exporter()
        resources = {
            "page": {
                "title": f"{about.get('task', 'notebook')} ({about.get('profile', '')})",
                "css": _style(),
                "facts": _facts(about),
                "failure": about.get("failure"),
                "failing": _failing(notebook),
                "contents": _contents(notebook, exporter),
            }
        }
        # HTMLExporter would parse the whole page once more to label pictures, as is done here
        # while they are written
        from nbconvert.exporters import TemplateExporter

        document, _ = TemplateExporter.from_notebook_node(exporter, notebook, resources)
    return str(document)


def _as_webp(found: re.Match[str]) -> str:
    return f"data:image/webp;base64,{pictures.webp(found[1])}"


def _without_markers(notebook: Any) -> Any:
    """Drop the cells that Papermill puts around a failing one; the page has its own."""
    marked = "papermill-error-cell-tag"
    cells = [cell for cell in notebook.cells if marked not in cell.metadata.get("tags", ())]
    return type(notebook)({**notebook, "cells": cells})


def _facts(about: dict[str, Any]) -> list[tuple[str, str]]:
    names = {
        "profile": "Profile",
        "stage": "Stage",
        "ticker": "Ticker",
        "run_id": "Run",
        "data_hash": "Data hash",
        "version": "Version",
        "finished_at": "Finished",
        "seconds": "Seconds",
    }
    facts = {**about, "finished_at": _minute(about.get("finished_at"))}
    return [(title, str(facts[key])) for key, title in names.items() if facts.get(key) is not None]


def _minute(stamp: str | None) -> str | None:
    return f"{stamp[:10]} {stamp[11:16]} UTC" if stamp else None


def _failing(notebook: Any) -> int | None:
    for index, cell in enumerate(notebook.cells):
        if any(output.output_type == "error" for output in cell.get("outputs", ())):
            return index
    return None


def _contents(notebook: Any, exporter: Any) -> list[tuple[int, str, str]]:
    """Return level, anchor and text of each heading."""
    found = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            text = exporter.anchored(cell.source, index)
            for number, (level, inner) in enumerate(_HEADING.findall(text)):
                plain = html.unescape(re.sub(r"<[^>]+>", "", inner)).strip()
                found.append((int(level), _anchor(index, number), plain))
    return found


def _anchor(cell: int, heading: int) -> str:
    return f"c{cell}-{heading}"


def _alternative(output: Any, cell: Any, kind: str) -> str:
    """Return what a picture shows, for who cannot see it: what the notebook says, or that it is
    one."""
    given = output.get("metadata", {}).get(kind, {}).get("alt") or cell.metadata.get("alt")
    return html.escape(given or "Figure")


@functools.cache
def _style() -> str:
    from pygments.formatters import HtmlFormatter

    def code(style: str) -> str:
        rules = HtmlFormatter(style=style).get_style_defs(".highlight").splitlines()
        return "\n".join(rule for rule in rules if "background" not in rule)

    dark = f"@media (prefers-color-scheme: dark) {{\n{code('github-dark')}\n}}"
    return "\n".join([(_HERE / "report" / "report.css").read_text("utf-8"), code("default"), dark])


@functools.cache
def _exporter() -> Any:
    from bleach.css_sanitizer import CSSSanitizer
    from bleach.sanitizer import Cleaner
    from nbconvert.exporters import HTMLExporter
    from nbconvert.filters import Highlight2HTML, markdown2html

    cleaner = Cleaner(
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        protocols={"http", "https", "mailto", "data"},
        css_sanitizer=CSSSanitizer(allowed_css_properties=_CSS),
    )

    class Report(HTMLExporter):  # type: ignore[misc]  # nbconvert is not typed
        """Exports with the template beside this module."""

        def cleaned(self, text: str) -> str:
            """Return HTML without what could run or ask; other markup is shown as text."""
            return str(cleaner.clean(_STYLE_SHEET.sub("", text)))

        def anchored(self, source: str, cell: int | None) -> str:
            """Return markdown as clean HTML, its headings marked for the table of contents."""
            text = self.cleaned(markdown2html(source))
            numbers = iter(range(len(text)))

            def mark(found: re.Match[str]) -> str:
                level, inner = found[1], _MARK.sub("", found[2])
                anchor = "" if cell is None else f' id="{_anchor(cell, next(numbers))}"'
                return f"<h{level}{anchor}>{inner}</h{level}>"

            return _HEADING.sub(mark, text)

        def picture(self, output: Any, cell: Any, kind: str) -> str:
            """Return a picture with its alternative text, whatever its data hold."""
            data = output.data[kind]
            if kind == "image/svg+xml":
                data = base64.b64encode(data.encode()).decode()
            data = re.sub(r"[^A-Za-z0-9+/=]", "", data)
            return f'<img src="data:{kind};base64,{data}" alt="{_alternative(output, cell, kind)}">'

        def default_filters(self) -> Any:
            yield from super().default_filters()
            yield "cleaned", self.cleaned
            yield "anchored", self.anchored
            yield "picture", self.picture
            yield "highlight_code", Highlight2HTML(pygments_lexer="ipython3", parent=self)

    return Report(extra_template_basedirs=[str(_HERE)], template_name="report")
