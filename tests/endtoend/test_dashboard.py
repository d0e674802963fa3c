"""The dashboard in a real browser that is offline, on the products of a real run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser import Visit, visiting
from tests.dashboard.conftest import Served, serving
from tests.dashboard.products import HOSTILE
from tests.documents import rewrite
from tests.endtoend.commands import SMALL, copy_of, stop_cache
from tests.endtoend.conftest import Finished

READY = ".view[data-renewed]"
PICKER = "#picker input"
#: Milliseconds for what a training stands behind.
TRAINING = 240_000
SCHEMES = [("light", 1280), ("dark", 1280), ("light", 390), ("light", 1920)]


@pytest.fixture(scope="module")
def shown(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard on AAPL, whose headline is hostile, and FB; IBM has never been trained."""
    root = copy_of(finished.root, tmp_path_factory.mktemp("shown") / "root")
    report = root / "products" / "sample" / "reports" / "AAPL.json"
    rewrite(report, headline=HOSTILE)
    with serving(root, *SMALL, "--set", "tickers=AAPL,FB") as served:
        yield served
    stop_cache(root)


@pytest.fixture(scope="module")
def browse() -> Iterator[Callable[..., Visit]]:
    with visiting() as open_page:
        yield open_page


def enter(page: Page, ticker: str) -> None:
    page.fill(PICKER, ticker)
    page.press(PICKER, "Enter")


def test_it_shows_charts_follows_the_picker_and_asks_nobody(
    shown: Served, browse: Callable[..., Visit]
) -> None:
    visit = browse(shown.address)
    page = visit.page
    expect(page.locator(".fan .band").first).to_be_visible()
    page.wait_for_selector(READY)
    begun = time.perf_counter()
    enter(page, "fb")
    expect(page.locator(".view")).to_have_attribute("data-ticker", "FB")
    assert time.perf_counter() - begun < 3, "it takes 0.05 s where nothing else is at work"
    assert page.url.endswith("?ticker=FB")
    page.get_by_role("link", name="AAPL", exact=True).click()
    expect(page.locator(".view")).to_have_attribute("data-ticker", "AAPL")
    expect(page.locator(PICKER)).to_have_value("AAPL")
    assert visit.strangers == []
    page.close()


def test_each_tile_leads_to_its_executed_notebook(
    shown: Served, browse: Callable[..., Visit]
) -> None:
    page = browse(f"{shown.address}/?ticker=FB").page
    page.get_by_role("link", name="Executed notebook of forecast-FB").first.click()
    expect(page).to_have_url(f"{shown.address}/reports/forecast/FB.html")
    expect(page.get_by_role("heading", level=1)).to_have_text("Forecast")
    page.close()


def test_a_hostile_headline_is_read_and_not_run(
    shown: Served, browse: Callable[..., Visit]
) -> None:
    page = browse(shown.address).page
    page.wait_for_selector(READY)
    expect(page.locator(".headline")).to_have_text(HOSTILE)
    assert page.evaluate("window.pwned") is None
    page.close()


def test_keys_move_the_charts_cursor(shown: Served, browse: Callable[..., Visit]) -> None:
    page = browse(shown.address).page
    page.wait_for_selector(READY)
    plot = page.locator(".plot:visible")
    plot.focus()
    page.keyboard.press("Home")
    first = plot.get_attribute("aria-valuetext") or ""
    assert "closed at" in first
    expect(page.locator(".tip:visible")).to_have_text(first)
    page.keyboard.press("End")
    assert "median" in (plot.get_attribute("aria-valuetext") or "")
    page.get_by_text("3 months").click()
    expect(page.locator(".fan:visible")).to_have_attribute("data-range", "3m")
    page.close()


@pytest.mark.parametrize(("scheme", "width"), SCHEMES)
def test_it_can_be_used_by_all(
    shown: Served, browse: Callable[..., Visit], scheme: str, width: int
) -> None:
    visit = browse(shown.address, color_scheme=scheme, viewport={"width": width, "height": 900})
    visit.page.wait_for_selector(READY)
    assert visit.barriers() == []
    assert not visit.too_wide()
    visit.screenshot(f"dashboard-{scheme}-{width}", full_page=True)
    visit.page.close()


def test_nothing_moves_once_the_page_is_there(shown: Served, browse: Callable[..., Visit]) -> None:
    page = browse(shown.address).page
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => list.getEntries().forEach("
        "(entry) => (window.shift += entry.value))).observe({type: 'layout-shift', buffered: true})"
    )
    page.reload()
    page.wait_for_selector(READY)
    page.wait_for_timeout(500)
    assert page.evaluate("window.shift") < 0.02
    page.close()


def test_without_scripts_it_is_a_page_still(shown: Served, browse: Callable[..., Visit]) -> None:
    page = browse(shown.address, java_script_enabled=False).page
    expect(page.locator(".fan .band").first).to_be_visible()
    enter(page, "FB")
    expect(page.locator("#view .view")).to_have_attribute("data-ticker", "FB")
    page.close()


def test_a_ticker_without_a_model_is_trained_while_one_watches(
    shown: Served, browse: Callable[..., Visit]
) -> None:
    visit = browse(shown.address)
    page = visit.page
    page.wait_for_selector(READY)
    enter(page, "NOSUCH")
    expect(page.locator("#notice .fault")).to_contain_text("NOSUCH", timeout=20_000)
    enter(page, "IBM")
    expect(page.get_by_role("progressbar")).to_be_visible(timeout=20_000)
    visit.screenshot("dashboard-job")
    expect(page.locator("#notice .done")).to_contain_text("IBM", timeout=TRAINING)
    expect(page.locator(".view[data-ticker=IBM] .fan:visible")).to_be_visible()
    assert visit.strangers == []
    page.close()
