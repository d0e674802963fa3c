"""The page that newcomers follow, word for word, on the products of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from stockcast.settings import HOME
from tests.docs.lines import blocks
from tests.endtoend.commands import environment
from tests.endtoend.conftest import Finished

DOCS = HOME / "docs"


def follow(lines: str, program: str = "bash", **variables: str) -> str:
    """Run a block of a page from the project's folder, as somebody does who reads it."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    lines = lines.replace("source .venv/bin/activate\n", "")  # which PATH does here
    done = subprocess.run(
        [program, "-c", f"set -e\n{lines}" if program == "bash" else lines],
        cwd=HOME,
        env={**environment(), "PATH": path, **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_get_started_can_be_followed(finished: Finished) -> None:
    (shell,) = blocks(DOCS / "get-started.md", "sh")
    (python,) = blocks(DOCS / "get-started.md", "python")
    told = follow(shell, STOCKCAST_ROOT=str(finished.root))
    assert told.count("AAPL") > 5
    assert "2013-03-08" in follow(python, sys.executable, STOCKCAST_ROOT=str(finished.root))


def test_reports_can_be_followed(finished: Finished) -> None:
    (shell,) = blocks(DOCS / "report.md", "sh")
    report, search = shell.splitlines()
    told = follow(search, STOCKCAST_ROOT=str(finished.root))
    assert report in (DOCS / "get-started.md").read_text("utf-8")
    assert told.index("AAPL") > 0


def test_own_prices_can_be_followed(prices_dir: Path) -> None:
    (shell,) = blocks(DOCS / "your-prices.md", "sh")
    check, run, *_ = shell.splitlines()
    assert run.startswith("stockcast run")  # tests/endtoend/test_own_prices.py does that
    assert "MSFT" in follow(check.replace("DIR", str(prices_dir)))
