"""Asks a language model at an Ollama; the only module that knows it.

An answer is streamed, so that progress shows and a limit can be kept: on the time of one answer, on
the time of the report, on the characters of an answer that never ends. What goes wrong is told
apart, tried once more where that may help, and ends as :class:`NoAnswer` with a reason a reader
understands.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from stockcast.deadline import within
from stockcast.errors import BadInput
from stockcast.redaction import mask

if TYPE_CHECKING:
    from stockcast.settings import Settings

__all__ = ["Model", "NoAnswer", "close", "embed", "probe"]

Answer = TypeVar("Answer", bound=BaseModel)

#: Characters after which an answer is taken for one that never ends.
LONGEST = 30_000
#: Seconds to connect, to wait before the second try, and for an embedding.
CONNECT, PAUSE, EMBEDDING = 3.0, 0.2, 10.0
#: Tokens that a prompt with its answer may take; Ollama's default cuts a fact table off.
CONTEXT, LONGEST_ANSWER = 16_384, 4_096

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_opened: dict[tuple[Any, ...], Any] = {}
_opening = threading.Lock()


class NoAnswer(Exception):
    """The model gave nothing that can be used.

    Attributes:
        kind: unreachable, missing, refused, failed, slow, garbage, cut, endless or schema.
        reason: the same for a reader, without a full stop.
        tries: how often the model was asked.
    """

    #: Kinds after which asking the same Ollama again is a waste of the reader's time.
    FINAL = frozenset({"unreachable", "missing", "refused", "slow", "endless"})
    #: Kinds that a second try may mend.
    PASSING = frozenset({"unreachable", "failed", "garbage", "cut", "schema"})

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.tries = kind, reason, 1


class Model:
    """The language model that the settings name; at ``deadline``, a ``time.monotonic()``, the
    report must be done."""

    def __init__(self, settings: Settings, deadline: float) -> None:
        self._settings, self._deadline = settings, deadline
        self.name = settings.ollama_model

    def ask(
        self,
        schema: type[Answer],
        messages: Sequence[tuple[str, str]],
        tries: int = 2,
        heard: Callable[[int], None] = lambda characters: None,
    ) -> tuple[Answer, int]:
        """Return an answer of ``schema``, and how many tries it took, of ``tries`` at most.

        ``messages`` are role and text of each; ``heard`` is called with the number of characters
        that have come so far.

        Raises:
            NoAnswer: no try gave one; its ``tries`` says how many there were.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._once(schema, messages, heard), attempt
            except NoAnswer as error:
                left = self._deadline - time.monotonic()
                if attempt >= tries or error.kind not in NoAnswer.PASSING or left < 2 * PAUSE:
                    error.tries = attempt
                    raise
            time.sleep(PAUSE)

    def _once(
        self,
        schema: type[Answer],
        messages: Sequence[tuple[str, str]],
        heard: Callable[[int], None],
    ) -> Answer:
        seconds = min(self._settings.ollama_timeout, self._deadline - time.monotonic())
        if seconds <= 0:
            raise NoAnswer("slow", "the time for this report was used up")
        chat = _open(self._settings, "chat", self._settings.ollama_model)
        bound = chat.bind(format=schema.model_json_schema())
        reading = _Reading(seconds, heard)
        try:
            text = within(seconds + 0.5, lambda: reading.whole(bound.stream(list(messages))))
        except TimeoutError:
            reading.stopped = True
            close(chat)
            raise _slow(seconds, reading.characters) from None
        return _parse(schema, text)


class _Reading:
    """Reads one answer piece by piece, within limits."""

    def __init__(self, seconds: float, heard: Callable[[int], None]) -> None:
        self._seconds, self._heard = seconds, heard
        self.characters = 0
        self.stopped = False

    def whole(self, stream: Generator[Any]) -> str:
        """Return all that ``stream`` yields."""
        pieces: list[str] = []
        done: dict[str, Any] = {}
        end = time.monotonic() + self._seconds
        with _told_apart(self._seconds), contextlib.closing(stream):
            for piece in stream:
                if self.stopped:
                    break
                pieces.append(str(piece.content))
                self.characters += len(pieces[-1])
                done.update(piece.response_metadata)
                self._heard(self.characters)
                if self.characters > LONGEST:
                    raise NoAnswer("endless", f"its answer did not end in {LONGEST:,} characters")
                if time.monotonic() > end:
                    raise _slow(self._seconds, self.characters)
        if not done.get("done"):
            raise NoAnswer("cut", "its answer was cut off")
        if done.get("done_reason") == "length":
            raise NoAnswer("cut", f"its answer was cut off at {LONGEST_ANSWER:,} tokens")
        return "".join(pieces)


