from __future__ import annotations

from pathlib import Path

import pytest

from stockcast.errors import BadInput
from stockcast.pipeline.import_graph import ImportGraph


@pytest.fixture
def package(tmp_path: Path) -> Path:
    files = {
        "__init__.py": "",
        "a/__init__.py": "",
        "a/b.py": "from . import sibling\nfrom ..top import f",
        "a/sibling.py": "",
        "top.py": "def f():\n    import lib.late",
        "late.py": "import os, numpy",
        "lazy/__init__.py": "HOMES = {'x': 'lib.lazy.x'}",
        "lazy/x.py": "",
        "plumbing/__init__.py": "import lib.never",
        "plumbing/pipe.py": "import lib.never",
        "never.py": "",
        "reader.py": "",
        "through_a_file.py": "",
    }
    root = tmp_path / "lib"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def closure(package: Path, code: str, **options: object) -> set[str]:
    notebook = package.parent / "notebook.py"
    notebook.write_text(code)
    graph = ImportGraph(package, **{"plumbing": ["lib.plumbing"], **options})  # type: ignore[arg-type]
    return set(graph.reachable(notebook))


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("import os", set()),
        ("import lib.a.sibling", {"lib", "lib.a", "lib.a.sibling"}),
        ("from lib.a import sibling", {"lib", "lib.a", "lib.a.sibling"}),
        ("from lib.a import anything", {"lib", "lib.a"}),
        ("from lib import late", {"lib", "lib.late"}),
        (
            "from lib.a.b import f",
            {"lib", "lib.a", "lib.a.b", "lib.a.sibling", "lib.top", "lib.late"},
        ),
        ("from lib.lazy import x_made_late", {"lib", "lib.lazy", "lib.lazy.x"}),
        ("import importlib; importlib.import_module('lib.late')", {"lib", "lib.late"}),
        ("from lib.plumbing import pipe", {"lib"}),
        (
            "import typing\nif typing.TYPE_CHECKING:\n  import lib.never\nelse:\n  import lib.top",
            {"lib", "lib.top", "lib.late"},
        ),
        ("%matplotlib inline\nimport lib.late\n!ls", {"lib", "lib.late"}),
    ],
)
def test_a_notebook_uses_what_it_can_import_and_nothing_else(
    package: Path, code: str, used: set[str]
) -> None:
    assert closure(package, code) == used


def test_the_packages_own_init_can_be_plumbing_while_its_modules_are_not(package: Path) -> None:
    assert closure(package, "import lib.late", plumbing=["lib"]) == {"lib.late"}


def test_a_file_that_a_module_reads_counts_with_what_it_imports(package: Path) -> None:
    file = package.parent / "repo" / "features.py"
    file.parent.mkdir()
    file.write_text("import lib.through_a_file")
    found = closure(package, "import lib.reader", reads={"lib.reader": [file]})
    assert found == {"lib", "lib.reader", "repo/features.py", "lib.through_a_file"}


def test_a_listed_file_that_is_not_there_is_told(package: Path) -> None:
    with pytest.raises(BadInput, match="got no file"):
        ImportGraph(package, reads={"lib.reader": [package / "gone.yaml"]})


def test_an_edit_is_seen_by_the_same_process(package: Path) -> None:
    assert "lib.never" not in closure(package, "import lib.late")
    (package / "late.py").write_text("import lib.never")
    assert "lib.never" in closure(package, "import lib.late")
