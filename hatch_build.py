"""Puts the files of a workspace into the wheel, so that ``stockcast init`` can write them."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WorkspaceFiles(BuildHookInterface):  # type: ignore[type-arg]  # only hatchling names it
    """Adds what pyproject.toml lists; an editable install finds it in the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files to a wheel that is to be installed."""
        if version == "standard":
            listed = self.config["workspace"]
            build_data["force_include"] = {
                each: f"stockcast/workspace_files/{each}" for each in listed
            }
