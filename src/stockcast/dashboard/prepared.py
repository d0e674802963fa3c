"""Keeps each page as long as the products that it shows stay as they are, for every reader."""

from __future__ import annotations

import asyncio
import functools
import gzip
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from stockcast.dashboard import page, products
from stockcast.dashboard.rendering import Renderer, RenderingFailed
from stockcast.settings import Settings

__all__ = ["Part", "Prepared", "packed"]

_LOG = logging.getLogger(__name__)
#: Seconds between two looks at the products, which is one look for all readers.
LOOK = 1.0
#: Pages in the making, beyond which those of tickers without products are refused: nobody is to
#: keep the kernel from the others by asking for names.
CROWD = 32
#: Fast: a page is packed once and sent often, but somebody waits for the first.
PACKING = 1


@dataclass(frozen=True)
class Part:
    """HTML as it is sent, and a tag that changes with the content."""

    html: bytes

    @functools.cached_property
    def tag(self) -> str:
        """Names the content."""
        return hashlib.sha256(self.html).hexdigest()[:16]


@functools.lru_cache(maxsize=128)
def packed(html: bytes) -> bytes:
    """``html`` as a gzip file; the pages asked for last are not compressed again."""
    return gzip.compress(html, PACKING, mtime=0)


class Prepared:
    """The tiles of each ticker and the table of all, rendered when first asked for.

    Args:
        settings: of the profile whose products are shown.
        render: renders a cell of the notebook.
        static: where style and script are served, with a slash at its end.
        acts: whether a reader may have a missing forecast made.
    """

    def __init__(self, settings: Settings, render: Renderer, *, static: str, acts: bool) -> None:
        self._settings, self._render = settings, render
        self._static, self._acts = static, acts
        self._seen = products.signatures(settings)
        self._kept: dict[str, tuple[object, Part]] = {}
        self._making: dict[str, tuple[object, asyncio.Task[Part]]] = {}
        self._failed: dict[str, object] = {}  # ticker -> the state that could not be rendered

    @property
    def ready(self) -> int:
        """How many tickers' tiles are kept as they are now."""
        states = self._seen.tiles.items()
        return sum(self._kept.get(f"tiles {name}", (None,))[0] == state for name, state in states)

    async def watch(self) -> None:
        """Look at the products again and again, for all readers at once.

        Between two looks that found the same, pages that nobody has asked for yet are rendered:
        while a run changes product after product, that would be in vain.
        """
        while True:
            await asyncio.sleep(LOOK)
            try:
                seen = await asyncio.to_thread(products.signatures, self._settings)
                quiet, self._seen = seen == self._seen, seen
                if quiet:
                    await self._ahead()
            except Exception:  # the next look may find them whole
                _LOG.exception("The products could not be looked at.")

    async def _ahead(self) -> None:
        """Render pages ahead of their readers, for as long as there is between two looks."""
        until = time.monotonic() + LOOK
        for ticker, state in self._seen.tiles.items():
            if time.monotonic() > until:
                return
            if state not in (
                self._kept.get(f"tiles {ticker}", (None,))[0],
                self._failed.get(ticker),
            ):
                try:
                    await self.tiles(ticker)
                except RenderingFailed:
                    self._failed[ticker] = state  # a reader who asks has it tried again

    async def tiles(self, ticker: str) -> Part:
        """Return the tiles of ``ticker``.

        Raises:
            RenderingFailed: they could not be rendered.
        """
        known = self._seen.tiles.get(ticker)
        state = known or await asyncio.to_thread(products.signature, self._settings, ticker)
        if known is None and len(self._making) >= CROWD:
            raise RenderingFailed("Too many pages are asked for at once: try again in a moment.")
        part = self._part(f"tiles {ticker}", state, lambda: self._rendered("tiles", ticker))
        return await part

    async def overview(self) -> Part:
        """Return the table of all tickers.

        Raises:
            RenderingFailed: it could not be rendered.
        """
        first = self._settings.tickers[0]
        return await self._part(
            "overview", self._seen.overview, lambda: self._rendered("overview", first)
        )

    async def page(
        self, ticker: str, *, live: bool = False, notice: str | None = None
    ) -> list[Part]:
        """Return the whole page of ``ticker``, open at its end where ``live``.

        Raises:
            RenderingFailed: a part of it could not be rendered.
        """
        tiles, overview = await self.tiles(ticker), await self.overview()
        shell = page.shell(
            self._settings,
            ticker,
            static=self._static,
            live=live,
            acts=self._acts,
            notice=notice,
            tags=(tiles.tag, overview.tag),
        )
        begin, middle, end = (Part(piece.encode()) for piece in shell)
        return [begin, tiles, middle, overview, end]

    async def _rendered(self, cell: str, ticker: str) -> bytes:
        return (await self._render(cell, ticker)).encode()

    async def _part(self, name: str, state: object, make: Callable[[], Awaitable[bytes]]) -> Part:
        """The part as it was kept, or made once for all who wait for it."""
        kept = self._kept.get(name)
        if kept and kept[0] == state:
            return kept[1]
        making = self._making.get(name)
        if making is None or making[0] != state:
            task = asyncio.ensure_future(self._made(name, state, make))
            making = self._making[name] = (state, task)
        return await asyncio.shield(making[1])  # one reader who leaves stops it for nobody

    async def _made(self, name: str, state: object, make: Callable[[], Awaitable[bytes]]) -> Part:
        try:
            part = Part(await make())
            if name.split()[-1] in self._seen.tiles or name == "overview":
                self._kept[name] = (state, part)  # of what there is, not of all that is asked for
            return part
        finally:
            if self._making.get(name, (None,))[0] == state:
                del self._making[name]
