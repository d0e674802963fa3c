"""One kernel renders the dashboard, ticker after ticker, and is replaced when it dies."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import psutil
import pytest

from stockcast.dashboard.options import Options
from stockcast.dashboard.rendering import KernelRenderer, RenderingFailed
from stockcast.dashboard.server import NOTEBOOK, configuration, environment
from stockcast.settings import Settings


@pytest.mark.fault(
    "the dashboard's rendering kernel is killed",
    "readers keep the pages that are prepared; the next page waits for a new kernel",
    "by itself: a new kernel renders it",
)
def test_a_kernel_that_dies_is_replaced(placed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(placed).items():
        monkeypatch.setenv(name, value)

    async def render() -> None:
        folder = Path(tempfile.mkdtemp())  # a socket's path must be short
        renderer = KernelRenderer(NOTEBOOK, folder, configuration(Options()))
        try:
            assert 'data-ticker="AAPL"' in await renderer("tiles", "AAPL")
            assert 'data-ticker="IBM"' in await renderer("tiles", "IBM")
            (kernel,) = kernels()
            renderer._sources["broken"] = "1 / 0"
            with pytest.raises(RenderingFailed):
                await renderer("broken", "AAPL")
            assert kernels() == [kernel], "a cell that fails costs no kernel"
            kernel.kill()
            kernel.wait(10)
            with pytest.raises(RenderingFailed):
                await renderer("tiles", "AAPL")
            assert 'href="?ticker=AAPL"' in await renderer("overview", "AAPL")
        finally:
            await renderer.close()
        assert kernels() == []

    asyncio.run(render())


def kernels() -> list[psutil.Process]:
    """Kernels that this process started."""
    children = psutil.Process(os.getpid()).children()
    return [child for child in children if "ipykernel_launcher" in " ".join(child.cmdline())]
