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

    folder = Path(tempfile.mkdtemp())  # a socket's path must be short
    renderer = KernelRenderer(NOTEBOOK, folder, configuration(Options()))
    renderer._sources |= {"broken": "1 / 0", "slow": "import time; time.sleep(60)"}

    async def render() -> asyncio.Future[str]:
        assert 'data-ticker="AAPL"' in await renderer("tiles", "AAPL")
        assert 'data-ticker="IBM"' in await renderer("tiles", "IBM")
        (kernel,) = kernels()
        with pytest.raises(RenderingFailed):
            await renderer("broken", "AAPL")
        assert kernels() == [kernel], "a cell that fails costs no kernel"
        kernel.kill()
        kernel.wait(10)
        with pytest.raises(RenderingFailed):
            await renderer("tiles", "AAPL")
        assert 'href="?ticker=AAPL"' in await renderer("overview", "AAPL")
        slow = asyncio.ensure_future(renderer("slow", "AAPL"))
        await asyncio.sleep(1)
        return slow

    with asyncio.Runner() as runner:
        try:
            runner.run(render())
        finally:
            renderer.close()  # as when the server ends: no loop runs, and a cell does
        assert kernels() == []


def kernels() -> list[psutil.Process]:
    """Kernels that this process started."""
    children = psutil.Process(os.getpid()).children()
    return [child for child in children if "ipykernel_launcher" in " ".join(child.cmdline())]
