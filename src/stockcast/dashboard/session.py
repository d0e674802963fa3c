"""One visitor's dashboard: a ticker picker, and the page kept in step with the products.

Its widgets trust nothing that comes from the browser: the picker takes a text as its value and
nothing else, the others take nothing. A text that is no ticker changes nothing but the notice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from stockcast.dashboard import page, products
from stockcast.errors import StockcastError
from stockcast.settings import Settings, parse_ticker
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    from stockcast.jobs import Task

__all__ = ["Area", "Picker", "Session"]

_LOG = logging.getLogger(__name__)
#: Seconds between two looks at the products, and at a task in the background.
LOOK, POLL = 1.0, 0.4


class Picker(widgets.Combobox):  # type: ignore[misc]  # ipywidgets is not typed
    """The field for a ticker; of all its state the browser may set its text."""

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Take over ``value`` when it is a text that a ticker could be, and no other key."""
        value = sync_data.get("value") if isinstance(sync_data, Mapping) else None
        if isinstance(value, str) and len(value) <= 100:
            super().set_state({"value": value})


class Area(widgets.HTML):  # type: ignore[misc]  # ipywidgets is not typed
    """A part of the page that only the kernel writes."""

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Take over nothing."""


class Session:
    """The dashboard of one visitor.

    Args:
        settings: of the profile whose products are shown.
        ticker: shown first; the profile's first when there is none.
        heals: whether a ticker without a forecast is trained in the background.
    """

    def __init__(
        self, settings: Settings, ticker: str | None = None, *, heals: bool = True
    ) -> None:
        self._settings, self._heals = settings, heals
        self.ticker = ticker or settings.tickers[0]
        self.picker = Picker(
            value=self.ticker,
            description="Ticker",
            continuous_update=False,
            options=tuple(products.tickers(settings)),
        )
        self.notice, self.view, self.overview = Area(), Area(), Area()
        for name, widget in self._parts():
            widget.add_class(f"stockcast-{name}")
        self.picker.observe(self._chosen, "value")
        self._seen: tuple[int, ...] = ()
        self._task: str | None = None
        self._background: set[asyncio.Task[None]] = set()
        self.refresh()

    def show(self) -> None:
        """Display the parts, and keep them in step while the kernel lives."""
        from IPython.display import display

        for _, widget in self._parts():
            display(widget)  # type: ignore[no-untyped-call]  # IPython is not typed
        self._start(self._keep_in_step())

    def choose(self, text: str) -> None:
        """Show the ticker that ``text`` names, training it first when there is no forecast."""
        try:
            ticker = parse_ticker(text)
        except StockcastError as error:
            self._say(str(error), "fault")
            return
        self.ticker, self._task = ticker, None
        self.notice.value = ""
        self.refresh()
        if not Workspace.of(self._settings).forecast(ticker).exists():
            self._heal(ticker)

    def refresh(self) -> None:
        """Draw the ticker's tiles anew, and all tickers' table."""
        self._seen = products.signature(self._settings, self.ticker)
        dossier = products.read(self._settings, self.ticker)
        self.view.value = page.view(self._settings, dossier)
        self.overview.value = page.overview(self._settings)

    def _parts(self) -> Iterable[tuple[str, Any]]:
        names = ("picker", "notice", "view", "overview")
        return zip(names, (self.picker, self.notice, self.view, self.overview), strict=True)

    def _chosen(self, change: Mapping[str, Any]) -> None:
        try:
            self.choose(str(change["new"]))
        except Exception:  # whatever it was, the visitor gets a sentence and the log the rest
            _LOG.exception("The dashboard could not show %r.", change["new"])
            self._say("This could not be shown; the server's log says why.", "fault")

    def _say(self, text: str, kind: str = "note") -> None:
        self.notice.value = page.sentence(text, kind)

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)  # the loop itself holds no more than a weak reference
        task.add_done_callback(self._background.discard)

    async def _keep_in_step(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            if products.signature(self._settings, self.ticker) != self._seen:
                self._attempt(self.refresh)

    def _heal(self, ticker: str) -> None:
        if self._heals:
            self._say(f"There is no forecast of {ticker} yet; its prices are being looked up.")
            self._start(self._begin(ticker))
        else:
            self._say(f"There is no forecast of {ticker}; stockcast forecast {ticker} makes one.")

    async def _begin(self, ticker: str) -> None:
        from stockcast import jobs

        try:  # in a thread, since it reads prices
            task = await asyncio.to_thread(jobs.start, self._settings, ticker)
        except StockcastError as error:
            if self.ticker == ticker:
                self._say(str(error), "fault")
            return
        if self.ticker == ticker:
            self._task = task.task_id
            self.notice.value = page.progress(task)
            await self._follow(task.task_id, ticker)

    async def _follow(self, task_id: str, ticker: str) -> None:
        from stockcast import jobs

        while self._task == task_id:
            await asyncio.sleep(POLL)
            try:
                task = jobs.status(self._settings, task_id)
            except StockcastError as error:
                self._say(str(error), "fault")
                return
            if task is None or not task.running:
                self._finish(task, ticker)
            else:
                self.notice.value = page.progress(task)

    def _finish(self, task: Task | None, ticker: str) -> None:
        self._task = None
        self._attempt(self.refresh)
        if task is not None and task.status == "completed":
            self._say(f"The forecast of {ticker} is made.", "done")
        else:
            why = task and task.reason
            self._say(
                why or f"The forecast of {ticker} was not made, and nobody knows why.", "fault"
            )

    def _attempt(self, work: Any) -> None:
        try:
            work()
        except Exception:  # the next look may find the product whole
            _LOG.exception("The dashboard could not be brought up to date.")
