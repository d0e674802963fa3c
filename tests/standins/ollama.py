"""A loopback server that speaks Ollama's protocol, and breaks it on request.

It answers ``/api/chat`` as a stream of JSON lines, ``/api/embed``, ``/api/tags``, ``/api/version``
and ``/api/show``, and keeps every request. What it says is made from the facts in the prompt, so
that a report by it is true unless a test wants it otherwise.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.standins.loopback import Handler, running
from tests.standins.voices import plain

FAULTS = (
    "missing",
    "error",
    "slow",
    "drip",
    "garbage",
    "cut",
    "unfinished",
    "length",
    "endless",
    "schema",
    "prose",
    "error_line",
)

Reply = Callable[[str, dict[str, Any]], dict[str, Any]]


class StandIn:
    """What a test holds: the address, the requests so far, and how to answer the next ones."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.fault: str | None = None
        self.faulty_calls: set[int] | None = None  #: numbers of chat calls that fail; None: all
        self.delay = 0.0
        self.prefix = ""  #: said in front of the JSON
        self.reply: Reply = truthful
        self.closing = threading.Event()

    @property
    def chats(self) -> list[dict[str, Any]]:
        """The chat requests so far."""
        return [body for path, body in self.requests if path == "/api/chat"]

    def fault_of(self, call: int) -> str | None:
        """Return how chat call number ``call`` (from 1) fails, if it does."""
        fails = self.faulty_calls is None or call in self.faulty_calls
        return self.fault if fails else None


@contextlib.contextmanager
def serve(**options: Any) -> Iterator[StandIn]:
    """Run the server; ``options`` are attributes of :class:`StandIn`."""
    stand_in = StandIn()
    for name, value in options.items():
        setattr(stand_in, name, value)
    with running(_handler(stand_in), stand_in) as stand_in.url:
        yield stand_in


def _handler(stand_in: StandIn) -> type[Handler]:
    class Ollama(Handler):
        def do_GET(self) -> None:
            found = {"/api/version": {"version": "0.9.0"}, "/api/tags": {"models": []}}
            self.send(
                found.get(self.path, {"error": "not found"}), 200 if self.path in found else 404
            )

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stand_in.requests.append((self.path, body))
            if self.path == "/api/embed":
                self._embed(body)
            elif self.path == "/api/chat":
                self._chat(body)
            else:
                self.send({"error": "not found"}, 404)

        def _embed(self, body: dict[str, Any]) -> None:
            if stand_in.fault in ("missing", "error"):
                self.send({"error": "boom"}, 404 if stand_in.fault == "missing" else 500)
                return
            texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
            self.send({"model": body["model"], "embeddings": [vector(text) for text in texts]})

        def _chat(self, body: dict[str, Any]) -> None:
            fault = stand_in.fault_of(len(stand_in.chats))
            time.sleep(stand_in.delay)
            if fault == "missing":
                self.send({"error": f"model '{body['model']}' not found"}, 404)
            elif fault == "error":
                self.send({"error": "boom"}, 500)
            elif fault == "slow":
                stand_in.closing.wait(30)
            else:
                self._stream(body, fault)

        def _stream(self, body: dict[str, Any], fault: str | None) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-ndjson")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if fault == "garbage":
                self._chunk(b"<html>Bad gateway</html>\n")
            elif fault == "drip":
                while not stand_in.closing.wait(0.05):
                    self._chunk(b" ")
            elif fault == "error_line":
                self._chunk(json.dumps({"error": "out of memory"}).encode() + b"\n")
            else:
                self._answer(body, fault)
                if fault == "cut":
                    self.close_connection = True
                    return
            self._chunk(b"")

        def _answer(self, body: dict[str, Any], fault: str | None) -> None:
            role = (body.get("format") or {}).get("title", "")
            answer = json.dumps(stand_in.reply(role, body))
            text = {
                "schema": '{"surprise": 1}',
                "prose": "Of course! Here is the note that you asked for.",
            }.get(str(fault), stand_in.prefix + answer)
            self._say(body, {"role": "assistant", "content": "", "thinking": "Let me see."})
            for start in range(0, len(text), 40):
                self._say(body, {"role": "assistant", "content": text[start : start + 40]})
                if fault == "cut":
                    return
            while fault == "endless" and not stand_in.closing.is_set():
                self._say(body, {"role": "assistant", "content": "and so on, "})
                time.sleep(0.001)
            if fault != "unfinished":
                reason = "length" if fault == "length" else "stop"
                self._say(body, {"role": "assistant", "content": ""}, done=True, done_reason=reason)

        def _say(self, body: dict[str, Any], message: dict[str, Any], **more: Any) -> None:
            line = {
                "model": body["model"],
                "created_at": "2025-01-01T00:00:00Z",
                "message": message,
                "done": False,
                **more,
            }
            self._chunk(json.dumps(line).encode() + b"\n")

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

    return Ollama


def vector(text: str) -> list[float]:
    """Return a vector in which texts that share words are near each other."""
    found = [0.0] * 64
    for word in re.findall(r"\w+", text.lower()):
        found[hashlib.sha256(word.encode()).digest()[0] % 64] += 1.0
    return found


def facts_in(body: dict[str, Any]) -> dict[str, str]:
    """Return the facts of a prompt: id -> how to write it."""
    rows = re.findall(
        r"^(\w+) \| [^|]* \| (.*) \| as of \S+$", body["messages"][-1]["content"], re.M
    )
    return dict(rows)


def truthful(role: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return an answer of the role's schema in which every figure is a slot."""
    facts = facts_in(body)
    return _ANSWERS[role](facts)


def speaking(draft: Callable[[dict[str, str]], dict[str, Any]]) -> Reply:
    """Return a reply whose drafts are ``draft``'s, and whose other answers are truthful."""

    def reply(role: str, body: dict[str, Any]) -> dict[str, Any]:
        return draft(facts_in(body)) if role == "Draft" else truthful(role, body)

    return reply


def _analysis(facts: dict[str, str]) -> dict[str, Any]:
    return {
        "trend": "down",
        "trend_reason": "The RSI14 reads {rsi14}.",
        "volatility": "normal",
        "volatility_reason": "Realised volatility is {vol_20d} annualised.",
        "key_levels": ["The 20-day low of {low_20d} is support."],
        "risks": ["The model may be wrong."],
    }


def _view(facts: dict[str, str]) -> dict[str, Any]:
    return {
        "sentiment": "unknown",
        "summary": "The mood is hard to read from {news_count} headlines.",
        "catalysts": [],
    }


def _critique(facts: dict[str, str]) -> dict[str, Any]:
    return {"verdict": "approve", "issues": [], "stance": "NEUTRAL", "confidence": "Low"}


_ANSWERS: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "PerformanceAnalysis": _analysis,
    "MarketView": _view,
    "Draft": plain,
    "Critique": _critique,
}
