"""The curl lines of docs/service.md, word for word, on a service that was just started."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

from stockcast.settings import HOME, Settings
from tests.api.servers import kill, serving

LINES = re.findall(r"^curl .*$", (HOME / "docs" / "service.md").read_text("utf-8"), re.MULTILINE)


def test_curl_lines_of_the_documentation_work(own: Callable[..., Settings]) -> None:
    assert len(LINES) >= 8
    task = ""
    settings = own()
    with serving(settings) as server:
        try:
            for line in LINES:
                words = line.replace("http://127.0.0.1:8000", server.url).replace("TASK_ID", task)
                shell = ["bash", "-c", words]  # it reads the key
                done = subprocess.run(shell, capture_output=True, text=True, cwd=settings.root)
                assert done.returncode == 0, f"{line}: {done.stderr}"
                if "/train-child" in line:
                    task = json.loads(done.stdout)["task_id"]
        finally:
            if task:
                kill(task)
    assert task
