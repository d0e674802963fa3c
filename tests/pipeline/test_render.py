from __future__ import annotations

import base64
import io
import re
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stockcast.pipeline import render
from tests.pipeline.project import Project

HEADER = {
    "task": "child-FB",
    "profile": "sample",
    "stage": "child",
    "ticker": "<FB>",
    "run_id": "20240102T030405-abcd",
    "data_hash": "c0ffee",
    "version": "9.8.7",
    "finished_at": "2024-01-02T03:04:05+00:00",
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a notebook that shows every kind of output."""
    folder = tmp_path_factory.mktemp("report")
    project = Project.make(folder / "project", folder / "root")
    stage = {"name": "show-[[ticker]]", "source": "notebooks/shows_all_kinds_of_output.py"}
    project.write([{**stage, "each": "tickers", "params": ["ticker"]}])
    assert project.run(overrides={"tickers": "FB"}).exit_code == 0
    return project.root / "reports/sample/show/FB.html"


def page_of(*cells: nbformat.NotebookNode, **about: object) -> str:
    node = nbformat.v4.new_notebook(cells=list(cells))
    node.metadata["stockcast"] = {**HEADER, **about}
    return render.page(node)


def markdown(text: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_markdown_cell(text)


def test_a_page_names_its_origin_with_every_text_escaped() -> None:
    page = page_of(markdown("# Title"))
    for text in (
        "sample",
        "child",
        "&lt;FB&gt;",
        HEADER["run_id"],
        "c0ffee",
        "9.8.7",
        "2024-01-02 03:04 UTC",
    ):
        assert f"<dd>{text}</dd>" in page
    assert "<FB>" not in page


def test_a_page_has_a_table_of_contents_whose_links_lead_somewhere() -> None:
    page = page_of(markdown("# One\n\n## Two & more"), markdown("### Three\n\n## Two & more"))
    contents = re.search(r"<nav.*?</nav>", page, re.DOTALL)
    assert contents is not None
    links = re.findall(r'href="#([^"]+)">([^<]+)', contents[0])
    assert [text for _, text in links] == ["One", "Two &amp; more", "Three", "Two &amp; more"]
    assert len({anchor for anchor, _ in links}) == 4
    for anchor, text in links:
        assert re.search(rf'<h[1-4] id="{anchor}">{text}</h', page)


def test_code_is_folded_and_results_are_not(report: Path) -> None:
    page = report.read_text()
    assert page.count('<details class="code">') >= 6
    shown = re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)
    assert "<img" in shown
    assert "<table" in shown
    assert "matplotlib" not in shown


def test_a_page_is_small_and_asks_no_other_host(report: Path) -> None:
    page = report.read_text()
    assert len(page) < render.LIMIT
    assert "default-src 'none'" in page
    resources = re.findall(
        r'<(?:script|link|img|iframe|object|embed)\b[^>]*?(?:src|href)="([^"]*)', page
    )
    assert resources
    assert all(address.startswith("data:") for address in resources)
    assert "@import" not in page
    assert "url(" not in page


def test_what_outputs_say_stays_text(report: Path) -> None:
    page = report.read_text()
    assert "<script" not in page
    assert "onerror=" not in re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)
    for kind in ("markdown", "table", "stdout"):
        said = re.search(rf"&lt;script&gt;document.title = .{{1,7}}{kind}", page)
        assert said, kind
    assert "<b>bold</b>" in page  # and what is harmless still works


@pytest.mark.parametrize(
    "text",
    [
        pd.DataFrame({"a": ["<b>&", '"'], "b": [1.5, 2]}).to_html(),
        pd.DataFrame(
            {"n": [1, 2]}, index=pd.MultiIndex.from_product([["x"], ["y", "z"]])
        ).to_html(),
        "<table><tr><td>not closed",
        "</div><div>",
        "<td><script>alert(1)</script></td>",
        '<td onclick="run()">&quot;</td>',
        "<table valign=top><td>a & b</td>",
    ],
)
def test_a_table_of_pandas_is_cleaned_as_any_other_markup_is(text: str) -> None:
    data = {"text/html": text}
    output = nbformat.v4.new_output("display_data", data)
    shown = page_of(nbformat.v4.new_code_cell("1", outputs=[output]))
    assert render._cleaner().clean(text) in shown


def test_a_picture_is_described_and_a_data_frame_brings_no_style_of_its_own(report: Path) -> None:
    page = report.read_text()
    assert re.search(r'<img src="data:image/png;base64,[^"]+" alt="Figure">', page)
    assert page.count("<style") == 1


def test_a_page_with_large_pictures_is_kept_small() -> None:
    noise = np.random.default_rng(7).integers(0, 255, (1200, 1200, 3), dtype=np.uint8)
    png = io.BytesIO()
    Image.fromarray(noise).save(png, "PNG")
    data = {"image/png": base64.b64encode(png.getvalue()).decode()}
    assert len(data["image/png"]) > 3 * render.LIMIT
    cell = nbformat.v4.new_code_cell("1")
    cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    page = page_of(cell)
    assert len(page) < render.LIMIT
    assert "data:image/webp;base64," in page


def test_a_failed_run_is_told_first_with_the_command_to_resume() -> None:
    cell = nbformat.v4.new_code_cell("1 / 0", execution_count=3)
    cell.outputs = [nbformat.v4.new_output("error", ename="E", evalue="", traceback=["<E>"])]
    failure = {"message": "child-FB failed: <E>", "resume": "stockcast run -p sample"}
    page = page_of(markdown("# Title"), cell, failure=failure)
    assert page.index("child-FB failed: &lt;E&gt;") < page.index("Title</h1>")
    assert "<code>stockcast run -p sample</code>" in page
    assert '<section class="cell" id="failing-cell"><details class="code" open>' in page


def test_a_browser_runs_nothing_and_asks_nobody(report: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    asked: list[str] = []
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(report.as_uri(), wait_until="networkidle")
        title = page.title()
        too_wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        page.get_by_text("Code [3]").click(timeout=5000)
        opened = page.get_by_text("import matplotlib").is_visible()
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    assert title == "show-FB (sample)"
    assert not too_wide
    assert opened


def test_a_bar_of_progress_is_one_line_at_its_end(report: Path) -> None:
    page = report.read_text("utf-8")
    assert page.count("steps:") == 1
    assert "3/3" in page
