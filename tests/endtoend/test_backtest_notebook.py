"""The notebook on what forecasts are worth, run on what a run left."""

from __future__ import annotations

from pathlib import Path

import jupytext
import papermill
import pytest

from stockcast.settings import HOME
from tests.endtoend.conftest import Finished


@pytest.mark.nightly
def test_the_notebook_shows_edges_tails_and_the_whole(finished: Finished, tmp_path: Path) -> None:
    done = papermill.execute_notebook(
        jupytext.read(HOME / "notebooks" / "backtest.py"),
        str(tmp_path / "backtest.ipynb"),
        {"changes": {"root": str(finished.root), "tickers": "AAPL,FB"}},
        kernel_name="python3",
        language="python",
        progress_bar=False,
    )
    outputs = [output for cell in done.cells for output in cell.get("outputs", ())]
    shown = [output["data"] for output in outputs if "data" in output]
    assert sum("image/png" in each for each in shown) == 4
    text = "\n".join(each["text/plain"] for each in shown)
    for told in ("No edge: volatility_target made", "stop_and_take", "kupiec_p", "portfolio"):
        assert told in text
