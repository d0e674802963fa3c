"""Put what commands print into a page: each block that begins with ``$ stockcast`` is run anew.

    python -m tests.docs.outputs docs/risk.md --set root=DIR

What stands behind the page goes to every command, and is not shown.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

__all__ = ["main"]

_SHOWN = re.compile(r"^```text\n\$ (stockcast .*)\n(?:.*\n)*?```$", re.MULTILINE)


def main(page: str, *options: str) -> None:
    """Run the commands of ``page`` and write what they print below them."""

    def run(found: re.Match[str]) -> str:
        command = [sys.executable, "-m", *shlex.split(found[1]), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        lines = "\n".join(line.rstrip() for line in done.stdout.splitlines())
        return f"```text\n$ {found[1]}\n{lines}\n```"

    path = Path(page)
    path.write_text(_SHOWN.sub(run, path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
