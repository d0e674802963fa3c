"""Finished reports in Qdrant; the only module that knows it.

A report is reused when its key is equal: ticker, day, prices, model, forecast, news, prompts,
writer and health. No likeness decides that: figures barely move a vector. Similarity serves the
search over all reports by meaning (``stockcast reports --like``).

Without ``qdrant_url`` Qdrant runs in this process. Its own files are pickles, so one SQLite file of
JSON and float32 keeps its points, and they are loaded into its memory when they are needed. Vectors
of different embedders do not compare: each has its collection.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import re
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stockcast.agents import embedding
from stockcast.cache.seal import Seal
from stockcast.contracts.report import Confidence, Report, ReportMatch, Stance
from stockcast.errors import Unavailable
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    from stockcast.settings import Settings

__all__ = ["COLLECTION", "OFFLINE", "Embedder", "ReportKey", "ReportStore", "StoredReport", "probe"]

#: The collection of the offline embedder; another one's has its name behind.
COLLECTION = "stockcast_reports"
#: Reports kept per ticker, and seconds that a server has to answer.
KEPT, PATIENCE = 50, 3
#: Seconds to wait for another process that writes.
BUSY = 30

_NAMESPACE = uuid.UUID("6d4e5a52-6a55-5d0c-9c53-0a7a5c3a1f10")
#: What is in a key besides ticker and day, and how an answer speaks of it.
KEY_PARTS = {
    "data_hash": "the prices",
    "model_version": "the model",
    "forecast": "the forecast",
    "news_hash": "the news",
    "prompt_version": "the prompts",
    "writer": "the writer",
    "drift": "the health of the data",
}
_MANY = ("the prices", "the prompts")
#: Sections in the order in which they say what a report is about; an embedder reads the first 256
#: tokens.
_TELLING = ("headline", "market_sentiment", "risks", "technical_outlook", "executive_summary")


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


def _embedders(settings: Settings) -> tuple[Embedder, ...]:
    """Return the embedders of the settings, the preferred first; the offline one is the last."""
    if not settings.ollama_base_url:
        return (OFFLINE,)

    def ask(text: str) -> list[float]:
        from stockcast.agents import ollama

        try:
            return ollama.embed(settings, text)
        except ollama.NoAnswer as error:
            raise Unavailable(error.reason) from None

    return Embedder(settings.ollama_embedding_model, ask), OFFLINE


@dataclass(frozen=True)
class ReportKey:
    """What a report is made from, known before it is written; ``parts`` are hashes and versions by
    the names of :data:`KEY_PARTS`."""

    ticker: str
    as_of: str
    parts: Mapping[str, str]

    @property
    def id(self) -> str:
        """The same for the same key, so that rewriting a report replaces it."""
        content = json.dumps([self.ticker, self.as_of, dict(self.parts)], sort_keys=True)
        return str(uuid.uuid5(_NAMESPACE, hashlib.sha256(content.encode()).hexdigest()))


class StoredReport(BaseModel):
    """A report as the store has it; ``report`` is the contract's JSON behind the seal.

    Times are seconds since 1970.
    """

    model_config = ConfigDict(frozen=True)

    ticker: str
    as_of: str
    parts: dict[str, str] = Field(default_factory=dict)
    created_at: float
    expires_at: float
    stance: Stance
    confidence: Confidence
    last_close: float
    headline: str = ""
    report: str = ""


class ReportStore:
    """The reports of one profile.

    The first of ``embedders`` that answers makes the vectors; by default they are the settings'.
    ``now`` is the time, in seconds since 1970.
    """

    def __init__(
        self,
        settings: Settings,
        embedders: Sequence[Embedder] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._now = settings, now
        self._embedders = tuple(embedders) or _embedders(settings)
        self._seal = Seal.kept_in(Workspace.of(settings).secret)

    def find(self, key: ReportKey) -> tuple[Report | None, str]:
        """Return the report with this very key, or None, and why; a store that fails is a why."""
        if self._settings.report_ttl == 0:
            return None, "reuse is switched off (report_ttl is 0)"
        try:
            with _connected(self._settings, key.ticker) as client:
                kept = self._with_key(client, key)
                return self._hit(key, kept) if kept else (None, self._why_none(client, key))
        except Unavailable as error:
            return None, f"the memory of reports cannot be used ({error})"

    def keep(self, key: ReportKey, report: Report) -> str | None:
        """Keep ``report`` under its key; return why not when that fails."""
        kept = StoredReport(
            ticker=key.ticker,
            as_of=key.as_of,
            parts=dict(key.parts),
            created_at=self._now(),
            expires_at=self._now() + self._settings.report_ttl,
            stance=report.stance,
            confidence=report.confidence,
            last_close=report.last_close,
            headline=report.headline,
            report=self._seal.close(key.id, report.model_dump_json()).decode(),
        )
        try:
            # the store is not open meanwhile
            collection, vector = self._vector(_gist(report))
            with _connected(self._settings, key.ticker) as client:
                client.put(collection, key.id, vector, kept)
                client.thin(collection, key.ticker)
        except Unavailable as error:
            return str(error)
        return None

    def earlier(self, key: ReportKey, limit: int = 3) -> list[StoredReport]:
        """Return the last reports on the same ticker of earlier days, newest first, one a day."""
        try:
            with _connected(self._settings, key.ticker) as client:
                found = self._newest(client, key.ticker)
        except Unavailable:
            return []
        days: dict[str, StoredReport] = {}
        for kept in found:
            if kept.as_of < key.as_of:
                days.setdefault(kept.as_of, kept)
        return [days[day] for day in sorted(days, reverse=True)][:limit]

    def like(self, text: str, limit: int = 10) -> list[ReportMatch]:
        """Return the reports whose meaning is nearest to ``text``, of every ticker, nearest first.

        Raises:
            Unavailable: the store or every embedder fails.
        """
        collection, vector = self._vector(text)
        with _connected(self._settings) as client:
            found = client.nearest(collection, vector, 4 * limit)
        best: dict[tuple[str, str], ReportMatch] = {}
        for kept, similarity in found:
            best.setdefault((kept.ticker, kept.as_of), _match(kept, similarity))
        return list(best.values())[:limit]

    def _with_key(self, client: _Client, key: ReportKey) -> StoredReport | None:
        every = (client.get(embedder.collection, key.id) for embedder in self._embedders)
        return next((kept for kept in every if kept and self._young(kept)), None)

    def _newest(self, client: _Client, ticker: str) -> list[StoredReport]:
        found = [
            kept
            for embedder in self._embedders
            for kept in client.of(embedder.collection, ticker).values()
        ]
        return sorted(found, key=lambda kept: kept.created_at, reverse=True)

    def _hit(self, key: ReportKey, kept: StoredReport) -> tuple[Report | None, str]:
        *most, last = KEY_PARTS.values()
        told = self._seal.open(key.id, kept.report.encode())
        if told is None:
            return None, "this installation did not write the last report"
        try:
            report = Report.model_validate_json(told)
        except ValidationError:  # another version wrote it
            return None, "the last report is not of this program's version"
        age = _span(self._now() - kept.created_at)
        return report, f"written {age} ago; {', '.join(most)} and {last} are the same"

    def _why_none(self, client: _Client, key: ReportKey) -> str:
        found = self._newest(client, key.ticker)
        if not found:
            return f"there is no earlier report on {key.ticker}"
        nearest = min(found, key=lambda kept: len(_changed(kept, key)))
        changed = _changed(nearest, key)
        days = f" (the last report is as of {nearest.as_of}, this one as of {key.as_of})"
        days = days if nearest.as_of != key.as_of else ""
        if changed or days:
            words = " and ".join(changed) or "the day"
            verb = "have" if len(changed) > 1 or words in _MANY else "has"
            return f"{words} {verb} changed since the last report{days}"
        age, most = _span(self._now() - nearest.created_at), _span(self._settings.report_ttl)
        return f"the last report expired: it is {age} old, and may be {most}"

    def _young(self, kept: StoredReport) -> bool:
        age = self._now() - kept.created_at
        return 0 <= age < self._settings.report_ttl and self._now() < kept.expires_at

    def _vector(self, text: str) -> tuple[str, list[float]]:
        """Return the collection of the first embedder that answers, and its vector of ``text``."""
        *first, last = self._embedders
        for embedder in first:
            with contextlib.suppress(Unavailable):
                return embedder.collection, embedder.embed(text)
        self._embedders = (last,)  # what failed once would only cost its patience again
        return last.collection, last.embed(text)


class _Client:
    """An open Qdrant: a server, or one in this process whose points a file keeps."""

    def __init__(self, client: Any, file: sqlite3.Connection | None = None) -> None:
        self._client, self._file = client, file

    def get(self, collection: str, name: str) -> StoredReport | None:
        """Return what a point holds."""
        if not self._client.collection_exists(collection):
            return None
        found = self._client.retrieve(collection, [name], with_payload=True)
        return StoredReport.model_validate(found[0].payload) if found else None

    def put(self, collection: str, name: str, vector: list[float], kept: StoredReport) -> None:
        """Write a point, and the collection when there is none."""
        payload = kept.model_dump()
        self.load(collection, [(name, vector, payload)])
        if self._file is not None:
            packed = np.asarray(vector, np.float32).tobytes()
            row = (collection, name, kept.ticker, packed, json.dumps(payload))
            self._file.execute("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?)", row)

    def load(self, collection: str, points: Sequence[tuple[str, list[float], Any]]) -> None:
        """Put points into Qdrant alone."""
        from qdrant_client import models

        if not self._client.collection_exists(collection):
            size = models.VectorParams(size=len(points[0][1]), distance=models.Distance.COSINE)
            self._client.create_collection(collection, vectors_config=size)
        made = [models.PointStruct(id=n, vector=v, payload=p) for n, v, p in points]
        self._client.upsert(collection, made, wait=True)

    def of(self, collection: str, ticker: str) -> dict[str, StoredReport]:
        """Return the reports on ``ticker`` by the name of their point, without their text."""
        from qdrant_client import models

        if not self._client.collection_exists(collection):
            return {}
        match = models.FieldCondition(key="ticker", match=models.MatchValue(value=ticker))
        found, _ = self._client.scroll(
            collection,
            scroll_filter=models.Filter(must=[match]),
            limit=10 * KEPT,
            with_payload=[name for name in StoredReport.model_fields if name != "report"],
        )
        return {str(point.id): StoredReport.model_validate(point.payload) for point in found}

    def nearest(
        self, collection: str, vector: list[float], limit: int
    ) -> list[tuple[StoredReport, float]]:
        """Return reports with their similarity, -1 to 1, the nearest first."""
        if not self._client.collection_exists(collection):
            return []
        found = self._client.query_points(collection, query=vector, limit=limit, with_payload=True)
        return [
            (StoredReport.model_validate(point.payload), float(point.score))
            for point in found.points
        ]

    def thin(self, collection: str, ticker: str) -> None:
        """Remove all but the newest reports on ``ticker``."""
        found = self.of(collection, ticker)
        names = sorted(found, key=lambda name: found[name].created_at)[:-KEPT]
        if names:
            self._client.delete(collection, names)
        if self._file is not None:
            self._file.executemany("DELETE FROM points WHERE id = ?", [(name,) for name in names])

    def count(self) -> int:
        """Return how many reports there are."""
        names = [found.name for found in self._client.get_collections().collections]
        return sum(self._client.count(n).count for n in names if n.startswith(COLLECTION))


def probe(settings: Settings) -> str:
    """Return where the reports are and how many there are.

    Raises:
        Unavailable: the store cannot be used.
    """
    with _connected(settings) as client:
        count = client.count()
    return f"{count} reports at {settings.qdrant_url or Workspace.of(settings).qdrant}"


def _changed(kept: StoredReport, key: ReportKey) -> list[str]:
    """Return in words which parts of a report's key differ from ``key``."""
    return [words for name, words in KEY_PARTS.items() if kept.parts.get(name) != key.parts[name]]


