"""What processes and machines that share a Redis tell each other of long work."""

from __future__ import annotations

from typing import Any

from stockcast.cache.connection import Connection
from stockcast.cache.single_flight import claim, release
from stockcast.errors import Unavailable

__all__ = ["Tasks"]

_KEPT = 7 * 86_400  # s


class Tasks:
    """The tasks of one root as Redis has them; no method fails because Redis does."""

    def __init__(self, connection: Connection, key: str) -> None:
        self.connection = connection
        self._key = key

    def put(self, task_id: str, text: str) -> bool:
        """Keep the JSON of a task for a week; say whether it is kept."""
        try:
            value = self.connection.seal.close(f"{self._key}:{task_id}", text)
            self.connection.ask(lambda client: client.hset(self._key, task_id, value))
            self.connection.ask(lambda client: client.expire(self._key, _KEPT))
        except Unavailable:
            return False
        return True

    def all(self) -> dict[str, str]:
        """Return the JSON of every task by its id; none when Redis does not answer.

        What somebody else wrote there is none.
        """
        try:
            found = self.connection.ask(lambda client: client.hgetall(self._key))
        except Unavailable:
            return {}
        named = {_text(key): value for key, value in found.items()}
        opened = {key: self.connection.seal.open(f"{self._key}:{key}", named[key]) for key in named}
        return {key: _text(value) for key, value in opened.items() if value is not None}

    def forget(self, *task_ids: str) -> None:
        """Drop their documents."""
        try:
            self.connection.ask(lambda client: client.hdel(self._key, *task_ids))
        except Unavailable:
            return

    def claim(self, name: str, task_id: str, lease: float) -> str:
        """Claim ``name`` for ``lease`` seconds, anew if the task has it; return who has it now.

        Without an answer that is the task itself: Redis keeps no two machines apart then.
        """
        try:
            return claim(self.connection, self._claim(name), task_id, lease)
        except Unavailable:
            return task_id

    def release(self, name: str, task_id: str) -> None:
        """Give the claim of ``name`` up, if the task has it."""
        release(self.connection, self._claim(name), task_id)

    def holder(self, name: str) -> str | None:
        """Return the task that claims ``name``; None if there is none to be seen."""
        try:
            found = self.connection.ask(lambda client: client.get(self._claim(name)))
        except Unavailable:
            return None
        return None if found is None else _text(found)

    def _claim(self, name: str) -> str:
        return f"{self._key}:{name}"


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
