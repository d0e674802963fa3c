"""`stockcast init` writes a workspace that runs, and an upgrade keeps what its owner edited."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stockcast import scaffold
from stockcast.cli import main
from stockcast.errors import BadInput
from stockcast.settings import HOME, MARKER

Output = pytest.CaptureFixture[str]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a small installed package, which an upgrade may change."""
    folder = tmp_path / "package"
    for name in ("env/sample.yaml", "notebooks/drift.py", "notebooks/tour.py", "pipeline.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name}, first\n", "utf-8")
    monkeypatch.setattr(scaffold, "_PACKED", folder)
    return folder


@pytest.fixture
def mine(tmp_path: Path, package: Path) -> Path:
    scaffold.init(tmp_path / "mine")
    return tmp_path / "mine"


def upgrade(package: Path, *names: str) -> None:
    for name in names:
        (package / name).write_text(f"{name}, second\n", "utf-8")


def test_files_are_the_repositorys_own(tmp_path: Path) -> None:
    written, states = scaffold.init(tmp_path / "mine")
    assert {"pipeline.yaml", "env/sample.yaml", "feature_repo/features.py"} < set(written)
    assert set(states.values()) == {"current"}
    for path in written:
        assert (tmp_path / "mine" / path).read_bytes() == (HOME / path).read_bytes()


def test_a_second_time_writes_nothing(mine: Path) -> None:
    assert scaffold.init(mine).written == []


def test_an_edit_outlives_every_upgrade_until_its_owner_takes_the_new_one(
    package: Path, mine: Path
) -> None:
    (mine / "notebooks/drift.py").write_text("mine", "utf-8")
    assert scaffold.init(mine).states["notebooks/drift.py"] == "edited"
    upgrade(package, "notebooks/drift.py", "notebooks/tour.py")
    states = scaffold.init(mine).states
    assert (states["notebooks/drift.py"], states["notebooks/tour.py"]) == ("differs", "older")
    assert scaffold.init(mine, update=True).written == ["notebooks/tour.py"]
    assert (mine / "notebooks/drift.py").read_text("utf-8") == "mine"
    assert scaffold.init(mine, keep=["notebooks/drift.py"]).states["notebooks/drift.py"] == "edited"
    assert (
        scaffold.init(mine, take=["notebooks/drift.py"]).states["notebooks/drift.py"] == "current"
    )
    assert (mine / "notebooks/drift.py").read_text("utf-8") == "notebooks/drift.py, second\n"


