"""The documentation site, built as ``make docs`` builds it, in a browser without a network."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stockcast.settings import HOME
from tests.browser import Visit, visiting

#: Material's search field is a dialog without a name, which only its authors can mend.
THEIRS = {"rules": {"aria-dialog-name": {"enabled": False}}}
#: Pages of each kind, at which every element is looked at.
KINDS = ("index", "forecasts", "service", "reference/settings", "reference/api/features")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def visit(site: Path) -> Iterator[Visit]:
    with visiting() as open_page:
        yield open_page((site / "index.html").as_uri(), viewport={"width": 390, "height": 844})


def test_every_page_fits_a_phone_and_asks_no_other_host(site: Path, visit: Visit) -> None:
    api = site / "reference" / "api"  # whose pages are all made in one way
    written = (path for path in site.rglob("*.html") if path.parent != api)
    pages = [path for path in written if path.name != "404.html"]  # which only a server shows
    pages = [*pages, api / "index.html", api / "models.html"]
    assert len(pages) > 20
    wide = []
    for path in pages:
        visit.page.goto(path.as_uri())
        wide += [path.name] if visit.too_wide() else []
    assert (visit.strangers, visit.said, wide) == ([], [], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_can_be_read_by_everybody(site: Path, visit: Visit, scheme: str) -> None:
    for kind in KINDS:
        visit.page.goto((site / f"{kind}.html").as_uri())
        colours = {"light": "default", "dark": "slate"}[scheme]
        visit.page.evaluate(f"document.body.dataset.mdColorScheme = '{colours}'")
        visit.screenshot(f"site-{kind.replace('/', '-')}-{scheme}")
        assert (kind, visit.barriers(**THEIRS)) == (kind, [])


def test_search_works_without_a_server(site: Path, visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    visit.page.goto((site / "index.html").as_uri())
    visit.page.get_by_role("textbox", name="Search").fill("unadjusted split")
    found = visit.page.locator(".md-search-result__link[href*='your-prices.html']")
    found.first.wait_for(timeout=20_000)


def test_the_result_of_the_readme_is_measured() -> None:
    """Its rows are those of the tables in docs/forecast-quality.md."""
    measured = (HOME / "docs" / "forecast-quality.md").read_text("utf-8").partition("\n## The same")
    for weeks in ("all", "results ahead", "quiet"):
        row = _cells((HOME / "README.md").read_text("utf-8"), f"| {weeks} |")
        served = _cells(measured[0], f"| {weeks} | **what is served** |")
        garch = _cells(measured[0], f"| {weeks} | GARCH |")
        assert row[1:] == [served[2], served[3].split()[0], served[6], garch[6]]


def test_every_room_is_in_the_tree() -> None:
    page = (HOME / "docs" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"^\| `(\w+)/`", page, re.MULTILINE))
    rooms = {path.parent.name for path in (HOME / "src" / "stockcast").glob("*/__init__.py")}
    assert rooms - named == set()
    assert {name for name in named - rooms if not (HOME / name).is_dir()} == set()


def _cells(text: str, start: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.strip("|").split("|")]
