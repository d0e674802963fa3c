"""Stdout carries the result and nothing else; errors are one line; signals are quiet."""

from __future__ import annotations

import ast
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stockcast.cli import main
from stockcast.cli.app import app
from stockcast.cli.output import print_json, results_only, show_error
from stockcast.errors import BadInput, StockcastError

Output = pytest.CaptureFixture[str]

#: What takes long to import.
HEAVY = (
    *("feast", "mlflow", "torch", "ploomber", "papermill", "nbconvert", "pandas", "numpy"),
    *("scipy", "arch", "langgraph", "evidently", "stockcast.settings", "stockcast.contracts.base"),
)
STOCKCAST = str(Path(sys.executable).with_name("stockcast"))


def imported(program: str, *arguments: str) -> list[str]:
    """What of HEAVY a Python of its own has imported when ``program`` is done."""
    told = f"print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    answer = subprocess.run(
        [sys.executable, "-c", f"import sys; {program}; {told}", *arguments],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return list(ast.literal_eval(answer.stderr.splitlines()[-1]))


def test_no_help_imports_anything_slow() -> None:
    names = [each.name or each.callback.__name__ for each in app.registered_commands]
    assert {"run", "forecast", "init", "metrics"} <= set(names)
    each = "[main([*name.split(), '--help']) for name in ['', *sys.argv[1:]]]"
    program = f"from stockcast.cli import main; assert not any({each})"
    assert imported(program, *names, "keys add") == []


def test_a_forecast_imports_no_feast_and_no_runner_before_its_notebooks_do() -> None:
    slow = {"torch", "mlflow", "feast", "ploomber", "papermill", "arch", "evidently", "langgraph"}
    assert slow.isdisjoint(imported("from stockcast import forecasting, jobs"))


def test_no_command_shows_help(capfd: Output) -> None:
    assert main([]) == 0
    assert "Usage: stockcast" in capfd.readouterr().out


def test_whatever_is_printed_during_the_work_goes_to_stderr(capfd: Output) -> None:
    with results_only():
        print("from Python")
        os.write(1, b"from a library\n")
        subprocess.run(["echo", "from a child"], check=True)
    print_json({"the": "result"})
    printed = capfd.readouterr()
    assert json.loads(printed.out) == {"the": "result"}
    assert printed.err.count("from") == 3


def test_json_refuses_what_is_not_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"figure": float("nan")})


@pytest.mark.parametrize(
    ("error", "code"),
    [(StockcastError("It failed."), 1), (BadInput("It is bad."), 2), (ZeroDivisionError("x"), 1)],
)
def test_error_is_one_line_with_its_exit_code(error: Exception, code: int, capfd: Output) -> None:
    assert show_error(error, as_json=False, debug=False) == code
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("stockcast: ")
    assert printed.err.count("\n") == 1


def test_disk_that_is_full_is_said_with_the_file(capfd: Output) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "a.py", None, "runs/a.py")
    assert show_error(full, as_json=False, debug=False) == 1
    said = "stockcast: Expected to be able to write runs/a.py, got: No space left on device.\n"
    assert capfd.readouterr().err == said


def test_unexpected_error_names_its_type(capfd: Output) -> None:
    show_error(ZeroDivisionError("by nothing"), as_json=False, debug=False)
    assert "unexpected ZeroDivisionError: by nothing" in capfd.readouterr().err


def test_traceback_is_for_those_who_debug(capfd: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["run", "--set", "horizon=0", "--debug"]) == 2
    assert "Traceback" in capfd.readouterr().err
    monkeypatch.setenv("STOCKCAST_DEBUG", "1")
    assert main(["run", "--set", "horizon=0"]) == 2
    assert "Traceback" in capfd.readouterr().err


def test_error_with_json_says_what_kind(capfd: Output) -> None:
    show_error(BadInput("It is bad."), as_json=True, debug=False)
    document = json.loads(capfd.readouterr().out)
    assert document == {"error": {"message": "It is bad.", "kind": "BadInput", "exit_code": 2}}


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--set", "horizon=0", "--json"]])
def test_reader_that_goes_away_sees_no_traceback(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    gone = subprocess.run([STOCKCAST, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert gone.returncode == 1
    assert [line for line in gone.stderr.splitlines() if not line.startswith("stockcast: ")] == []


def test_interrupt_is_quiet_and_exits_130(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"mlflow_tracking_uri=http://127.0.0.1:{listener.getsockname()[1]}"
        command = [STOCKCAST, "doctor", "--set", f"root={tmp_path}", "--set", url]
        working = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        listener.settimeout(60)
        asking, _ = listener.accept()  # now it is at work, and waits for an answer
        with asking:
            working.send_signal(signal.SIGINT)
            _, told = working.communicate(timeout=60)
    assert working.returncode == 130
    assert "Traceback" not in told
