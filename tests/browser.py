"""A real browser that is offline: a page that asks another host has failed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, sync_playwright

__all__ = ["SCREENSHOTS", "Visit", "launched", "visiting"]

#: What the pages looked like; kept as a product of continuous integration, ignored by git.
SCREENSHOTS = Path(__file__).parents[1] / "build" / "screenshots"

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_OURS = ("", "127.0.0.1", "localhost")


@dataclass
class Visit:
    """An open page, and what it did that nobody asked for."""

    page: Page
    strangers: list[str] = field(default_factory=list)  #: addresses of other hosts that it asked
    said: list[str] = field(default_factory=list)  #: on the console

    def barriers(self, **options: Any) -> list[str]:
        """What axe-core finds serious or critical."""
        found = Axe().run(self.page, options=options or None).response["violations"]
        return [
            f"{each['id']}: {each['nodes'][0]['html'][:200]}"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]

    def screenshot(self, name: str, **options: Any) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", **options)

    def too_wide(self) -> bool:
        wide = "document.documentElement.scrollWidth > window.innerWidth"
        return bool(self.page.evaluate(wide))


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """A browser in which nothing is watched or held up."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_ARGUMENTS)
        yield browser
        browser.close()


@contextlib.contextmanager
def visiting() -> Iterator[Callable[..., Visit]]:
    """Yield what opens an address, with Playwright's options of a page."""
    with launched() as browser:

        def open_page(address: str, **options: Any) -> Visit:
            visit = Visit(
                browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
            )

            def pass_or_block(route: Route) -> None:
                if (urlsplit(route.request.url).hostname or "") in _OURS:
                    route.continue_()
                else:
                    visit.strangers.append(route.request.url)
                    route.abort()

            visit.page.route("**/*", pass_or_block)
            visit.page.on("console", lambda message: visit.said.append(message.text))
            visit.page.goto(address)
            return visit

        yield open_page
