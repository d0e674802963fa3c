"""Pages are rendered once for all readers, again when a product changed, and by one kernel."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest

from stockcast.dashboard import prepared, products
from stockcast.dashboard.prepared import Part, Prepared, packed
from stockcast.dashboard.rendering import RenderingFailed
from stockcast.settings import Settings
from tests.dashboard.products import place, ran


class Counting:
    """Renders nothing, and counts; fails while ``broken``."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.broken = False

    async def __call__(self, cell: str, ticker: str) -> str:
        self.calls.append((cell, ticker))
        await asyncio.sleep(0.01)
        if self.broken:
            raise RenderingFailed("broken")
        return f"<p>{cell} {ticker} {len(self.calls)}</p>"


@pytest.fixture
def render() -> Counting:
    return Counting()


@pytest.fixture
def pages(placed: Settings, render: Counting) -> Prepared:
    return Prepared(placed, render, static="/static/", acts=True)


def test_many_readers_at_once_cost_one_rendering(pages: Prepared, render: Counting) -> None:
    async def read() -> list[list[Part]]:
        return await asyncio.gather(*(pages.page("AAPL") for _ in range(200)))

    found = asyncio.run(read())
    assert sorted(render.calls) == [("overview", "AAPL"), ("tiles", "AAPL")]
    plain = b"".join(part.html for part in found[0])
    assert gzip.decompress(packed(plain)) == plain
    assert plain.endswith(b"</body></html>")
    for shown in (b"<p>tiles AAPL 1</p>", b"<p>overview AAPL 2</p>"):
        assert plain.count(shown) == 1


def test_a_changed_product_renders_its_own_ticker_again(
    placed: Settings, render: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "LOOK", 0.02)
    place(placed, "IBM")
    pages = Prepared(placed, render, static="/static/", acts=True)

    async def read() -> tuple[Part, Part, Part]:
        watching = asyncio.create_task(pages.watch())
        before = await pages.tiles("AAPL")
        ibm = await pages.tiles("IBM")
        ran(placed, "AAPL", "forecast-AAPL")
        while (after := await pages.tiles("AAPL")).tag == before.tag:
            await asyncio.sleep(0.02)
        assert (await pages.tiles("IBM")).tag == ibm.tag
        watching.cancel()
        return before, ibm, after

    asyncio.run(asyncio.wait_for(read(), 10))
    assert render.calls.count(("tiles", "IBM")) == 1


def test_pages_are_rendered_ahead_of_their_readers(
    pages: Prepared, render: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "LOOK", 0.02)

    async def wait() -> None:
        watching = asyncio.create_task(pages.watch())
        while len(render.calls) < 2:
            await asyncio.sleep(0.02)
        watching.cancel()

    asyncio.run(asyncio.wait_for(wait(), 10))
    assert {("tiles", "AAPL"), ("tiles", "IBM")} <= set(render.calls)


def test_what_is_asked_for_without_a_product_is_not_kept(pages: Prepared) -> None:
    async def read() -> None:
        for number in range(20):
            await pages.page(f"X{number}")

    asyncio.run(read())
    assert not [name for name in pages._kept if "X" in name]
    assert not pages._making


def test_names_without_products_keep_the_kernel_from_nobody(placed: Settings) -> None:
    async def read() -> list[Any]:
        free = asyncio.Event()

        async def render(cell: str, ticker: str) -> str:
            if ticker != "AAPL":
                await free.wait()
            return ticker

        pages = Prepared(placed, render, static="", acts=True)
        asked = [asyncio.ensure_future(pages.tiles(f"X{number}")) for number in range(60)]
        assert (await pages.tiles("AAPL")).html == b"AAPL"
        while sum(each.done() for each in asked) < len(asked) - prepared.CROWD:
            await asyncio.sleep(0.02)
        free.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(asyncio.wait_for(read(), 10))
    assert sum(isinstance(each, Part) for each in answers) == prepared.CROWD


def test_a_page_that_fails_keeps_no_other_from_being_rendered_ahead(
    placed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "LOOK", 0.02)
    calls: list[str] = []

    async def render(cell: str, ticker: str) -> str:
        calls.append(ticker)
        if ticker == "AAPL":
            raise RenderingFailed("broken")
        return ticker

    async def wait() -> None:
        watching = asyncio.create_task(Prepared(placed, render, static="", acts=True).watch())
        await asyncio.sleep(0.5)
        watching.cancel()

    asyncio.run(wait())
    assert calls == ["AAPL", "IBM"]


def test_a_rendering_that_failed_is_tried_again(pages: Prepared, render: Counting) -> None:
    async def read() -> Part:
        render.broken = True
        with pytest.raises(RenderingFailed):
            await pages.tiles("AAPL")
        render.broken = False
        return await pages.tiles("AAPL")

    assert asyncio.run(read()).html.startswith(b"<p>tiles AAPL")


def test_a_look_at_all_tells_what_one_tells(placed: Settings) -> None:
    seen = products.signatures(placed)
    assert seen.tiles == {t: products.signature(placed, t) for t in ("AAPL", "IBM")}
    ran(placed, "IBM", "forecast-IBM")
    later = products.signatures(placed)
    assert later.tiles["AAPL"] == seen.tiles["AAPL"]
    assert later.tiles["IBM"] != seen.tiles["IBM"]
    assert later.overview == seen.overview
