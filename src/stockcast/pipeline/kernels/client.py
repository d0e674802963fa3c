"""Talks to a kernel as jupyter_client does, without a pause before the first cell."""

from __future__ import annotations

import asyncio
from queue import Empty

from jupyter_client.asynchronous import AsyncKernelClient

__all__ = ["PromptClient"]


class PromptClient(AsyncKernelClient):  # type: ignore[misc]  # jupyter_client is not typed
    """A client that is ready when its kernel is.

    jupyter_client's own listens for 0.2 s more, so that nothing of the greeting is left. nbclient
    takes no message that does not answer its own cell.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers, and is heard on the channel of its outputs.

        Raises:
            RuntimeError: the kernel died.
            TimeoutError: it did not answer within ``timeout`` seconds.
        """
        async with asyncio.timeout(timeout):
            while not await self._answers():
                if not await self.is_alive():
                    raise RuntimeError("Kernel died before replying to kernel_info")

    async def _answers(self) -> bool:
        self.kernel_info()
        try:
            await self.shell_channel.get_msg(timeout=1)
            await self.iopub_channel.get_msg(timeout=0.2)
        except Empty:
            return False
        return True