def test_files_that_were_there_before_stay(package: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pipeline.yaml").write_text("mine", "utf-8")
    assert scaffold.init(tmp_path / "mine", update=True).states["pipeline.yaml"] == "differs"
    assert (tmp_path / "mine" / "pipeline.yaml").read_text("utf-8") == "mine"


def test_what_its_owner_removed_stays_away_until_it_is_taken(mine: Path) -> None:
    (mine / "notebooks/tour.py").unlink()
    assert scaffold.init(mine, update=True).states["notebooks/tour.py"] == "removed"
    assert scaffold.init(mine, take=["notebooks/tour.py"]).written == ["notebooks/tour.py"]


def test_what_the_package_dropped_is_named_until_it_is_gone(package: Path, mine: Path) -> None:
    (package / "notebooks/tour.py").unlink()
    assert scaffold.init(mine).states["notebooks/tour.py"] == "dropped"
    (mine / "notebooks/tour.py").unlink()
    assert "notebooks/tour.py" not in scaffold.init(mine).states


def test_a_write_that_was_cut_short_is_completed(package: Path, mine: Path) -> None:
    (mine / MARKER).unlink()
    (mine / "pipeline.yaml").unlink()
    assert scaffold.init(mine).written == ["pipeline.yaml"]
    assert set(scaffold.compare(mine).values()) == {"current"}


def test_diff_leads_to_the_packages_file_and_writes_nothing(
    package: Path, mine: Path, capfd: Output
) -> None:
    upgrade(package, "pipeline.yaml")
    assert main(["init", str(mine), "--diff"]) == 0
    shown = capfd.readouterr().out.splitlines()
    assert shown[-2:] == ["-pipeline.yaml, first", "+pipeline.yaml, second"]
    assert scaffold.compare(mine)["pipeline.yaml"] == "older"


def test_init_names_the_files_and_what_to_do(package: Path, mine: Path, capfd: Output) -> None:
    (mine / "pipeline.yaml").write_text("mine", "utf-8")
    upgrade(package, "pipeline.yaml", "env/sample.yaml")
    assert main(["init", str(mine)]) == 0
    said = capfd.readouterr().out
    assert "--update takes them: env/sample.yaml." in said
    assert "--keep FILE keeps yours: pipeline.yaml." in said


@pytest.mark.parametrize("content", ["", "[]", '{"files": 1}'])
def test_a_damaged_marker_is_said_and_nothing_is_written(mine: Path, content: str) -> None:
    (mine / MARKER).write_text(content, "utf-8")
    (mine / "pipeline.yaml").unlink()
    with pytest.raises(BadInput, match=r"Expected the file .*\.stockcast\.json as stockcast init"):
        scaffold.init(mine)
    assert not (mine / "pipeline.yaml").exists()


def test_bad_use_is_one_sentence(tmp_path: Path, mine: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(BadInput, match="Expected a folder"):
            scaffold.init(folder)
    with pytest.raises(BadInput, match="got the checkout"):
        scaffold.init(HOME)
    with pytest.raises(BadInput, match=r"did you mean pipeline\.yaml\?"):
        scaffold.init(mine, take=["pipelin.yaml"])
    with pytest.raises(BadInput, match="Expected a workspace"):
        scaffold.diff(tmp_path / "none")


def stockcast(*words: str, folder: Path, packages: Path) -> subprocess.CompletedProcess[str]:
    """The command of an installed package, which knows nothing of the checkout."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("STOCKCAST_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "stockcast", *words],
        cwd=folder,
        env={**env, "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the built wheel lies, beside the packages of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    build = ["wheel", "--no-build-isolation", "-w", str(folder), str(HOME)]
    subprocess.run([*pip, *build, "--no-deps", "--no-index"], check=True)
    (wheel,) = folder.glob("*.whl")
    target = ["install", "--no-deps", "--no-index", "--target", str(folder / "lib" / "packages")]
    subprocess.run([*pip, *target, str(wheel)], check=True)
    return folder / "lib" / "packages"


def test_the_wheel_alone_makes_a_workspace_and_finds_it_from_below(
    installed: Path, tmp_path: Path
) -> None:
    nothing = stockcast("scorecard", folder=tmp_path, packages=installed)
    assert nothing.returncode == 2
    assert "got none: stockcast init DIR makes one." in nothing.stderr
    made = stockcast("init", "mine", "--json", folder=tmp_path, packages=installed)
    states = json.loads(made.stdout)["files"]
    assert set(states) == set(scaffold.init(tmp_path / "of-the-checkout").states)
    below = tmp_path / "mine" / "notebooks"
    status = stockcast("status", "-t", "AAPL", "--json", folder=below, packages=installed)
    document = json.loads(status.stdout)
    assert document["root"] == str(tmp_path / "mine")
    assert {task["state"] for task in document["tasks"]} == {"missing"}


@pytest.mark.nightly
def test_a_run_with_the_wheel_alone(installed: Path, tmp_path: Path) -> None:
    stockcast("init", "mine", folder=tmp_path, packages=installed)
    run = stockcast("run", "-t", "AAPL", "--json", folder=tmp_path / "mine", packages=installed)
    assert run.returncode == 0, run.stderr
    (forecast,) = json.loads(run.stdout)["forecasts"]
    assert forecast["ticker"] == "AAPL"
    again = stockcast("run", "-t", "AAPL", "--json", folder=tmp_path / "mine", packages=installed)
    assert json.loads(again.stdout)["ran"] == []
