"""One computation at a time per key, across threads, processes and machines that share a Redis.

Whoever claims a key computes (the leader); the others wait for the leader's outcome, which is
kept under the leader's own token for those who saw it at work, and for nobody else. A leader that
dies stops renewing its claim, and a waiter takes over.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import redis

from stockcast.cache.connection import Connection
from stockcast.errors import BadInput, DataFault, StockcastError, Unavailable

__all__ = ["claim", "single_flight"]

Document = dict[str, Any]

_KEPT = 60_000  # ms; a waiter looks far more often
_PATIENT = 2.0  # s; who waits anyway, or renews in the background, need not ask in a hurry
_ERRORS = {kind.__name__: kind for kind in (StockcastError, BadInput, DataFault, Unavailable)}


def single_flight(
    connection: Connection,
    key: str,
    compute: Callable[[], Document],
    recall: Callable[[], Document | None],
    *,
    lease: float,
    patience: float,
) -> Document:
    """Return what ``recall`` knows, else what ``compute`` gives here or in another process."""
    deadline = time.monotonic() + patience
    token = uuid.uuid4().hex
    while True:
        known = recall()
        if known is not None:
            return known
        try:
            holder = claim(connection, key, token, lease)
        except Unavailable:
            return compute()  # unguarded: twice is better than never
        if holder == token:
            with _holding(connection, key, token, lease) as finish:
                return _computed(compute, recall, finish)
        outcome = _await(connection, key, holder, lease, deadline)
        if outcome is not None:
            return _unpack(outcome)


def claim(connection: Connection, key: str, token: str, lease: float) -> str:
    """Claim ``key`` for ``lease`` seconds unless it is claimed; return the token that has it now.

    Raises:
        Unavailable: Redis does not answer.
    """
    limit = _milliseconds(lease)

    def ask(client: redis.Redis) -> str:
        if client.set(key, token, nx=True, px=limit):
            return token
        holder, left = client.get(key), client.pttl(key)
        if left == -1 or left > limit:  # nobody's work: who works renews a claim of one lease
            client.pexpire(key, limit)
        return _text(holder or "")

    return connection.ask(ask)


def _computed(
    compute: Callable[[], Document],
    recall: Callable[[], Document | None],
    finish: Callable[[Document], None],
) -> Document:
    # Another leader may have finished between our look and our claim.
    known = recall()
    if known is not None:
        finish({"value": known})
        return known
    try:
        value = compute()
    except Exception as error:
        finish({"error": _sentence(error), "kind": type(error).__name__})
        raise
    finish({"value": value})
    return value


@contextlib.contextmanager
def _holding(
    connection: Connection, key: str, token: str, lease: float
) -> Iterator[Callable[[Document], None]]:
    """Renew the claim until the end of the block, then give it up with the outcome, if any."""
    outcome, place = b"", f"{key}:{token}"
    over = threading.Event()

    def if_ours(act: Callable[[redis.Redis], object]) -> Callable[[redis.Redis], object]:
        # a claim that is lost stays lost: it may be another's
        return lambda client: _text(client.get(key)) == token and act(client)

    def renew() -> None:
        again = if_ours(lambda client: client.pexpire(key, _milliseconds(lease)))
        while not over.wait(lease / 3):
            with contextlib.suppress(Unavailable):  # there is time for another attempt
                connection.ask(again, _PATIENT)

    def finish(result: Document) -> None:
        nonlocal outcome
        outcome = connection.seal.close(place, json.dumps(result, allow_nan=False))

    threading.Thread(target=renew, name=f"renew {key}", daemon=True).start()
    try:
        yield finish
    finally:
        over.set()
        with contextlib.suppress(Unavailable):  # the claim then runs out by itself
            if outcome:
                connection.ask(lambda client: client.set(place, outcome, px=_KEPT))
            connection.ask(if_ours(lambda client: client.delete(key)))


def _await(
    connection: Connection, key: str, holder: str, lease: float, deadline: float
) -> Document | None:
    """Return the outcome of ``holder``, or None once it is gone without one.

    Raises:
        Unavailable: it was still at work at the deadline.
    """
    pause, heard = 0.02, time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)
        try:
            claim, outcome = connection.ask(
                lambda client: client.mget(key, f"{key}:{holder}"), _PATIENT
            )
        except Unavailable:
            if time.monotonic() - heard > lease:  # a live leader is out of reach for us as well
                return None
            continue
        heard = time.monotonic()
        told = connection.seal.open(f"{key}:{holder}", outcome)
        if told is not None:
            return _document(told)
        if claim is None or _text(claim) != holder:
            return None
    raise Unavailable(f"Another process is still at work on {_name(key)}; ask again later.")


def _unpack(outcome: Document) -> Document:
    if "error" in outcome:
        kind = _ERRORS.get(str(outcome.get("kind")), StockcastError)
        raise kind(str(outcome["error"]))
    value = outcome["value"]
    return value if isinstance(value, dict) else {}


def _document(text: bytes) -> Document | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    well = isinstance(document, dict) and ("error" in document or "value" in document)
    return document if well else None


def _sentence(error: Exception) -> str:
    if isinstance(error, StockcastError):
        return str(error)
    return f"The computation failed in another process: {type(error).__name__}: {error}"


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _name(key: str) -> str:
    return key.partition(":once:")[2].partition(":")[2]  # the scope means nothing to a person


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