def _match(kept: StoredReport, similarity: float) -> ReportMatch:
    return ReportMatch(
        ticker=kept.ticker,
        as_of=dt.date.fromisoformat(kept.as_of),
        headline=kept.headline,
        stance=kept.stance,
        confidence=kept.confidence,
        similarity=round(similarity, 4),
        created_at=dt.datetime.fromtimestamp(kept.created_at, dt.UTC).isoformat(timespec="seconds"),
    )


def _gist(report: Report) -> str:
    """Return the text by whose meaning the report is found."""
    return "\n".join(report.sections.get(name, "") for name in _TELLING)


@contextlib.contextmanager
def _connected(settings: Settings, ticker: str | None = None) -> Iterator[_Client]:
    """Open Qdrant; an embedded one knows the points on ``ticker`` alone when it is given."""
    from qdrant_client.common.client_exceptions import QdrantException
    from qdrant_client.http.exceptions import ApiException

    # the last four: what comes of an answer, or of a file, that is not what it should be
    faults = (QdrantException, ApiException, OSError, RuntimeError, sqlite3.Error)
    try:
        with _server(settings) if settings.qdrant_url else _embedded(settings, ticker) as client:
            yield client
    except (*faults, ValueError, KeyError, TypeError, AttributeError) as error:
        said = " ".join(str(error).split())[:120] or type(error).__name__
        raise Unavailable(f"{type(error).__name__}: {said}") from None


