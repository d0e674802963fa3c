"""Finished reports in Qdrant: found again by what they are about; the only module that knows it.

A report is reused when the vector of what it is about is near enough (similarity above 0.95), when
ticker, prices, model, news, prompts, writer and drift are the same, and when it is young enough.
Figures barely move a vector, so it is the conditions that keep old news from being told about new
prices.

Without ``qdrant_url`` the store is embedded. That belongs to one process at a time, so it is opened
briefly, under a file lock. Vectors of different embedders do not compare: each has its collection.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import re
import shutil
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from stockcast.agents import embedding, points
from stockcast.contracts.report import Confidence, Report, Stance
from stockcast.errors import Unavailable
from stockcast.locks import locked
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    from stockcast.settings import Settings

__all__ = ["COLLECTION", "Embedder", "Kept", "Outline", "Recall", "Shelf", "probe"]

#: The collection of the offline embedder; another one's has its name behind.
COLLECTION = "stockcast_reports"
#: Reports with a similarity up to this are about something else.
SIMILAR = 0.95
#: Reports kept per ticker, and seconds that a server has to answer.
KEPT, PATIENCE = 50, 3

_NAMESPACE = uuid.UUID("6d4e5a52-6a55-5d0c-9c53-0a7a5c3a1f10")
#: What the embedded store raises when its files are damaged.
DAMAGE = (
    *(ValueError, KeyError, TypeError, AttributeError, EOFError),
    *(sqlite3.Error, pickle.PickleError),
)
#: What must be the same, and how the answer speaks of it.
CONDITIONS = {
    "data_hash": "the prices",
    "model_version": "the model",
    "forecast": "the forecast",
    "news_hash": "the news",
    "prompt_version": "the prompts",
    "writer": "the writer",
    "drift": "the health of the data",
}

_MANY = ("the prices", "the prompts")


@dataclass(frozen=True)
class Embedder:
    """What turns text into vectors, by name; it raises Unavailable when it cannot."""

    name: str
    embed: Callable[[str], list[float]]

    @property
    def collection(self) -> str:
        """The collection of its vectors."""
        if self.name == embedding.NAME:
            return COLLECTION
        return f"{COLLECTION}_{re.sub(r'[^A-Za-z0-9]+', '_', self.name)}"


OFFLINE = Embedder(embedding.NAME, embedding.embed)


@dataclass(frozen=True)
class Outline:
    """What a report is about, before it is written.

    Attributes:
        ticker: whose report.
        as_of: its day.
        text: ticker, day, forecast, drift and news in words; this is embedded.
        conditions: what a report to reuse must have been made from, by the keys above.
    """

    ticker: str
    as_of: str
    text: str
    conditions: Mapping[str, str]

    @property
    def id(self) -> str:
        """The same for the same outline, so that rewriting a report replaces it."""
        content = json.dumps([self.ticker, self.text, dict(self.conditions)], sort_keys=True)
        return str(uuid.uuid5(_NAMESPACE, hashlib.sha256(content.encode()).hexdigest()))


class Kept(BaseModel):
    """A report as the store has it: with its outline's conditions, and when it expires.

    Times are seconds since 1970; ``report`` is the JSON of the contract.
    """

    model_config = ConfigDict(frozen=True)

    ticker: str
    as_of: str
    data_hash: str = ""
    model_version: str = ""
    forecast: str = ""
    news_hash: str = ""
    prompt_version: str = ""
    writer: str = ""
    drift: str = ""
    created_at: float
    expires_at: float
    stance: Stance
    confidence: Confidence
    last_close: float
    report: str

    def changed(self, outline: Outline) -> list[str]:
        """Return in words which of the conditions are not the outline's."""
        return [
            words
            for key, words in CONDITIONS.items()
            if getattr(self, key) != outline.conditions[key]
        ]


@dataclass(frozen=True)
class Recall:
    """What the shelf answered: a report or none, and why."""

    report: Report | None
    why: str
    similarity: float | None = None


