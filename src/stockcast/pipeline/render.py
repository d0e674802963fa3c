"""Renders an executed notebook as one HTML file that requests nothing from the network.

The page carries a content security policy that forbids every script and every request, and what
a notebook shows as HTML or markdown is cleaned before, so that text from prices or news stays text.
"""

from __future__ import annotations

import base64
import binascii
import functools
import html
import io
import itertools
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from stockcast.presentation.templates import STYLE, environment

__all__ = ["LIMIT", "pack", "page"]

#: Bytes that a page should stay below.
LIMIT = 1_500_000

_PNG = "image/png"
_HERE = Path(__file__).parent
_LOCK = threading.Lock()  # bleach keeps the text that it is at work on

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
#: What pandas writes into a table's tags and pages leave out.
_LEFT_OUT = re.compile(r'(<table|<th rowspan="\d+")(?: border="1"| valign="top")')
_TABLE = re.compile(
    r"(?:[^<>&]|&(?:amp|lt|gt);|</?(?:details|div|summary|table|tbody|td|th|thead|tr)>"
    r'|<(?:table class="dataframe"|th rowspan="\d+"|tr style="text-align: right;")>)*+'
)
_TAG = re.compile(r"<(/?)(\w+)")
_PICTURE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
#: Forms of a result, the best first.
_KINDS = (
    "text/html",
    "text/markdown",
    "image/svg+xml",
    "text/latex",
    "image/png",
    "image/jpeg",
    "text/plain",
)
#: Cells kept as HTML: those of a stage are the same for all tickers, but for one.
_KEPT = 512
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
    cells = _without_markers(notebook.cells)
    with _LOCK:
        text = (
            _templates()
            .get_template("notebook.html.j2")
            .render(
                cells=cells,
                page={
                    "title": f"{about.get('task', 'notebook')} ({about.get('profile', '')})",
                    "css": _style(),
                    "facts": _facts(about),
                    "failure": about.get("failure"),
                    "failing": _failing(cells),
                    "contents": _contents(cells),
                },
            )
        )
    return str(text)


def _as_webp(found: re.Match[str]) -> str:
    return f"data:image/webp;base64,{_webp(found[1])}"


def _without_markers(cells: Iterable[Any]) -> list[Any]:
    """Drop the cells that Papermill puts around a failing one; the page has its own."""
    marked = "papermill-error-cell-tag"
    return [cell for cell in cells if marked not in cell.metadata.get("tags", ())]


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


def _failing(cells: Iterable[Any]) -> int | None:
    for index, cell in enumerate(cells):
        if any(output.output_type == "error" for output in cell.get("outputs", ())):
            return index
    return None


def _contents(cells: Iterable[Any]) -> list[tuple[int, str, str]]:
    """Return level, anchor and text of each heading."""
    found = []
    for index, cell in enumerate(cells):
        if cell.cell_type == "markdown":
            headings = _HEADING.findall(_anchored(cell.source, index))
            for number, (level, inner) in enumerate(headings):
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
    return "\n".join([STYLE.read_text("utf-8"), code("default"), dark])


@functools.cache
def _templates() -> Environment:
    return environment(
        _HERE / "templates",
        anchored=_anchored,
        highlighted=_highlighted,
        plain=_plain,
        shown=_shown,
    )


@functools.cache
def _cleaner() -> Any:
    from bleach.css_sanitizer import CSSSanitizer
    from bleach.sanitizer import Cleaner

    return Cleaner(
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        protocols={"http", "https", "mailto", "data"},
        css_sanitizer=CSSSanitizer(allowed_css_properties=_CSS),
    )


def _cleaned(text: str) -> str:
    """HTML without what could run or ask; other markup is shown as text."""
    text = _LEFT_OUT.sub(r"\1", _STYLE_SHEET.sub("", text))
    return text if _is_table(text) else str(_cleaner().clean(text))


def _is_table(text: str) -> bool:
    """Whether ``text`` is a table as pandas writes it, which needs no cleaning."""
    if not _TABLE.fullmatch(text):
        return False
    opened: list[str] = []
    for closes, name in _TAG.findall(text):
        if not closes:
            opened.append(name)
        elif not opened or opened.pop() != name:
            return False
    return not opened


@functools.lru_cache(maxsize=_KEPT)
def _anchored(source: str, cell: int | None) -> Markup:
    """Markdown as clean HTML, its headings marked for the table of contents."""
    from nbconvert.filters import markdown2html

    numbers = itertools.count()

    def mark(found: re.Match[str]) -> str:
        level, inner = found[1], _MARK.sub("", found[2])
        anchor = "" if cell is None else f' id="{_anchor(cell, next(numbers))}"'
        return f"<h{level}{anchor}>{inner}</h{level}>"

    return _safe(_HEADING.sub(mark, _cleaned(markdown2html(source))))


@functools.lru_cache(maxsize=_KEPT)
def _highlighted(source: str) -> Markup:
    """Python as HTML."""
    from nbconvert.filters import Highlight2HTML

    return _safe(Highlight2HTML(pygments_lexer="ipython3")(source))


def _plain(text: str) -> Markup:
    """A terminal's text as HTML."""
    from nbconvert.filters import ansi2html

    return _safe(ansi2html(text))


def _shown(output: Any, cell: Any) -> Markup:
    """The best of the forms that a cell gave its result."""
    kind = next((kind for kind in _KINDS if kind in output.data), None)
    if kind is None:
        return _safe("")
    if kind.startswith("image/"):
        return _safe(_picture(output, cell, kind))
    text = output.data[kind]
    if kind == "text/html":
        return _safe(f'<div class="html" tabindex="0">{_cleaned(text)}</div>')
    if kind == "text/markdown":
        return _safe(f'<div class="text">{_anchored(text, None)}</div>')
    said = html.escape(text) if kind == "text/latex" else _plain(text)
    return _safe(f'<pre class="out">{said}</pre>')


def _picture(output: Any, cell: Any, kind: str) -> str:
    """A picture with its alternative text, whatever its data hold."""
    data = output.data[kind]
    if kind == "image/svg+xml":
        data = base64.b64encode(data.encode()).decode()
    data = re.sub(r"[^A-Za-z0-9+/=]", "", data)
    return f'<img src="data:{kind};base64,{data}" alt="{_alternative(output, cell, kind)}">'


def _safe(text: str) -> Markup:
    return Markup(text)  # each caller has cleaned or escaped it  # noqa: S704  # nosec B704


def pack(notebook: Any) -> None:
    """Give the charts of ``notebook`` a palette, which takes a third of their bytes, in place."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if isinstance(data.get(_PNG), str):
                data[_PNG] = _packed(data[_PNG])


def _webp(picture: str) -> str:
    """Return a picture (base64) as WebP (base64): smaller than any PNG, and not exact."""
    from PIL import Image

    packed = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        image.thumbnail((1600, 4000))
        image.save(packed, "WEBP", quality=80)
    return base64.b64encode(packed.getvalue()).decode()


def _packed(picture: str) -> str:
    from PIL import Image

    from stockcast.presentation.chart import as_png  # which brings matplotlib

    try:
        with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
            if image.mode == "P":  # it has a palette
                return picture
            smaller = base64.b64encode(as_png(image)).decode()
    except (OSError, binascii.Error):  # no picture, whatever it says
        return picture
    return min(picture, smaller, key=len)