@contextlib.contextmanager
def _server(settings: Settings) -> Iterator[_Client]:
    from qdrant_client import QdrantClient

    key = settings.qdrant_api_key
    client = QdrantClient(
        url=settings.qdrant_url,
        api_key=key.get_secret_value() if key else None,
        timeout=PATIENCE,
        check_compatibility=False,
    )
    with contextlib.closing(client):
        yield _Client(client)


@contextlib.contextmanager
def _embedded(settings: Settings, ticker: str | None) -> Iterator[_Client]:
    # what QdrantClient(":memory:") wraps: the wrapper takes ten times as long to open
    from qdrant_client.local.qdrant_local import QdrantLocal

    folder = Workspace.of(settings).qdrant
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "points.sqlite"
    try:
        file, rows = _opened(path, ticker)
    except (sqlite3.DatabaseError, ValueError):
        # cut short by a crash; it holds nothing that cannot be written again
        path.replace(path.with_suffix(".broken"))
        file, rows = _opened(path, ticker)
    # closed last; the file's own context is one transaction
    with contextlib.closing(file), contextlib.closing(QdrantLocal(":memory:")) as client, file:
        known = _Client(client, file)
        for collection, points in rows.items():
            known.load(collection, points)
        yield known


def _opened(path: Any, ticker: str | None) -> tuple[sqlite3.Connection, dict[str, list[Any]]]:
    """Return the file and its points by collection: name, vector and content."""
    file = sqlite3.connect(path, timeout=BUSY)
    try:
        file.execute(
            "CREATE TABLE IF NOT EXISTS points (collection TEXT, id TEXT, ticker TEXT, vector BLOB,"
            " payload TEXT, PRIMARY KEY (collection, id))"
        )
        rows: dict[str, list[Any]] = {}
        for collection, name, vector, payload in file.execute(
            "SELECT collection, id, vector, payload FROM points WHERE ticker = ? OR ? IS NULL",
            (ticker, ticker),
        ):
            point = (name, np.frombuffer(vector, np.float32).tolist(), json.loads(payload))
            rows.setdefault(collection, []).append(point)
    except BaseException:
        file.close()
        raise
    return file, rows


def _span(seconds: float) -> str:
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "less than a second"
