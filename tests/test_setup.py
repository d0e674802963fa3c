"""The set-up files agree with one another, and make says what is wrong with the machine."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from importlib.metadata import (
    PackageNotFoundError,
    distributions,
    packages_distributions,
    requires,
)
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from stockcast.cli.app import app

REPOSITORY = Path(__file__).parents[1]
INSTALLS = "pip install"


def locked() -> dict[str, str]:
    lines = (REPOSITORY / "requirements.lock").read_text("utf-8").splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


def declared() -> list[Requirement]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    return [Requirement(text) for group in (project["dependencies"], *extras) for text in group]


def installed_with(*named: str) -> set[str]:
    """The packages of the base, or of extras, with all that they need."""
    found: set[str] = set()
    todo = [Requirement(f"stockcast[{','.join(named)}]" if named else "stockcast")]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        if name == "stockcast":
            extras = project["optional-dependencies"]
            lines = [*project["dependencies"], *(line for e in wanted.extras for line in extras[e])]
        else:
            try:
                lines = requires(name) or []
            except PackageNotFoundError:  # of another system or Python
                continue
        for each in map(Requirement, lines):
            asked = [{"extra": extra} for extra in ("", *wanted.extras)]
            if each.marker is None or any(map(each.marker.evaluate, asked)):
                key = f"{canonicalize_name(each.name)}{sorted(each.extras)}"
                if key not in found:
                    found.add(key)
                    todo.append(each)
    return {key.partition("[")[0] for key in found}


def imported_by(*places: str) -> set[str]:
    """The top-level names that the Python files at ``places`` import, anywhere in them."""
    found: set[str] = set()
    for path in (path for place in places for path in sorted(REPOSITORY.glob(place))):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
    return found - {"stockcast"} - sys.stdlib_module_names


@pytest.mark.parametrize(
    ("places", "extras"),
    [
        (
            ("src/stockcast/*.py", "src/stockcast/[!ap]*/**/*.py", "src/stockcast/agents/**/*.py"),
            (),
        ),
        (("src/stockcast/p*/*.py", "notebooks/*.py", "feature_repo/*.py"), ()),
        (("src/stockcast/api/**/*.py",), ("serve",)),
        (("src/stockcast/pipeline/cluster/*.py",), ("cluster",)),
    ],
)
def test_what_is_imported_is_installed_with_it(
    places: tuple[str, ...], extras: tuple[str, ...]
) -> None:
    there, holders = installed_with(*extras), packages_distributions()
    missing = {
        name
        for name in imported_by(*places)
        if there.isdisjoint(map(canonicalize_name, holders.get(name, ())))
    }
    assert missing == set()


@pytest.mark.parametrize("requirement", declared(), ids=lambda requirement: requirement.name)
def test_lock_satisfies_each_dependency_of_pyproject(requirement: Requirement) -> None:
    version = locked().get(canonicalize_name(requirement.name))
    assert version is not None, "make lock was not run"
    assert requirement.specifier.contains(version, prereleases=True)


def test_lock_holds_exact_versions_and_nothing_of_one_machine() -> None:
    lines = (REPOSITORY / "requirements.lock").read_text("utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9A-Za-z.]+", pin) for pin in pins)
    assert not [pin for pin in pins if pin.startswith(("nvidia-", "cuda-", "triton=="))]


def test_lock_installs_on_every_python_3_11() -> None:
    versions = locked()
    refusing = [
        f"{package.name} {package.version} wants Python {wanted}"
        for package in distributions()
        if versions.get(canonicalize_name(package.name)) == package.version
        and (wanted := package.metadata.get("Requires-Python"))
        and not SpecifierSet(wanted).contains("3.11.0")
    ]
    assert refusing == []


def test_conda_environment_takes_its_packages_from_the_lock() -> None:
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text("utf-8"))
    *conda, pip = environment["dependencies"]
    assert conda == ["python=3.11", "pip", "redis-server"]
    assert pip == {"pip": ["-c requirements.lock", "-e ."]}


def test_pre_commit_fetches_nothing() -> None:
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text("utf-8"))
    assert {repo["repo"] for repo in hooks["repos"]} == {"local"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(REPOSITORY / name, tmp_path)
    return tmp_path


def make(*arguments: str, folder: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": path or os.environ["PATH"], "MAKEFLAGS": ""}
    program = shutil.which("make") or "make"
    return subprocess.run(
        [program, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_make_names_the_python_it_needs_and_the_one_it_met(checkout: Path) -> None:
    tools = checkout / "tools"
    tools.mkdir()
    (tools / "sh").symlink_to("/bin/sh")
    other = tools / "python3"
    other.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1 || exit 1\n', "utf-8")
    other.chmod(0o755)
    for given in ((), (f"PYTHON={other}",)):
        refused = make("run", *given, folder=checkout, path=str(tools))
        assert refused.returncode != 0
        assert "needs Python 3.11, 3.12 or 3.13" in refused.stderr
        assert "Python 3.9.1" in refused.stderr
    assert not (checkout / ".venv").exists()


def test_every_command_that_make_calls_exists() -> None:
    called = re.findall(r"\$\(BIN\)/stockcast (\w+)", (REPOSITORY / "Makefile").read_text("utf-8"))
    commands = {command.callback.__name__ for command in app.registered_commands}
    assert called
    assert set(called) <= commands


def installed(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    for stamp in (".installed", ".installed-all"):
        (checkout / ".venv" / stamp).touch()


def test_make_installs_when_there_is_no_environment(checkout: Path) -> None:
    assert INSTALLS in make("-n", "test", folder=checkout).stdout


def test_make_installs_torch_alone_first_as_the_lock_names_it(checkout: Path) -> None:
    planned = make("-n", "run", "TORCH_ARGS=--pre", folder=checkout).stdout.splitlines()
    first, second = (line for line in planned if INSTALLS in line)
    assert "--pre" in first
    assert "^torch==" in first
    for line in second.split("||"):  # pip's turn comes where uv cannot reach the index
        assert '--constraint requirements.lock --editable "."' in line


@pytest.mark.parametrize(
    ("target", "extras"),
    [("run", ""), ("lab", ""), ("serve", "[serve]"), ("lint", "[serve,cluster,dev]")],
)
def test_make_installs_what_a_target_needs(checkout: Path, target: str, extras: str) -> None:
    planned = make("-n", target, folder=checkout).stdout
    assert re.findall(r'uv pip install .*?--editable "\.(.*?)"', planned)[1:] == [extras] * bool(
        extras
    )


def test_make_leaves_an_environment_alone_that_is_up_to_date(checkout: Path) -> None:
    installed(checkout)
    assert INSTALLS not in make("-n", "test", folder=checkout).stdout


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_make_installs_again_when_the_dependencies_changed(checkout: Path, changed: str) -> None:
    installed(checkout)
    later = time.time() + 5
    os.utime(checkout / changed, (later, later))
    assert INSTALLS in make("-n", "test", folder=checkout).stdout
