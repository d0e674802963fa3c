"""The pages as a reviewer meets them in a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stockcast.review.publishing import publish, publish_comparison
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.browser import Visit
from tests.review.conftest import Reviewed
from tests.review.runs import Made

Open = Callable[..., Visit]
#: Bytes that a page stays below.
LIMIT = 1_500_000


def pages(reviewed: Reviewed) -> list[Path]:
    return [reviewed.index, *reviewed.index.parent.glob("compare/*.html")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", [0, 1], ids=["index", "compare"])
def test_a_page_asks_nobody_and_puts_up_no_barrier(
    reviewed: Reviewed, visit: Open, place: int, scheme: str
) -> None:
    page = pages(reviewed)[place]
    seen = visit(page.as_uri(), color_scheme=scheme)
    for summary in seen.page.locator("summary").all():
        summary.click()
    assert seen.barriers() == []
    assert seen.strangers == seen.said == []
    seen.screenshot(f"{('index', 'compare')[place]}-{scheme}", full_page=True)


def test_a_page_fits_a_telephone(reviewed: Reviewed, visit: Open) -> None:
    for page in pages(reviewed):
        assert not visit(page.as_uri(), viewport={"width": 390, "height": 800}).too_wide()


def test_the_index_says_first_what_failed_and_how_to_go_on(reviewed: Reviewed, visit: Open) -> None:
    page = visit(reviewed.index.as_uri()).page
    assert page.locator("h1").inner_text() == "9 tasks ran in 12 s, 1 failed, 2 could not run"
    failures = page.locator(".failures").inner_text()
    for told in (
        "train_child-FB",
        "cell [4]",
        "no <luck>",
        "forecast-FB",
        "stockcast run -p sample",
    ):
        assert told in failures
    page.get_by_text("The failing cell and its traceback").click()
    assert page.url.endswith("bbbb/train_child/FB.failed.html#failing-cell")


def test_a_ticker_is_found_by_typing_and_sorted_by_a_click(reviewed: Reviewed, visit: Open) -> None:
    page = visit(reviewed.index.as_uri()).page
    shown = page.locator("table[data-find] tbody tr:visible th")
    assert shown.all_inner_texts() == ["FB", "AAPL", "IBM"], "those that failed come first"
    page.get_by_role("button", name="Ticker").press("Enter")
    assert shown.all_inner_texts() == ["AAPL", "FB", "IBM"]
    page.get_by_label("Find").fill("ibm skil")
    assert shown.all_inner_texts() == ["IBM"]
    assert page.locator("#found").inner_text() == "1 shown"


def test_notebooks_of_an_earlier_run_stay_as_they_were(reviewed: Reviewed, visit: Open) -> None:
    settings = reviewed.settings
    Made("20260103T000000-cccc").write(settings)
    publish(settings)
    page = visit(reviewed.index.as_uri()).page
    page.get_by_role("link", name="20260102T000000-bbbb", exact=True).click()
    page.get_by_role("link", name="forecast", exact=True).first.click()
    assert page.locator("h1").inner_text() == "20260102T000000-bbbb"


def test_only_as_many_runs_are_kept_as_the_settings_say(
    sample_settings: Callable[..., Settings],
) -> None:
    settings = sample_settings(keep_runs=2)
    for day in range(1, 5):
        Made(f"2026010{day}T000000-aaaa", ("AAPL",)).write(settings)
        publish(settings)
    kept = sorted(path.name for path in (Workspace.of(settings).run_pages).iterdir())
    assert kept == ["20260103T000000-aaaa", "20260104T000000-aaaa"]
    assert "20260101T000000-aaaa" in (Workspace.of(settings).index).read_text("utf-8")


@pytest.mark.nightly
def test_pages_of_500_tickers_stay_small(sample_settings: Callable[..., Settings]) -> None:
    settings = sample_settings()
    tickers = tuple(f"T{number:03}" for number in range(500))
    made = [Made("20260101T000000-aaaa", tickers), Made("20260102T000000-bbbb", tickers, seed=2)]
    runs = [each.write(settings) for each in made]
    index = publish(settings)
    assert index is not None
    assert index.stat().st_size < LIMIT
    _, page = publish_comparison(settings, *runs)
    assert page.stat().st_size < LIMIT
