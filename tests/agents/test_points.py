"""The embedded memory reads points, and runs nothing that its file was made to hold."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from stockcast.agents import memory
from stockcast.agents.memory import Outline, Shelf
from stockcast.settings import Settings, load_settings
from tests.agents import worlds

CONDITIONS = dict.fromkeys(memory.CONDITIONS, "d1")
OUTLINE = Outline("AAPL", "2013-03-01", "AAPL on 2013-03-01", CONDITIONS)
REPORT, _ = worlds.written(load_settings("sample"), worlds.subject(1))


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_pickle_in_the_memory_is_not_run(
    sample_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings, ran = sample_settings(), tmp_path / "ran"
    shelf = Shelf(settings)
    assert shelf.keep(OUTLINE, REPORT) is None
    assert Shelf(settings).recall(OUTLINE).report == REPORT
    (storage,) = (settings.state / "qdrant").rglob("storage.sqlite")
    with closing(sqlite3.connect(storage)) as connection, connection:
        connection.execute("UPDATE points SET point = ?", (pickle.dumps(Attack(ran)),))
    answer = Shelf(settings).recall(OUTLINE)
    assert answer.report is None
    assert not ran.exists()
    assert shelf.keep(OUTLINE, REPORT) is None  # the damaged store was set aside
