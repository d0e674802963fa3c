"""Pictures of executed notebooks take little room, and look as they did."""

from __future__ import annotations

import base64
import io
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from stockcast.pipeline import render
from stockcast.presentation import plots


def notebook_showing(png: str) -> Any:
    cell = nbformat.v4.new_code_cell("1")
    cell.outputs = [nbformat.v4.new_output("display_data", data={"image/png": png})]
    return nbformat.v4.new_notebook(cells=[cell])


def packed(png: str) -> str:
    notebook = notebook_showing(png)
    render.pack(notebook)
    return str(notebook.cells[0].outputs[0].data["image/png"])


def printed(figure: Figure) -> str:
    written = io.BytesIO()
    figure.savefig(written, format="png")
    return base64.b64encode(written.getvalue()).decode()


def pixels(png: str) -> Any:
    with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
        return np.asarray(picture.convert("RGB"), float)


def test_a_chart_takes_less_than_half_and_looks_the_same() -> None:
    days = pd.bdate_range("2020-01-01", periods=500)
    walk = 100 * np.exp(np.random.default_rng(7).normal(0, 0.01, (500, 1)).cumsum(axis=0))
    bars = pd.DataFrame(np.repeat(walk, 4, axis=1), days, ["open", "high", "low", "close"])
    before = printed(plots.prices(bars.assign(volume=1e6), "AAPL"))
    after = packed(before)
    assert len(after) < 0.5 * len(before)
    assert np.abs(pixels(after) - pixels(before)).mean() < 1  # of 255


def test_a_photograph_stays_as_it_is() -> None:
    written = io.BytesIO()
    noise = np.random.default_rng(7).integers(0, 255, (100, 100, 3), dtype=np.uint8)
    Image.fromarray(noise).save(written, "PNG")
    photograph = base64.b64encode(written.getvalue()).decode()
    assert packed(photograph) == photograph


@pytest.mark.parametrize("content", ["", "no base64!", base64.b64encode(b"no picture").decode()])
def test_what_is_no_picture_stays_as_it_is(content: str) -> None:
    assert packed(content) == content
