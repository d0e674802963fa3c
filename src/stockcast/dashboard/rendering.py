"""Renders every page in one kernel: Voila runs the notebook's cells in it, ticker after ticker."""

from __future__ import annotations

import asyncio
import logging
import uuid
from pathlib import Path
from typing import Any, Protocol

import nbformat
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellExecutionError, DeadKernelError
from traitlets.config import Config
from voila.execute import VoilaExecutor

from stockcast.errors import StockcastError

__all__ = ["KernelRenderer", "Renderer", "RenderingFailed"]

_LOG = logging.getLogger(__name__)
#: Cells that are run once in a kernel, before any other.
PREPARE = ("parameters", "settings")
#: Seconds that a cell may take, the imports of the first included.
PATIENCE = 60


class RenderingFailed(StockcastError):
    """A page could not be rendered; the log says why."""


class Renderer(Protocol):
    """What renders a cell of the dashboard's notebook."""

    async def __call__(self, cell: str, ticker: str) -> str:
        """Return the HTML that the cell shows for ``ticker``."""


class KernelRenderer:
    """The kernel that renders for all readers. None of them has a channel to it.

    A kernel that dies, or takes too long, gives way to a new one at the next call.

    Args:
        notebook: whose cells are rendered; cells are known by their id.
        folder: where the kernel's sockets lie.
        config: Voila's.
    """

    def __init__(self, notebook: Path, folder: Path, config: Config) -> None:
        self._notebook = nbformat.read(notebook, as_version=4)
        self._sources = {cell.id: cell.source for cell in self._notebook.cells}
        self._folder, self._config = folder, config
        self._executor: Any = None
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, cell: str, ticker: str) -> str:
        """Return the HTML that the cell shows for ``ticker``.

        Raises:
            RenderingFailed: the kernel died, or the cell failed.
        """
        async with self._one_at_a_time:
            try:
                if self._executor is None:
                    await self._start()
                return await self._run(f"ticker = {ticker!r}\n{self._sources[cell]}")
            except CellExecutionError as error:
                why: Exception = error
            except (DeadKernelError, TimeoutError, RuntimeError) as error:
                why = error
                await self._stop()
            _LOG.error("Cell %s could not be rendered for %s: %s", cell, ticker, why)
            raise RenderingFailed("This page could not be rendered; the server's log says why.")

    def close(self) -> None:
        """End the kernel, whatever it is at: when the server ends, no loop runs any more."""
        executor, self._executor = self._executor, None
        if executor is None:
            return
        provisioner = executor.km.provisioner
        if provisioner and provisioner.process:
            provisioner.process.kill()
            provisioner.process.wait()
        if executor.kc is not None:
            executor.kc.stop_channels()
        run_sync(executor.km.cleanup_resources)()

    async def _start(self) -> None:
        place = self._folder / f"{uuid.uuid4().hex[:8]}.json"  # a socket's path must be short
        manager = AsyncKernelManager(
            kernel_name="python3", connection_file=str(place), config=self._config
        )
        self._executor = VoilaExecutor(
            self._notebook, km=manager, config=self._config, timeout=PATIENCE
        )
        await self._executor.async_start_new_kernel()
        self._executor.kc = await self._executor.async_start_new_kernel_client()
        for cell in PREPARE:
            await self._run(self._sources[cell])

    async def _run(self, source: str) -> str:
        cell = nbformat.v4.new_code_cell(source)
        await self._executor.execute_cell(cell, None, 0, store_history=False)
        return "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)

    async def _stop(self) -> None:
        executor, self._executor = self._executor, None
        if executor is None:
            return
        if executor.kc is not None:
            executor.kc.stop_channels()
        await executor.km.shutdown_kernel(now=True)
