"""What a scheduler is given: right by its own checker, and right about the exchange's hours."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import yaml

from stockcast.cli import main
from stockcast.daily import schedules
from stockcast.daily.schedules import Start, starts
from stockcast.settings import Settings

NEW_YORK = ZoneInfo("America/New_York")
TODAY = pd.Timestamp("2025-11-24")
WEEKDAYS = (0, 1, 2, 3, 4)
Make = Callable[..., Settings]


def test_by_the_exchanges_own_clock_there_is_one_start() -> None:
    assert starts("XNYS", NEW_YORK, TODAY) == [Start(16, 30, WEEKDAYS)]


def test_by_another_clock_there_is_one_for_summer_and_one_for_winter() -> None:
    assert starts("XNYS", dt.UTC, TODAY) == [Start(20, 30, WEEKDAYS), Start(21, 30, WEEKDAYS)]


def test_weekdays_are_those_of_the_exchange_where_the_scheduler_is() -> None:
    assert starts("XNYS", ZoneInfo("Asia/Tokyo"), TODAY)[0].weekdays == (1, 2, 3, 4, 5)
    riyadh = starts("XSAU", ZoneInfo("Asia/Riyadh"), TODAY)
    assert [start.weekdays for start in riyadh] == [(0, 1, 2, 3, 6)]  # from Sunday on


def test_every_session_has_a_start_after_its_close_on_its_day() -> None:
    from stockcast.markets import calendars

    moments = starts("XNYS", dt.UTC, TODAY)
    for session in calendars.sessions("XNYS", "2025-11-24", "2026-11-20"):
        close = calendars.close_time("XNYS", session)
        after = [
            close.normalize() + pd.Timedelta(hours=start.hour, minutes=start.minute)
            for start in moments
            if close.weekday() in start.weekdays
        ]
        assert any(moment >= close + schedules.DELAY for moment in after), session


def test_crontab_lines_are_what_cron_reads(sample_settings: Make) -> None:
    text = schedules.crontab(sample_settings(), ["--set", "parent_ticker=^GSPC", "--set", "x=50%"])
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines
    for line in lines:
        minute, hour, day, month, weekdays, command = line.split(" ", 5)
        assert 0 <= int(minute) < 60
        assert 0 <= int(hour) < 24
        assert (day, month) == ("*", "*")
        assert set(weekdays.split(",")) <= set("0123456")
        assert "stockcast daily -p sample --set 'parent_ticker=^GSPC'" in command
        assert r"50\%" in command


def test_systemd_takes_the_units(sample_settings: Make, tmp_path: Path) -> None:
    files = schedules.systemd_units(sample_settings(), ["--set", "root=/tmp/with space 50%"])
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert 'root=/tmp/with space 50%%"' in files["stockcast-sample.service"]
    assert "America/New_York" in files["stockcast-sample.timer"]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in files)],
        capture_output=True,
        text=True,
        env={"SYSTEMD_LOG_LEVEL": "warning", "PATH": "/usr/bin:/bin"},
    )
    ours = [line for line in done.stderr.splitlines() if "stockcast" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def test_github_takes_the_workflow(sample_settings: Make, tmp_path: Path) -> None:
    path = tmp_path / "stockcast-sample.yml"
    path.write_text(schedules.github_workflow(sample_settings(), ["--set", "jobs=1"]))
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [checker, "--builtin-schema", "vendor.github-workflows", path],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    document = yaml.safe_load(path.read_text())
    assert [each["cron"] for each in document["on"]["schedule"]] == [
        "30 20 * * 1,2,3,4,5",
        "30 21 * * 1,2,3,4,5",
    ]
    ran = [step.get("run", "") for step in document["jobs"]["daily"]["steps"]]
    assert ".venv/bin/stockcast daily -p sample --set jobs=1" in ran


def test_the_command_prints_one_kind_and_no_secret(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["schedule", "--cron", "--json", "--set", f"root={tmp_path}"]) == 0
    assert list(json.loads(capsys.readouterr().out)["files"]) == ["crontab"]
    assert main(["schedule"]) == 2
    assert "one of --cron, --systemd and --github" in capsys.readouterr().err
    assert main(["schedule", "--cron", "--set", "notify_url=http://h/secret-1"]) == 2
    said = capsys.readouterr()
    assert "STOCKCAST_NOTIFY_URL" in said.err
    assert "secret-1" not in said.out + said.err
