"""Looks at every component by itself, so that one that fails or hangs hides no other."""

from __future__ import annotations

import contextlib
import platform
import re
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from stockcast.deadline import within
from stockcast.errors import BadInput, StockcastError, Unavailable
from stockcast.redaction import mask
from stockcast.settings import HOME, Settings, env_file
from stockcast.workspace import Workspace

__all__ = ["CHECKS", "Check", "Finding", "Observation", "examine"]

#: Free space below which a run of the sample may not end.
NEEDED_BYTES = 1_000_000_000


class Observation(NamedTuple):
    """What a check saw of a component that is well."""

    version: str
    detail: str


@dataclass(frozen=True)
class Check:
    """How to look at one component.

    Attributes:
        name: of the component.
        look: returns what it saw, or raises what is wrong.
        remote: says whether it is remote by these settings.
        here: what it is otherwise: ``embedded`` or ``library``.
        required: nothing can be forecast without it.
        seconds: how long it may take.
    """

    name: str
    look: Callable[[Settings], Observation]
    remote: Callable[[Settings], object] = lambda settings: False
    here: str = "library"
    required: bool = True
    seconds: float = 30.0

    def mode(self, settings: Settings) -> str:
        """Return ``embedded``, ``remote`` or ``library``."""
        return "remote" if self.remote(settings) else self.here


@dataclass(frozen=True)
class Finding:
    """The state of one component."""

    name: str
    ok: bool
    required: bool
    mode: str
    version: str
    detail: str
    seconds: float

    @property
    def word(self) -> str:
        """The state in one word."""
        return "ok" if self.ok else "failed" if self.required else "degraded"


def examine(settings: Settings, checks: Sequence[Check] | None = None) -> list[Finding]:
    """Return the state of every component; never raises for one that fails."""
    return [_finding(settings, check) for check in (CHECKS if checks is None else checks)]


def _finding(settings: Settings, check: Check) -> Finding:
    began = time.monotonic()
    ok, seen = False, Observation("", "")
    try:
        seen = within(check.seconds, lambda: check.look(settings))
        ok = True
    except TimeoutError:
        seen = Observation("", f"no answer within {check.seconds:g} s")
    except StockcastError as error:
        seen = Observation("", str(error))
    except Exception as error:  # whatever a component raises is its finding
        seen = Observation("", f"{type(error).__name__}: {error}")
    return Finding(
        name=check.name,
        ok=ok,
        required=check.required,
        mode=check.mode(settings),
        version=seen.version,
        detail=" ".join(seen.detail.split()),
        seconds=round(time.monotonic() - began, 3),
    )


def _python(settings: Settings) -> Observation:
    wanted, found = metadata("stockcast")["Requires-Python"], platform.python_version()
    if not SpecifierSet(wanted).contains(found):
        raise BadInput(f"Expected Python {wanted}, got {found}.")
    return Observation(found, platform.python_implementation())


def _packages(settings: Settings) -> Observation:
    """Whether what stockcast needs is there, in the versions of the lock where there is one."""
    lock = HOME / "requirements.lock"
    text = lock.read_text("utf-8") if lock.is_file() else ""
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE))
    needed = [
        each
        for each in map(Requirement, requires("stockcast") or ())
        if each.marker is None or each.marker.evaluate({"extra": ""})
    ]
    found = {name: _installed(name) for name in {*pins, *(each.name for each in needed)}}
    other = [
        f"{each.name} {found[each.name]} instead of {each.specifier}"
        for each in needed
        if found[each.name] == "none" or not each.specifier.contains(found[each.name])
    ]
    other += [
        f"{n} {found[n]} instead of {pin}"
        for n, pin in pins.items()
        if found[n] not in (pin, "none")
    ]
    if other:
        shown = ", ".join(other[:3]) + (f" and {len(other) - 3} more" if len(other) > 3 else "")
        raise StockcastError(f"Expected the packages that stockcast needs, got {shown}.")
    there = sum(version != "none" for version in found.values())
    return Observation("", f"{there} packages as {'locked' if pins else 'declared'}")


def _installed(package: str) -> str:
    """Return the version without the suffix that names one build of it, such as +cpu."""
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return "none"


def _library(package: str) -> Observation:
    release = _installed(package)
    if release == "none":
        raise StockcastError(f"Expected the package {package}, got none.")
    return Observation(release, "")


def _prices(settings: Settings) -> Observation:
    from stockcast import prices

    if _live(settings):
        return _live_prices(settings)
    rows, faults = [], []
    for ticker in settings.all_tickers:
        try:
            history = prices.read(settings, ticker)
            rows.append(f"{ticker} {len(history.frame):,} to {history.as_of:%Y-%m-%d}")
        except StockcastError as error:
            faults.append(f"{ticker}: {error}")
    detail = f"{settings.source}, rows: {', '.join(rows) or 'none'}"
    if faults:
        raise BadInput(f"{' '.join(faults)} ({detail})")
    return Observation("", detail)


