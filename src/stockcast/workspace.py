"""Where every product of a profile lies. No other module spells a path below products/."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from stockcast.contracts.base import Product
from stockcast.contracts.digest import Digest
from stockcast.contracts.drift import DriftReport
from stockcast.contracts.event import EventCalendar
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.model_record import ModelRecord, child_name
from stockcast.contracts.prices import Hold, Revisions, SnapshotPointer
from stockcast.contracts.report import Report
from stockcast.contracts.run import RunRecord
from stockcast.settings import Settings, parse_ticker

__all__ = ["Workspace"]

Some = TypeVar("Some", bound=Product)


class _Fixed:
    """A place that depends on the root and the profile alone."""

    def __init__(self, below: str) -> None:
        self._below = below

    def __get__(self, workspace: Workspace, _: object = None) -> Path:
        return workspace.root / self._below.format(profile=workspace.profile)


@dataclass(frozen=True)
class Workspace:
    """The folders and files of one profile.

    Attributes:
        root: where products/ and reports/ lie.
        profile: whose they are.
        replay: the past day that is replayed (``as_of``), or ``latest``.
    """

    root: Path
    profile: str
    replay: str = "latest"

    @classmethod
    def of(cls, settings: Settings) -> Workspace:
        """The workspace of a profile."""
        return cls(settings.root, settings.profile, str(settings.as_of or "latest"))

    @property
    def state(self) -> Path:
        """The one folder that holds everything the profile generates, reports aside."""
        return self.root / "products" / self.profile

    @property
    def existing(self) -> Path:
        """The same folder, or the nearest above it that was made."""
        return next(path for path in (self.state, *self.state.parents) if path.exists())

    @property
    def reports(self) -> Path:
        """Executed notebooks and pages."""
        return self.root / "reports" / self.profile

    def product(self, below: str) -> Path:
        """A product that pipeline.yaml names."""
        return self.state / below

    def page(self, stage: str, ticker: str | None = None) -> Path:
        """An executed notebook and its page, without their suffixes."""
        return self.reports / stage / ticker if ticker else self.reports / stage

    #: The page of the last run.
    index = _Fixed("reports/{profile}/index.html")
    #: A folder for each of the last runs, with its page.
    run_pages = _Fixed("reports/{profile}/runs")

    def run_page(self, run_id: str) -> Path:
        """The page of a run."""
        return self.run_pages / run_id / "index.html"

    def comparison(self, before: str, after: str) -> Path:
        """The page that compares two runs."""
        return self.reports / "compare" / f"{before}..{after}.html"

    # prices and features

    def price_pointer(self, ticker: str) -> Path:
        """``current.json``, which names the snapshot in use."""
        return self.state / "prices" / parse_ticker(ticker) / "current.json"

    def snapshot(self, ticker: str, data_hash: str) -> Path:
        """The snapshot of that content."""
        return self.price_pointer(ticker).with_name(f"{data_hash}.parquet")

    def revisions(self, ticker: str) -> Path:
        """What the source changed of earlier days at the last ingest."""
        return self.price_pointer(ticker).with_name("revisions.json")

    #: What was fetched, as it came.
    vendor = _Fixed("products/{profile}/vendor")

    def events(self, ticker: str) -> Path:
        """The known events, as they were ingested."""
        return self.state / "events" / f"{parse_ticker(ticker)}.json"

    def fetched_events(self, ticker: str) -> Path:
        """The dates that were fetched so far."""
        return self.vendor / parse_ticker(ticker) / "events.json"

    #: Which company is which ticker at EDGAR, and when it was asked last.
    edgar = _Fixed("products/{profile}/vendor/edgar")

    def features(self, ticker: str) -> Path:
        """The features of every day."""
        return self.state / "features" / f"{parse_ticker(ticker)}.parquet"

    def covariates(self, ticker: str) -> Path:
        """What is known of every day beside the bars: events ahead and the market."""
        return self.state / "covariates" / f"{parse_ticker(ticker)}.parquet"

    def context(self, ticker: str) -> Path:
        """The last days of features, as the network takes them."""
        return self.state / "context" / f"{parse_ticker(ticker)}.parquet"

    #: The feature store's registry and online store.
    feast = _Fixed("products/{profile}/feast")

    def hold(self, ticker: str) -> Path:
        """Why the ticker is held, if it is; each past day replayed has its own."""
        return self.state / "holds" / self.replay / f"{ticker}.json"

    # models and forecasts

    #: Records, and below them the bundles that they name.
    models = _Fixed("products/{profile}/models")

    def record(self, name: str) -> Path:
        """The record of a model: ``parent`` or ``child-<TICKER>``."""
        return self.models / f"{name}.json"

    def bundle(self, bundle: str) -> Path:
        """The folder of the bundle ``<name>/<version>``."""
        return self.models / bundle

    def forecast(self, ticker: str) -> Path:
        """The forecast in use."""
        return self.state / "forecasts" / f"{ticker}.json"

    #: The embedded ledger.
    ledger = _Fixed("products/{profile}/ledger.db")

    # reports and drift

    def report(self, ticker: str) -> Path:
        """The analyst's report of the pipeline."""
        return self.state / "reports" / f"{ticker}.json"

    def analysis(self, ticker: str) -> Path:
        """The analyst's report made on request."""
        return self.state / "analyses" / f"{ticker}.json"

    #: Checkpoints of reports in the making.
    agents = _Fixed("products/{profile}/agents")
    #: The embedded store of reports.
    qdrant = _Fixed("products/{profile}/qdrant")

    def drift(self, ticker: str) -> Path:
        """The last drift check."""
        return self.state / "drift" / f"{ticker}.json"

    def drift_page(self, ticker: str) -> Path:
        """Evidently's page of it."""
        return self.state / "drift" / f"{ticker}.html"

    # runs and services

    #: Records of runs.
    runs = _Fixed("products/{profile}/runs")
    #: Trainings made on request.
    tasks = _Fixed("products/{profile}/tasks")
    #: What is run in JupyterLab.
    lab = _Fixed("products/{profile}/lab")
    #: The embedded tracking store.
    mlflow = _Fixed("products/{profile}/mlflow")
    #: The tracking store's database.
    mlflow_database = _Fixed("products/{profile}/mlflow/mlflow.db")
    #: The embedded cache.
    redis = _Fixed("products/{profile}/redis")
    #: Counts of all processes, and the textfile for Prometheus.
    metrics = _Fixed("products/{profile}/metrics")
    #: Held while a daily run goes on.
    daily_lock = _Fixed("products/{profile}/daily.lock")
    #: What the last daily run had to tell.
    digest = _Fixed("products/{profile}/digest.json")
    #: The same as a page.
    digest_page = _Fixed("reports/{profile}/digest.html")
    #: The log of the scheduled runs.
    daily_log = _Fixed("products/{profile}/daily.log")
    #: Hashed API keys: outside the products, so that they outlive a reset.
    keys = _Fixed("products/{profile}.keys.json")
    #: The operator's own API key in plain text, readable by its owner alone.
    own_key = _Fixed("products/{profile}.key")
    #: What the values in Redis are sealed with, readable by its owner alone.
    secret = _Fixed("products/{profile}.secret")
    #: Forecasts that wait for the ledger; outside the products, as it outlives a reset.
    ledger_queue = _Fixed("products/{profile}.ledger-queue")

    def ledger_aside(self, moment: dt.datetime) -> Path:
        """Where a reset at that moment leaves the ledger."""
        return self.root / "products" / f"{self.profile}.ledger-{moment:%Y%m%dT%H%M%S%f}.db"

    def forecast_tickers(self) -> list[str]:
        """Tickers that have a forecast, sorted."""
        return _stems(self.state / "forecasts")

    def record_names(self) -> list[str]:
        """Names of the models that have a record, sorted."""
        return _stems(self.models)

    def documents(self) -> list[tuple[type[Product], Path]]:
        """Every document that a number is served from, with its contract, by path."""
        kinds: tuple[tuple[str, type[Product]], ...] = (
            ("prices/*/current.json", SnapshotPointer),
            ("prices/*/revisions.json", Revisions),
            ("events/*.json", EventCalendar),
            ("holds/*/*.json", Hold),
            ("models/*.json", ModelRecord),
            ("forecasts/*.json", Forecast),
            ("reports/*.json", Report),
            ("analyses/*.json", Report),
            ("drift/*.json", DriftReport),
            ("runs/*.json", RunRecord),
            ("digest.json", Digest),
        )
        found = [(kind, path) for below, kind in kinds for path in sorted(self.state.glob(below))]
        return [(kind, path) for kind, path in found if path.name[0] != "."]

    # contracts: None where there is no such product; BadInput where it cannot be read

    def read_forecast(self, ticker: str) -> Forecast | None:
        """The forecast in use."""
        return _read(Forecast, self.forecast(ticker))

    def read_record(self, name: str) -> ModelRecord | None:
        """The record of a model: ``parent`` or ``child-<TICKER>``."""
        return _read(ModelRecord, self.record(name))

    def read_records(self) -> list[ModelRecord]:
        """Every record there is, by name."""
        return [ModelRecord.load(self.record(name)) for name in self.record_names()]

    def read_pointer(self, ticker: str) -> SnapshotPointer | None:
        """Which snapshot of the ticker's prices is in use."""
        return _read(SnapshotPointer, self.price_pointer(ticker))

    def read_hold(self, ticker: str) -> Hold | None:
        """Why the ticker is held."""
        return _read(Hold, self.hold(ticker))

    def learned_from(self, ticker: str, parent_ticker: str) -> list[str]:
        """Names of the models there are that learned from the prices of ``ticker``, sorted.

        The parent's prices are in every child.
        """
        if ticker != parent_ticker:
            name = child_name(ticker)
            return [name] if self.record(name).exists() else []
        return self.record_names()


def _read(contract: type[Some], path: Path) -> Some | None:
    return contract.load(path) if path.exists() else None


def _stems(folder: Path) -> list[str]:
    """Names of the JSON documents in a folder, without their suffix, sorted."""
    if not folder.is_dir():
        return []
    found = (Path(name) for name in os.listdir(folder))  # noqa: PTH208 - done for every page
    return sorted(path.stem for path in found if path.suffix == ".json" and path.name[0] != ".")
