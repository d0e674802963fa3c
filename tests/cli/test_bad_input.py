"""Whatever is wrong with what was asked: one sentence on stderr, exit code 2, nothing written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stockcast.cli import main

Output = pytest.CaptureFixture[str]

BAD = {
    "unknown profile": (["run", "-p", "smaple"], "did you mean 'sample'?"),
    "unknown key": (["run", "--set", "horizn=3"], "did you mean 'horizon'?"),
    "no key": (["run", "--set", "horizon"], "Expected --set KEY=VALUE, got 'horizon'"),
    "no number": (["run", "--set", "horizon=soon"], "horizon"),
    "horizon 0": (["run", "--set", "horizon=0"], "horizon"),
    "no jobs": (["run", "-j", "0"], "jobs"),
    "path for a ticker": (["forecast", "../../etc/passwd"], "got '../../etc/passwd'"),
    "shell for a ticker": (["forecast", "A;B"], "got 'A;B'"),
    "path in a list": (["run", "-t", "AAPL,../../etc/passwd"], "got '../../etc/passwd'"),
    "shell in a list": (["run", "-t", "A;B"], "got 'A;B'"),
    "no ticker": (["run", "-t", ""], "ticker"),
    "unknown ticker": (["run", "-t", "AAPL,MSFR"], "did you mean MSFT?"),
    "unknown ticker to forecast": (["forecast", "MSFR"], "did you mean MSFT?"),
    "no folder of prices": (["run", "-p", "files"], "prices_dir"),
    "no yes": (["reset"], "Expected --yes"),
    "unknown option": (["run", "--jsn"], "No such option: --jsn"),
    "unknown command": (["rnu"], "rnu"),
    "missing argument": (["forecast"], "TICKER"),
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "root"
    monkeypatch.setenv("STOCKCAST_ROOT", str(folder))
    return folder


@pytest.mark.parametrize(("arguments", "says"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_sentence_and_leaves_nothing(
    arguments: list[str], says: str, root: Path, capfd: Output
) -> None:
    assert main(arguments) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("stockcast: ")
    assert printed.err.count("\n") == 1
    assert says in printed.err
    assert not root.exists()


@pytest.mark.parametrize(("arguments", "says"), BAD.values(), ids=BAD.keys())
def test_with_json_bad_input_is_one_document_on_stdout(
    arguments: list[str], says: str, root: Path, capfd: Output
) -> None:
    assert main([*arguments, "--json"]) == 2
    error = json.loads(capfd.readouterr().out)["error"]
    assert error["exit_code"] == 2
    assert says in error["message"]


def test_root_that_cannot_be_written_is_bad_input(tmp_path: Path, capfd: Output) -> None:
    (tmp_path / "file").touch()
    assert main(["run", "-t", "AAPL", "--set", f"root={tmp_path}/file/below"]) == 2
    printed = capfd.readouterr()
    assert printed.err.count("\n") == 1
    assert "Expected a folder that can be written" in printed.err


def test_bad_dates_of_results_are_told_before_anything_is_made(
    root: Path, tmp_path: Path, capfd: Output
) -> None:
    prices = tmp_path / "prices"
    prices.mkdir()
    (prices / "events.csv").write_text("ticker,date,when\nAAPL,soon,amc\n", "utf-8")
    assert main(["run", "-p", "files", "--set", f"prices_dir={prices}"]) == 2
    assert capfd.readouterr().err == (
        "stockcast: Expected a day such as 2013-03-01 in line 2 of events.csv, got 'soon'.\n"
    )
    assert not root.exists()