def _live_prices(settings: Settings) -> Observation:
    """Whether Yahoo answers, asked once for a few days, and how much is kept; nothing is fetched
    for keeps."""
    import pandas as pd

    from stockcast.prices import yahoo
    from stockcast.prices.archive import Archive

    kept = [Archive.load(settings, ticker) for ticker in settings.all_tickers]
    lasts = [archive.last for archive in kept if archive is not None]
    newest = f", the newest to {max(lasts):%Y-%m-%d}" if lasts else ""
    detail = f"kept of {len(lasts)} of {len(kept)} tickers{newest}"
    start = pd.Timestamp.now() - pd.Timedelta(days=10)
    try:
        yahoo.fetch_quotes(settings, settings.parent_ticker, start, settings.yahoo_timeout)
    except yahoo.YahooFault as fault:
        raise Unavailable(f"{fault} ({detail})") from None
    return Observation(_installed("yfinance"), f"Yahoo answers; {detail}")


def _events(settings: Settings) -> Observation:
    """How many dates there are of each ticker; of EDGAR's, whether it answers, and those kept."""
    from stockcast import events
    from stockcast.events import edgar

    source = events.source_of(settings)
    if source == "edgar":
        found = [events.load(settings, ticker) for ticker in settings.tickers]
    else:
        found = [events.read(settings, ticker) for ticker in settings.tickers]
    counts = ", ".join(f"{each.ticker} {len(each.events)}" for each in found)
    strange = " ".join(events.check(settings))
    detail = f"{source}, dates: {counts}. {strange}".strip()
    if source != "edgar":
        return Observation("", detail)
    if settings.edgar_contact is None:
        return Observation("", f"{detail} EDGAR is not asked without an edgar_contact.")
    try:
        return Observation("", f"EDGAR answers for {edgar.probe(settings):,} tickers; {detail}")
    except edgar.EdgarFault as fault:
        raise Unavailable(f"{fault} ({detail})") from None


def _live(settings: Settings) -> bool:
    return settings.source == "yahoo"


def _calendar(settings: Settings) -> Observation:
    from stockcast.markets import calendars

    now = calendars.today(settings.exchange)
    following = calendars.next_sessions(settings.exchange, now, 1)[0]
    detail = f"{settings.exchange}, next trading day after today {following:%Y-%m-%d}"
    return Observation(_installed("exchange_calendars"), detail)


def _torch(settings: Settings) -> Observation:
    import torch

    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"
    return Observation(torch.__version__, f"{device}, {torch.get_num_threads()} threads")


def _feast(settings: Settings) -> Observation:
    from stockcast.feature_store.repository import open_store

    release = _installed("feast")
    home = Workspace.of(settings).feast
    if not (home / "registry.db").exists():
        return Observation(release, f"none yet; a run makes {home}")
    views = sorted(view.name for view in open_store(settings).list_feature_views())
    size = (home / "online.db").stat().st_size / 1e3
    return Observation(release, f"registry: {', '.join(views)}; online store of {size:,.0f} kB")


def _mlflow(settings: Settings) -> Observation:
    release = _installed("mlflow")
    uri = settings.mlflow_tracking_uri
    if uri and _serves_mlflow(settings):
        return Observation(_mlflow_server(mask(uri)), f"answers at {mask(uri)}")
    database = Workspace.of(settings).mlflow_database
    if not (uri or database.exists()):
        return Observation(release, f"none yet; a run makes {database}")
    from stockcast.tracking.store import local

    store = local(settings)
    return Observation(release, f"experiment {store.experiment_id} in {mask(store.uri)}")


def _serves_mlflow(settings: Settings) -> bool:
    return (settings.mlflow_tracking_uri or "").startswith("http")


def _mlflow_server(uri: str) -> str:
    """Return the version of the server at ``uri``, which it tells without a password."""
    page = f"{uri.rstrip('/')}/version"
    try:
        # http or https, or it would be no server
        with urllib.request.urlopen(page, timeout=5) as answer:  # noqa: S310  # nosec B310
            return str(answer.read(100), "utf-8", "replace").strip()
    except (OSError, ValueError) as error:
        raise Unavailable(f"MLflow at {uri} does not answer: {error}.") from None


