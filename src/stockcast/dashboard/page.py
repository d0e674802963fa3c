"""Puts a dossier on the page: the tiles say what, the templates say it in markup.

The templates escape every text they are given, whoever wrote it: headlines, tickers and a model's
sentences reach the browser as text.
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
from typing import TYPE_CHECKING

from jinja2 import Environment

from stockcast.contracts import numbers
from stockcast.dashboard import products
from stockcast.dashboard.products import Dossier
from stockcast.dashboard.tiles import TILES, Make
from stockcast.presentation import svg_charts
from stockcast.presentation.templates import environment
from stockcast.settings import HOME, Settings
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    from stockcast.jobs import Task

__all__ = ["TEMPLATES", "overview", "progress", "sentence", "shell", "view"]

_LOG = logging.getLogger(__name__)
#: Markup, style and script of the page, and Voila's own template beside them.
TEMPLATES = HOME / "dashboards" / "voila" / "templates" / "stockcast"
#: Where a part belongs that is not rendered with the rest; no text that is shown has such a line.
_GAP = "<!-- gap -->"


def view(settings: Settings, dossier: Dossier) -> str:
    """Return the tiles of one ticker as HTML. What is damaged spoils its own tile and no other."""
    tiles = [
        _tile(name, title, settings=settings, d=dossier, make=make)
        for name, (title, make) in TILES.items()
    ]
    return _render("view.html.j2", d=dossier, tiles=tiles)


def _tile(name: str, title: str, *, settings: Settings, d: Dossier, make: Make) -> str:
    try:
        return _render(f"tiles/{name}.html.j2", settings=settings, d=d, **make(settings, d))
    except products.UNUSABLE as error:
        _LOG.warning("The %s of %s cannot be shown: %r", name, d.ticker, error)
        return _render("tiles/damaged.html.j2", name=name, title=title, d=d)


def overview(settings: Settings) -> str:
    """Return the table of all tickers as HTML."""
    rows = products.rows(settings)
    # a forecast whose interval is one price has no reach of its own
    reach = max((max(_move(row.q90, row), -_move(row.q10, row)) for row in rows), default=0) or 1.0
    return _render(
        "overview.html.j2",
        rows=[
            {
                "row": row,
                "low": round(50 + 50 * _move(row.q10, row) / reach, 2),
                "mid": round(50 + 50 * _move(row.q50, row) / reach, 2),
                "high": round(50 + 50 * _move(row.q90, row) / reach, 2),
                "move": 100 * _move(row.q50, row),
            }
            for row in rows
        ],
        reach=100 * reach,
        page=Workspace.of(settings).page("analysis").with_suffix(".html").exists(),
        missing=[t for t in settings.tickers if t not in {row.ticker for row in rows}],
        tickers=products.tickers(settings),
    )


def progress(task: Task) -> str:
    """Return how far a task in the background has come, as HTML."""
    return _render("progress.html.j2", task=task)


def sentence(text: str, kind: str = "note") -> str:
    """Return one sentence for the reader as HTML; ``kind`` is note or fault."""
    return _render("sentence.html.j2", text=text, kind=kind)


def shell(
    settings: Settings,
    ticker: str,
    *,
    static: str,
    live: bool = False,
    acts: bool = False,
    notice: str | None = None,
    tags: tuple[str, str] = ("", ""),
) -> list[str]:
    """Return the document around the tiles and the table of all tickers: before, between, after.

    Args:
        settings: of the profile.
        ticker: whose tiles.
        static: where style and script are served, with a slash at its end.
        live: whether a kernel will take over, so that the document is open at its end.
        acts: whether a missing forecast is made for who asks for it.
        notice: a sentence to begin with.
        tags: of tiles and table, by which the script asks for newer ones.
    """
    text = _render(
        "shell.html.j2",
        settings=settings,
        ticker=ticker,
        static=static,
        live=live,
        acts=acts,
        notice=notice,
        tags=tags,
        gap=_GAP,
    )
    return text.split(_GAP)


def _move(price: float, row: products.Row) -> float:
    return price / row.last_close - 1


@functools.lru_cache(maxsize=1)
def _environment() -> Environment:
    found = environment(
        TEMPLATES,
        price=numbers.price,
        signed=lambda v, digits=1: f"{v:+z.{digits}f}".replace("-", "−"),
        percent=lambda v, digits=1: f"{100 * v:.{digits}f}%",
        blank=lambda value: "" if value is None else value,
        better=_better,
        day=_day,
        moment=lambda at: at.astimezone(dt.UTC).isoformat(timespec="seconds"),
        ago=_ago,
        spelled=lambda at: f"{at:%Y-%m-%d %H:%M} UTC",
    )
    found.globals.update(RANGES=svg_charts.RANGES)
    return found


def _ago(at: dt.datetime) -> str:
    """How long ago; the page's script goes on with the same words."""
    seconds = (dt.datetime.now(dt.UTC) - at).total_seconds()
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def _better(ratio: float) -> str:
    gain = 100 * (1 - ratio)
    return f"{abs(gain):.1f}% {'lower' if gain >= 0 else 'higher'}"


def _day(day: dt.date) -> str:
    return f"{day.day} {day:%b %Y}"


def _render(template: str, **context: object) -> str:
    return _environment().get_template(template).render(**context)
