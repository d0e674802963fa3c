"""The part of the page that acts for one reader: a missing forecast is made while they watch.

Its widgets take nothing from the browser: whoever wants another ticker asks for another page.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import ipywidgets as widgets

from stockcast.dashboard import page, products
from stockcast.errors import StockcastError
from stockcast.settings import Settings, parse_ticker
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    from stockcast.jobs import Task

__all__ = ["Area", "Session", "asked"]

_LOG = logging.getLogger(__name__)
#: Seconds between two looks at a task in the background.
POLL = 0.4


def asked(settings: Settings) -> str:
    """The ticker in the address that Voila was asked for; the profile's first without any."""
    found = parse_qs(os.environ.get("QUERY_STRING", "")).get("ticker")
    return parse_ticker(found[-1]) if found else settings.tickers[0]


class Area(widgets.HTML):  # type: ignore[misc]  # ipywidgets is not typed
    """A part of the page that only the kernel writes."""

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Take over nothing."""


class Session:
    """Makes the forecast of one ticker, and shows it.

    Args:
        settings: of the profile whose products are shown.
        ticker: whose forecast is missing.
    """

    def __init__(self, settings: Settings, ticker: str) -> None:
        self._settings, self.ticker = settings, ticker
        self.notice, self.view = Area(), Area()
        self.notice.add_class("stockcast-notice")
        self.view.add_class("stockcast-view")
        self._draw()

    def show(self) -> None:
        """Display the parts, and make the forecast if there is none."""
        from IPython.display import display

        display(self.notice, self.view)  # type: ignore[no-untyped-call]  # IPython is not typed
        if not Workspace.of(self._settings).forecast(self.ticker).exists():
            self._task = asyncio.get_running_loop().create_task(self.make())

    async def make(self) -> None:
        """Start what makes the forecast, follow it, and show what came of it."""
        try:
            await self._make()
        except StockcastError as error:
            self._say(str(error), "fault")
        except Exception:  # whatever it was, the reader gets a sentence and the log the rest
            _LOG.exception("The forecast of %s could not be made.", self.ticker)
            self._say("This could not be shown; the server's log says why.", "fault")

    async def _make(self) -> None:
        from stockcast import jobs

        self._say(f"There is no forecast of {self.ticker} yet; its prices are being looked up.")
        # in a thread, since it reads prices
        task: Task | None = await asyncio.to_thread(jobs.start, self._settings, self.ticker)
        while task is not None and task.running:
            self.notice.value = page.progress(task)
            await asyncio.sleep(POLL)
            task = jobs.status(self._settings, task.task_id)
        self._draw()
        if task is not None and task.status == "completed":
            self._say(f"The forecast of {self.ticker} is made.", "done")
            return
        why = task and task.reason
        unknown = f"The forecast of {self.ticker} was not made, and nobody knows why."
        self._say(why or unknown, "fault")

    def _draw(self) -> None:
        dossier = products.read(self._settings, self.ticker)
        self.view.value = page.view(self._settings, dossier)

    def _say(self, text: str, kind: str = "note") -> None:
        self.notice.value = page.sentence(text, kind)
