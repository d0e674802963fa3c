"""The tree holds what this project wrote, and nothing that it generates or takes from others."""

from __future__ import annotations

import ast
import graphlib
import subprocess
from pathlib import Path

import pytest

from tests.conftest import LONGEST

REPOSITORY = Path(__file__).parents[1]
#: Where files may lie. A new place is named here, and in the tree that the README shows.
PLACES = {
    ".ci",
    ".github",
    "dashboards",
    "deploy",
    "docs",
    "env",
    "feature_repo",
    "notebooks",
    "reports",
    "src",
    "tests",
}
#: What only pickles, archives, databases, executed notebooks and compiled code are called.
GENERATED = {
    ".bin",
    ".db",
    ".gz",
    ".joblib",
    ".ipynb",
    ".parquet",
    ".pickle",
    ".pkl",
    ".pt",
    ".pth",
    ".pyc",
    ".safetensors",
    ".so",
    ".whl",
    ".zip",
}
#: Notebooks that are written as such: a dashboard that Voila serves.
WRITTEN = {"dashboards"}
#: Weights that the package comes with, so that a new stock needs no training.
SHIPPED, WEIGHTS = Path("src/stockcast/models/parents"), ".safetensors"
OTHERS = {"node_modules", "vendor", "third_party", "site-packages", ".venv", "plugins"}


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("this is no git checkout")
    return [Path(name) for name in listed.stdout.split("\0") if name]


def test_every_file_has_a_place_in_the_tree(tracked: list[Path]) -> None:
    assert {path.parts[0] for path in tracked if len(path.parts) > 1} <= PLACES


def test_folders_that_workers_begin_with_are_there() -> None:
    assert [name for name in LONGEST if not (REPOSITORY / "tests" / name).is_dir()] == []


def test_nothing_of_others_is_kept(tracked: list[Path]) -> None:
    assert [path for path in tracked if OTHERS & set(path.parts)] == []


def test_nothing_generated_is_kept(tracked: list[Path]) -> None:
    generated = [path for path in tracked if path.suffix in GENERATED]
    kept = {path for path in generated if SHIPPED in path.parents and path.suffix == WEIGHTS}
    assert [path for path in generated if path.parts[0] not in WRITTEN and path not in kept] == []
    assert not {"products", "mlruns"} & {path.parts[0] for path in tracked}


def test_no_file_is_large(tracked: list[Path]) -> None:
    there = [REPOSITORY / path for path in tracked if (REPOSITORY / path).is_file()]
    assert [path for path in there if path.stat().st_size > 600_000] == []


def test_nothing_in_the_library_unpickles() -> None:
    calls = ("pickle.load", "import joblib", "torch.load(", "read_pickle(", "allow_pickle=True")
    found = [
        (path.name, call)
        for path in (REPOSITORY / "src").rglob("*.py")
        for call in calls
        if call in path.read_text("utf-8")
    ]
    assert found == []


def _imported(path: Path, modules: set[str]) -> set[str]:
    """The ``modules`` that a file imports anywhere, inside functions and for type checks too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name.name}" for name in node.names]
            found |= {whole if whole in modules else str(node.module) for whole in names}
    return found & modules


def test_no_modules_import_each_other_in_a_circle() -> None:
    source = REPOSITORY / "src"
    files = {
        ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__"): path
        for path in source.rglob("*.py")
    }
    graph = {name: _imported(path, set(files)) - {name} for name, path in files.items()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle
