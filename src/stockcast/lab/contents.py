"""JupyterLab's view of the files: jupytext's, with the pipeline's parameters in its notebooks.

Ploomber has an extension for that, too. It wraps an asynchronous contents manager as if it were
not, and every request fails; and it injects the pipeline's own products, which a trial would
replace. So it is switched off (env/jupyter), and this does what is needed of it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from jupytext.async_contentsmanager import build_async_jupytext_contents_manager_class

from stockcast.lab.notebooks import inject, remove

__all__ = ["Notebooks"]

_TextFiles: Any = build_async_jupytext_contents_manager_class(AsyncLargeFileManager)


class Notebooks(_TextFiles):  # type: ignore[misc]  # jupytext is not typed
    """Injects on opening, removes on saving; jupytext's extension leaves it alone."""

    async def get(self, path: str, *arguments: Any, **options: Any) -> Any:
        """Return a file or folder; a stage's notebook with its parameters."""
        model = await super().get(path, *arguments, **options)
        if model["type"] == "notebook" and model["content"] is not None:
            file = Path(self._get_os_path(path.strip("/")))
            # reading prices for their fingerprints takes time, and others are waiting
            await asyncio.to_thread(inject, model["content"], file)
        return model

    async def save(self, model: Any, path: str = "") -> Any:
        """Write a file; a notebook without what was injected."""
        if model["type"] == "notebook" and model.get("content"):
            remove(model["content"])
        return await super().save(model, path)
