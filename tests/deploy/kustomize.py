"""Renders a kustomization as ``kubectl kustomize`` does, as far as ours go."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

__all__ = ["render"]

Document = dict[str, Any]
#: What a kustomization may say here; anything else needs the real program to be read.
KNOWN = {
    "apiVersion",
    "kind",
    "namespace",
    "labels",
    "resources",
    "images",
    "patches",
}
CLUSTERWIDE = {"Namespace"}


def render(folder: Path) -> list[Document]:
    """Return every object that the kustomization of ``folder`` amounts to."""
    plan = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    unknown = plan.keys() - KNOWN
    assert not unknown, f"{folder} says {unknown}, which this helper cannot render"
    found = [item for name in plan["resources"] for item in _resource(folder / name)]
    for item in found:
        if "namespace" in plan and item["kind"] not in CLUSTERWIDE:
            item["metadata"]["namespace"] = plan["namespace"]
        for entry in plan.get("labels", ()):
            item["metadata"].setdefault("labels", {}).update(entry["pairs"])
        for image in plan.get("images", ()):
            _rename(item, image["name"], f"{image['newName']}:{image['newTag']}")
    for patch in plan.get("patches", ()):
        for change in _documents(folder / patch["path"]):
            (target,) = (item for item in found if _identity(item) == _identity(change))
            _merge(target, change)
    return found


def _resource(path: Path) -> list[Document]:
    return render(path) if path.is_dir() else _documents(path)


def _documents(path: Path) -> list[Document]:
    return [item for item in yaml.safe_load_all(path.read_text("utf-8")) if item]


def _identity(item: Document) -> tuple[str, str, str]:
    metadata = item["metadata"]
    return item["kind"], metadata.get("namespace", ""), metadata["name"]


def _rename(node: Any, name: str, image: str) -> None:
    if isinstance(node, dict):
        if node.get("image") == name:
            node["image"] = image
        for value in node.values():
            _rename(value, name, image)
    elif isinstance(node, list):
        for value in node:
            _rename(value, name, image)


def _merge(target: Document, change: Document) -> None:
    """Merge maps into maps; a list would need a merge key, and no patch of ours has one."""
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            assert not isinstance(value, list), f"{key} is a list"
            target[key] = copy.deepcopy(value)
