"""The notebook that uses the service, run as a person would."""

from __future__ import annotations

from pathlib import Path

import jupytext
import papermill

from stockcast.settings import HOME
from tests.api.servers import Server


def test_the_notebook_shows_a_forecast_of_the_service(server: Server, tmp_path: Path) -> None:
    written = jupytext.read(HOME / "notebooks" / "api.py")
    jupytext.write(written, tmp_path / "api.ipynb")
    done = papermill.execute_notebook(
        tmp_path / "api.ipynb",
        tmp_path / "done.ipynb",
        parameters={"url": server.url},
        kernel_name="python3",
        language="python",
        progress_bar=False,
    )
    shown = [output for cell in done.cells for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert any("redis" in str(output) for output in shown)