def _ledger(settings: Settings) -> Observation:
    from stockcast.ledger import Ledger

    database = Workspace.of(settings).ledger
    if settings.ledger_url is None and not database.exists():
        return Observation(_installed("SQLAlchemy"), f"none yet; a run makes {database}")
    ledger = Ledger(settings)
    rows, settled = ledger.size()
    detail = f"{rows:,} rows, {settled:,} settled"
    return Observation(_installed("SQLAlchemy"), detail)


def _products(settings: Settings) -> Observation:
    from stockcast.verification import verify

    found = verify(settings)
    if not found.ok:
        shown = "; ".join(f"{each.name}: {each.said}" for each in found.differences[:3])
        raise StockcastError(f"{found.summary} {shown}; `stockcast verify` lists all.")
    return Observation("", found.summary)


def _redis(settings: Settings) -> Observation:
    from stockcast import cache

    with contextlib.ExitStack() as stack:
        place = ""
        if not (_named_redis(settings) or Workspace.of(settings).redis.exists()):
            trial = stack.enter_context(tempfile.TemporaryDirectory(prefix="stockcast-doctor-"))
            settings = settings.model_copy(update={"root": Path(trial)})
            stack.callback(cache.stop, settings)  # nothing of a look stays
            place = "in a trial folder"
        health = cache.connect(settings).health()
    if not health.reachable:
        raise Unavailable(health.reason)
    return Observation(health.version, f"answers {place or 'at ' + health.where}")


def _named_redis(settings: Settings) -> str | None:
    return settings.redis_url or settings.redis_host


def _dagshub(settings: Settings) -> Observation:
    from stockcast.tracking import dagshub

    release = _installed("dagshub")
    if not _named_repository(settings):
        return Observation(release, "no repository is named")
    dagshub.log_in(settings)
    return Observation(release, f"lets us in at {dagshub.tracking_uri(settings)}")


def _named_repository(settings: Settings) -> str | None:
    return settings.dagshub_user_name and settings.dagshub_repo_name


def _qdrant(settings: Settings) -> Observation:
    from stockcast.agents import memory

    release = _installed("qdrant-client")
    folder = Workspace.of(settings).qdrant
    if not (settings.qdrant_url or folder.exists()):
        return Observation(release, f"none yet; a report makes {folder}")
    return Observation(release, mask(memory.probe(settings), settings))


def _ollama(settings: Settings) -> Observation:
    from stockcast.agents import ollama

    if not settings.ollama_base_url:
        return Observation("", "none is named; reports are written from the facts by rules")
    try:
        release = ollama.probe(settings)
    except ollama.NoAnswer as error:
        where = mask(settings.ollama_base_url, settings)
        raise Unavailable(f"Ollama at {where} cannot be used: {error.reason}.") from None
    return Observation(release, f"answers at {mask(settings.ollama_base_url, settings)}")


def _secrets(settings: Settings) -> Observation:
    path = env_file()
    if not path.is_file():
        return Observation("", f"from the environment; there is no {path}")
    if path.stat().st_mode & 0o077:
        raise StockcastError(f"Expected {path} to be yours alone, got one that others can read.")
    return Observation("", f"from the environment and {path}")


def _disk(settings: Settings) -> Observation:
    free = shutil.disk_usage(Workspace.of(settings).existing).free
    detail = f"{free / 1e9:,.1f} GB free at {settings.root}"
    if free < NEEDED_BYTES:
        raise StockcastError(f"Expected {NEEDED_BYTES / 1e9:g} GB free, got {detail}.")
    return Observation("", detail)


CHECKS: tuple[Check, ...] = (
    Check("python", _python),
    Check("packages", _packages),
    Check("disk", _disk),
    Check("prices", _prices, _live, seconds=60),
    Check("events", _events, lambda s: s.edgar_contact and _live(s), required=False),
    Check("calendar", _calendar),
    Check("torch", _torch),
    Check("feast", _feast, here="embedded", seconds=60),
    Check("mlflow", _mlflow, _serves_mlflow, "embedded", required=False, seconds=20),
    Check("redis", _redis, _named_redis, "embedded", required=False, seconds=10),
    Check("ledger", _ledger, lambda s: s.ledger_url, "embedded"),
    Check("products", _products, here="embedded", required=False, seconds=120),
    Check("dagshub", _dagshub, _named_repository, required=False, seconds=20),
    Check("qdrant", _qdrant, lambda s: s.qdrant_url, "embedded", required=False, seconds=20),
    Check("ollama", _ollama, lambda s: s.ollama_base_url, required=False, seconds=20),
    Check("evidently", lambda settings: _library("evidently"), required=False),
    Check("langgraph", lambda settings: _library("langgraph"), required=False),
    Check("ploomber", lambda settings: _library("ploomber")),
    Check("secrets", _secrets, required=False),
)
