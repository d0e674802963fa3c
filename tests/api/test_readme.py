"""The curl lines of the README, word for word, on a service that was just started."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable

from stockcast.settings import HOME, Settings
from tests.api.servers import kill, serving

LINES = re.findall(r"^curl .*$", (HOME / "README.md").read_text("utf-8"), re.MULTILINE)


def test_curl_lines_of_the_readme_work(own: Callable[..., Settings]) -> None:
    assert len(LINES) >= 8
    task = ""
    with serving(own()) as server:
        try:
            for line in LINES:
                words = line.replace("http://127.0.0.1:8000", server.url).replace("TASK_ID", task)
                done = subprocess.run(shlex.split(words), capture_output=True, text=True)
                assert done.returncode == 0, f"{line}: {done.stderr}"
                if "/train-child" in line:
                    task = json.loads(done.stdout)["task_id"]
        finally:
            if task:
                kill(task)
    assert task