@contextlib.contextmanager
def _told_apart(seconds: float) -> Iterator[None]:
    """Turn what the client raises into the kind of fault that it stands for."""
    import httpx
    from ollama import ResponseError

    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, ConnectionError):
        raise NoAnswer("unreachable", "no Ollama answered at its address") from None
    except httpx.TimeoutException:
        raise _slow(seconds, 0) from None
    except ResponseError as error:
        raise _refusal(error.status_code) from None
    except httpx.TransportError:
        raise NoAnswer("cut", "its answer was cut off") from None
    except (json.JSONDecodeError, ValidationError, UnicodeDecodeError, KeyError, TypeError):
        raise NoAnswer("garbage", "what answered does not speak Ollama's protocol") from None
    except ValueError as error:
        raise NoAnswer("garbage", f"its answer made no sense ({type(error).__name__})") from None


def _refusal(status: int) -> NoAnswer:
    """Return what a status means; what the server said is a stranger's, and in no report."""
    if status == 404:
        return NoAnswer("missing", "Ollama does not have the model")
    if status >= 500 or status < 0:
        told = f" (HTTP {status})" if status > 0 else ""
        return NoAnswer("failed", f"Ollama failed{told}")
    return NoAnswer("refused", f"Ollama refused the request (HTTP {status})")


def _slow(seconds: float, characters: int) -> NoAnswer:
    if characters:
        return NoAnswer("endless", f"its answer did not end within {seconds:.3g} s")
    return NoAnswer("slow", f"it did not answer within {seconds:.3g} s")


def _parse(schema: type[Answer], text: str) -> Answer:
    """Return the object in ``text``; what a model thinks aloud and code fences are passed over."""
    body = re.sub(r"(?s)^\s*<think>.*?</think>", "", text).strip()
    body = re.sub(r"^```(?:json)?\s*|\s*```$", "", body)
    try:
        return schema.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        known = field in schema.model_fields
        what = f"its field {field} is wrong" if known else "it is another JSON"
        if first["type"] == "json_invalid":
            what = "it is not JSON"
        raise NoAnswer("schema", f"its answer breaks the schema: {what}") from None


def embed(settings: Settings, text: str) -> list[float]:
    """Return the vector of ``text`` by the embedding model that the settings name.

    Raises:
        NoAnswer: there is none to be had.
    """
    embedder = _open(settings, "embedder", settings.ollama_embedding_model)
    with _told_apart(EMBEDDING):
        try:
            return list(within(EMBEDDING, lambda: embedder.embed_query(text)))
        except TimeoutError:
            raise _slow(EMBEDDING, 0) from None


def probe(settings: Settings) -> str:
    """Return the version of the Ollama that the settings name.

    Raises:
        NoAnswer: it does not answer.
        BadInput: the settings name none.
    """
    import httpx

    with _told_apart(CONNECT):
        answer = httpx.get(f"{_base(settings)}/api/version", timeout=CONNECT, trust_env=False)
        answer.raise_for_status()
        return str(answer.json().get("version", "unknown"))


def _open(settings: Settings, kind: str, model: str) -> Any:
    """Return the client for ``model``; one is kept for each, since they do not close sockets."""
    seconds = settings.ollama_timeout if kind == "chat" else EMBEDDING
    key = (kind, _base(settings), model, settings.temperature, seconds)
    with _opening:
        if key not in _opened:
            if not _opened:
                atexit.register(close)
            _opened[key] = _make(settings, kind, model, seconds)
        return _opened[key]


def _make(settings: Settings, kind: str, model: str, seconds: float) -> Any:
    import httpx
    from langchain_ollama import ChatOllama, OllamaEmbeddings

    base = _base(settings)
    client = {
        "timeout": httpx.Timeout(seconds, connect=min(CONNECT, seconds)),
        # a proxy of the environment does not know what is on this machine
        "trust_env": urlsplit(base).hostname not in _LOOPBACK,
    }
    if kind == "embedder":
        return OllamaEmbeddings(model=model, base_url=base, client_kwargs=client)
    return ChatOllama(
        model=model,
        base_url=base,
        temperature=settings.temperature,
        seed=settings.seed,
        num_ctx=CONTEXT,
        num_predict=LONGEST_ANSWER,
        client_kwargs=client,
    )


def close(client: Any = None) -> None:
    """Close the sockets of ``client``, of every client when none is given, and forget it.

    A thread that is stuck in one ends by that.
    """
    with _opening:
        for key in [key for key, value in _opened.items() if client in (None, value)]:
            client_of = _opened.pop(key)._client
            with contextlib.suppress(OSError, RuntimeError):
                client_of._client.close()


def _base(settings: Settings) -> str:
    base = (settings.ollama_base_url or "").rstrip("/")
    try:
        parts = urlsplit(base)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        shown = mask(base)
        raise BadInput(
            f"Expected ollama_base_url to be a URL such as http://localhost:11434, got {shown!r}."
        )
    return base
