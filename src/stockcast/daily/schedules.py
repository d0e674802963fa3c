"""What starts the scheduled run: a crontab, a systemd timer or a GitHub workflow, ready to use.

None of the three knows an exchange's holidays, so each starts ``stockcast daily`` after every
regular close, and that says at once when nothing is due. Half days close earlier; the regular time
serves them, too. Where the scheduler's clock does not follow the exchange's summer time, there is
one start for each of the two offsets, and the one that comes too early finds nothing to do.
"""

from __future__ import annotations

import datetime as dt
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from stockcast.markets import calendars
from stockcast.settings import HOME, Settings
from stockcast.workspace import Workspace

__all__ = ["DELAY", "Start", "crontab", "github_workflow", "starts", "systemd_units"]

#: After the close: the source's bar is taken to be final 20 minutes after it.
DELAY = pd.Timedelta(minutes=30)
#: Sessions of a year that must close at a time for it to count as a regular one.
REGULAR = 20

_WORKFLOW = """\
# Save as .github/workflows/stockcast-%(profile)s.yml
name: stockcast daily (%(profile)s)
"on":
  schedule:
%(crons)s
  workflow_dispatch: {}
permissions:
  contents: read
concurrency:
  group: stockcast-daily-%(profile)s
  cancel-in-progress: false
jobs:
  daily:
    runs-on: ubuntu-latest
    timeout-minutes: 350
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.11", cache: pip}
      - name: Fetch what earlier days left
        uses: actions/cache/restore@v4
        with:
          path: |
            products/%(profile)s
            reports/%(profile)s
          key: stockcast-%(profile)s-${{ github.run_id }}
          restore-keys: stockcast-%(profile)s-
      - name: Install
        run: make .venv/.installed TORCH_ARGS="$TORCH_ARGS"
        env: {TORCH_ARGS: "${{ vars.TORCH_ARGS }}"}
      - name: Settle, forecast, report
        run: %(command)s
        env: {STOCKCAST_NOTIFY_URL: "${{ secrets.STOCKCAST_NOTIFY_URL }}"}
      - name: Keep what this day leaves
        if: always()
        uses: actions/cache/save@v4
        with:
          path: |
            products/%(profile)s
            reports/%(profile)s
          key: stockcast-%(profile)s-${{ github.run_id }}
      - if: always()
        uses: actions/upload-artifact@v4
        with: {name: reports-%(profile)s, path: reports/%(profile)s}
"""
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Start(NamedTuple):
    """A time of day, and the weekdays (Monday is 0) on which to start then."""

    hour: int
    minute: int
    weekdays: tuple[int, ...]


def starts(
    exchange: str, zone: dt.tzinfo | None = None, today: pd.Timestamp | None = None
) -> list[Start]:
    """When to start over the year from ``today``, by the clock of ``zone`` or of this machine.

    Raises:
        BadInput: there is no such exchange.
    """
    first = calendars.today(exchange) if today is None else today
    days = calendars.sessions(exchange, first, first + pd.Timedelta(days=365))
    times: dict[tuple[int, int], list[int]] = {}
    for day in days:
        moment = (calendars.close_time(exchange, day) + DELAY).to_pydatetime().astimezone(zone)
        times.setdefault((moment.hour, moment.minute), []).append(moment.weekday())
    regular = {time: on for time, on in times.items() if len(on) >= min(REGULAR, len(days))}
    return [Start(*time, tuple(sorted(set(regular[time])))) for time in sorted(regular)]


def crontab(settings: Settings, options: Sequence[str]) -> str:
    """Lines for ``crontab -e``, in the time zone of this machine."""
    command = shlex.join(_command(settings, options)).replace("%", r"\%")  # % ends cron's line
    log = shlex.quote(str(Workspace.of(settings).daily_log)).replace("%", r"\%")
    lines = [
        f"{start.minute} {start.hour} * * {_cron_days(start.weekdays)} {command} >> {log} 2>&1"
        for start in starts(settings.exchange)
    ]
    folder = shlex.quote(str(Workspace.of(settings).state))
    return "\n".join(
        [
            f"# stockcast, profile {settings.profile}: after each close of {settings.exchange}.",
            f"# Add these lines with crontab -e; once before: mkdir -p {folder}",
            *lines,
            "",
        ]
    )


def systemd_units(settings: Settings, options: Sequence[str]) -> dict[str, str]:
    """A service and the timer that starts it, by file name."""
    name = f"stockcast-{settings.profile}"
    zone = calendars.zone(settings.exchange)
    times = [
        f"OnCalendar={','.join(_DAYS[day] for day in start.weekdays)} "
        f"*-*-* {start.hour:02}:{start.minute:02}:00 {zone}"
        for start in starts(settings.exchange, ZoneInfo(zone))
    ]
    command = " ".join(_systemd_quoted(word) for word in _command(settings, options))
    service = f"""\
[Unit]
Description=stockcast daily run, profile {settings.profile}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={str(HOME).replace("%", "%%")}
EnvironmentFile=-{str(HOME / ".env").replace("%", "%%")}
ExecStart={command}
TimeoutStartSec=6h
Nice=10
NoNewPrivileges=yes
"""
    timer = f"""\
[Unit]
Description=stockcast after each close of {settings.exchange}, profile {settings.profile}

[Timer]
{chr(10).join(times)}
Persistent=true
RandomizedDelaySec=60

[Install]
WantedBy=timers.target
"""
    return {f"{name}.service": service, f"{name}.timer": timer}


def github_workflow(settings: Settings, options: Sequence[str]) -> str:
    """A workflow that keeps the products from day to day in GitHub's cache, as YAML."""
    command = [".venv/bin/stockcast", "daily", "-p", settings.profile, *options]
    crons = (
        f'"{start.minute} {start.hour} * * {_cron_days(start.weekdays)}"'
        for start in starts(settings.exchange, dt.UTC)
    )
    return _WORKFLOW % {
        "profile": settings.profile,
        "crons": "\n".join(f"    - cron: {cron}" for cron in crons),
        "command": json.dumps(shlex.join(command)),
    }


def _command(settings: Settings, options: Sequence[str]) -> list[str]:
    program = Path(sys.executable).with_name("stockcast")
    return [str(program), "daily", "-p", settings.profile, *options]


def _cron_days(weekdays: Sequence[int]) -> str:
    """Weekdays as cron counts them, where Sunday is 0."""
    return ",".join(str(day) for day in sorted((day + 1) % 7 for day in weekdays))


def _systemd_quoted(word: str) -> str:
    """``word`` as one argument: systemd expands % and $, and splits at spaces."""
    text = word.replace("%", "%%").replace("$", "$$")
    plain = all(c.isalnum() or c in "-_./=:,+%$@^" for c in text)
    return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