class Shelf:
    """The reports of one profile.

    Args:
        settings: where Qdrant is, and for how long a report may be reused.
        embedders: what makes the vectors; the first that answers is used.
        now: the time, in seconds since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        embedders: Sequence[Embedder] = (OFFLINE,),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._embedders, self._now = settings, tuple(embedders), now
        self._known: dict[str, list[tuple[Kept, float]]] = {}
        self._vectors: dict[str, tuple[str, list[float]]] = {}

    def recall(self, outline: Outline) -> Recall:
        """Return a report to reuse, or why there is none; a store that fails is a reason."""
        if self._settings.report_ttl == 0:
            return Recall(None, "reuse is switched off (report_ttl is 0)")
        try:
            return self._same(outline) or self._nearest(outline)
        except Unavailable as error:
            return Recall(None, f"the memory of reports cannot be used ({error})")

    def keep(self, outline: Outline, report: Report) -> str | None:
        """Keep ``report`` under its outline; return why not when that fails."""
        kept = Kept(
            ticker=outline.ticker,
            as_of=outline.as_of,
            **outline.conditions,
            created_at=self._now(),
            expires_at=self._now() + self._settings.report_ttl,
            stance=report.stance,
            confidence=report.confidence,
            last_close=report.last_close,
            report=report.model_dump_json(),
        )
        try:
            collection, vector = self._vector(outline.text)
            with _connected(self._settings) as client:
                store = _Store(client, collection)
                store.put(outline.id, vector, kept)
                store.thin(outline.ticker, KEPT)
        except Unavailable as error:
            return str(error)
        return None

    def similar(self, outline: Outline, limit: int = 3) -> list[Kept]:
        """Return what is known of earlier reports on the same ticker, the most similar first."""
        try:
            found = self._candidates(outline)
        except Unavailable:
            return []
        earlier: dict[str, Kept] = {}
        for kept, _ in found:
            if kept.as_of < outline.as_of:
                earlier.setdefault(kept.as_of, kept)
        return list(earlier.values())[:limit]

    def _same(self, outline: Outline) -> Recall | None:
        """Return the report of the very same outline, which needs no vector to be found."""
        with _connected(self._settings) as client:
            for embedder in self._embedders:
                kept = _Store(client, embedder.collection).get(outline.id)
                if kept and self._young(kept):
                    return self._hit(kept, 1.0)
        return None

    def _nearest(self, outline: Outline) -> Recall:
        found = self._candidates(outline)
        if not found:
            return Recall(None, f"there is no earlier report on {outline.ticker}")
        best, similarity = max(found, key=lambda pair: (*self._fitness(outline, *pair), pair[1]))
        why = self._objection(outline, best, similarity)
        return Recall(None, why, similarity) if why else self._hit(best, similarity)

    def _hit(self, kept: Kept, similarity: float) -> Recall:
        age = _span(self._now() - kept.created_at)
        same = ", ".join(list(CONDITIONS.values())[:-1])
        why = f"written {age} ago; {same} and {list(CONDITIONS.values())[-1]} are the same"
        try:
            report = Report.model_validate_json(kept.report)
        except ValidationError:  # another version wrote it
            return Recall(None, "the last report is not of this program's version", similarity)
        return Recall(report, f"{why} (similarity {similarity:.3f})", similarity)

    def _candidates(self, outline: Outline) -> list[tuple[Kept, float]]:
        """Return the reports on the ticker with their similarity; the second time from memory."""
        if outline.id not in self._known:
            collection, vector = self._vector(outline.text)
            with _connected(self._settings) as client:
                found = _Store(client, collection).nearest(vector, outline.ticker, KEPT)
            self._known[outline.id] = found
        return self._known[outline.id]

    def _vector(self, text: str) -> tuple[str, list[float]]:
        """Return the vector of ``text`` and its collection. No store is open meanwhile."""
        if text not in self._vectors:
            self._vectors[text] = self._embedded(text)
        return self._vectors[text]

    def _embedded(self, text: str) -> tuple[str, list[float]]:
        *first, last = self._embedders
        for embedder in first:
            with contextlib.suppress(Unavailable):
                return embedder.collection, embedder.embed(text)
        self._embedders = (last,)  # what failed once would only cost its patience again
        return last.collection, last.embed(text)

    def _fitness(self, outline: Outline, kept: Kept, score: float) -> tuple[int, ...]:
        equal = len(CONDITIONS) - len(kept.changed(outline))
        return equal, int(self._young(kept)), int(score > SIMILAR), int(kept.created_at)

    def _young(self, kept: Kept) -> bool:
        age = self._now() - kept.created_at
        return 0 <= age < self._settings.report_ttl and self._now() < kept.expires_at

    def _objection(self, outline: Outline, kept: Kept, similarity: float) -> str | None:
        """Return why ``kept`` is not to be reused."""
        changed = kept.changed(outline)
        if changed:
            days = (
                f" (the last report is as of {kept.as_of}, this one as of {outline.as_of})"
                if kept.as_of != outline.as_of
                else ""
            )
            verb = "have" if len(changed) > 1 or changed[0] in _MANY else "has"
            return f"{' and '.join(changed)} {verb} changed since the last report{days}"
        if not self._young(kept):
            age = _span(self._now() - kept.created_at)
            most = _span(self._settings.report_ttl)
            return f"the last report expired: it is {age} old, and may be {most}"
        if similarity <= SIMILAR:
            return f"the nearest report has a similarity of {similarity:.3f}, not above {SIMILAR}"
        return None


class _Store:
    """One collection of an open Qdrant."""

    def __init__(self, client: Any, collection: str) -> None:
        self._client, self._collection = client, collection

    def get(self, name: str) -> Kept | None:
        """Return what a point holds."""
        if not self._client.collection_exists(self._collection):
            return None
        found = self._client.retrieve(self._collection, [name], with_payload=True)
        return Kept.model_validate(found[0].payload) if found else None

    def put(self, name: str, vector: list[float], kept: Kept) -> None:
        """Write a point, and the collection when there is none."""
        from qdrant_client import models

        if not self._client.collection_exists(self._collection):
            size = models.VectorParams(size=len(vector), distance=models.Distance.COSINE)
            self._client.create_collection(self._collection, vectors_config=size)
        point = models.PointStruct(id=name, vector=vector, payload=kept.model_dump())
        self._client.upsert(self._collection, [point], wait=True)

    def nearest(self, vector: list[float], ticker: str, limit: int) -> list[tuple[Kept, float]]:
        """Return content and similarity of the reports on ``ticker``, the nearest first."""
        if not self._client.collection_exists(self._collection):
            return []
        found = self._client.query_points(
            self._collection, query=vector, query_filter=_of(ticker), limit=limit, with_payload=True
        )
        return [(Kept.model_validate(point.payload), float(point.score)) for point in found.points]

    def thin(self, ticker: str, most: int) -> None:
        """Remove all but the newest reports on ``ticker``."""
        count = self._client.count(self._collection, count_filter=_of(ticker)).count
        if count <= most:
            return
        points, _ = self._client.scroll(
            self._collection,
            scroll_filter=_of(ticker),
            limit=count,
            with_payload=["created_at"],
        )
        oldest = sorted(points, key=lambda point: point.payload["created_at"])[: count - most]
        self._client.delete(self._collection, [point.id for point in oldest])


def probe(settings: Settings) -> str:
    """Return where the reports are and how many there are.

    Raises:
        Unavailable: the store cannot be used.
    """
    with _connected(settings) as client:
        names = [found.name for found in client.get_collections().collections]
        ours = [name for name in names if name.startswith(COLLECTION)]
        count = sum(client.count(name).count for name in ours)
    where = settings.qdrant_url or str(Workspace.of(settings).qdrant)
    return f"{count} reports at {where}"


def _of(ticker: str) -> Any:
    from qdrant_client import models

    match = models.FieldCondition(key="ticker", match=models.MatchValue(value=ticker))
    return models.Filter(must=[match])


@contextlib.contextmanager
def _connected(settings: Settings) -> Iterator[Any]:
    from qdrant_client.common.client_exceptions import QdrantException
    from qdrant_client.http.exceptions import ApiException

    try:
        with _server(settings) if settings.qdrant_url else _embedded(settings) as client:
            yield client
    except (QdrantException, ApiException, OSError, RuntimeError, *DAMAGE) as error:
        said = " ".join(str(error).split())[:120] or type(error).__name__
        raise Unavailable(f"{type(error).__name__}: {said}") from None


@contextlib.contextmanager
def _server(settings: Settings) -> Iterator[Any]:
    from qdrant_client import QdrantClient

    key = settings.qdrant_api_key
    client = QdrantClient(
        url=settings.qdrant_url,
        api_key=key.get_secret_value() if key else None,
        timeout=PATIENCE,
        check_compatibility=False,
    )
    try:
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def _embedded(settings: Settings) -> Iterator[Any]:
    # what QdrantClient(path=...) wraps: the wrapper takes ten times as long to open as the store
    from qdrant_client.local.qdrant_local import QdrantLocal

    points.guard()
    folder = Workspace.of(settings).qdrant
    with locked(folder.with_name("qdrant.lock")):
        try:
            client = QdrantLocal(location=str(folder))
        except DAMAGE:
            # cut short by a crash; it holds nothing that cannot be written again
            broken = folder.with_name("qdrant.broken")
            shutil.rmtree(broken, ignore_errors=True)
            folder.rename(broken)
            client = QdrantLocal(location=str(folder))
        try:
            yield client
        finally:
            client.close()


def _span(seconds: float) -> str:
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "less than a second"
