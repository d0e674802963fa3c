"""The stages of the pipeline as calls of the library, with networks small enough for a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stockcast import events, feature_store, features, forecasting
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.model_record import ModelRecord, child_name
from stockcast.feature_store.covariates import covariates
from stockcast.models.bundle import Bundle, load_bundle, make_bundle
from stockcast.models.children import make_child, try_strategies
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.training import FittedPanel, PanelHyperparameters, fit
from stockcast.models.samples import Samples, make_samples
from stockcast.models.selection import publishing
from stockcast.models.selection.assessment import assess
from stockcast.models.splits import Split, split_days
from stockcast.prices import PriceHistory, read, snapshot
from stockcast.settings import Settings
from stockcast.workspace import Workspace

TINY = PanelHyperparameters(
    context=20,
    stretch=32,
    hidden_size=8,
    num_layers=1,
    batch_size=16,
    epochs=2,
    learning_rate=5e-3,
)
#: Settings that go with it: fewer years, so that every test period is walked in a second.
SHORT = {"context": "20", "start": "2005-01-03"}


@dataclass(frozen=True)
class Workshop:
    """One root in which the stages are run one by one."""

    settings: Settings

    def ingest(self, ticker: str) -> PriceHistory:
        history = read(self.settings, ticker)
        snapshot.save(history, self.settings)
        events.ingest(self.settings, ticker)
        computed = features.compute(history.frame)
        beside = covariates(self.settings, history, computed)
        feature_store.publish(self.settings, history, computed, beside)
        return history

    def samples(self, history: PriceHistory) -> Samples:
        frame = feature_store.training_frame(self.settings, history.ticker, end=history.as_of)
        return make_samples(history.ticker, frame, history.frame["close"], self.settings.horizon)

    def train_parent(self) -> ModelRecord:
        settings = self.settings
        history = self.ingest(settings.parent_ticker)
        samples, close = self.samples(history), history.frame["close"]
        split = split_days(
            close.index, settings.horizon, settings.validation_start, settings.test_start
        )
        fitted = fit(samples, split, TINY)
        assessment = assess(
            history.ticker,
            {"parent": walk_panel(fitted, samples, split.validation_start)},
            close,
            split,
            candidate="parent",
            train_seconds={"parent": fitted.seconds},
            events=samples.event_flags(pd.DatetimeIndex(close.index)),
        )
        bundle = parent_bundle(fitted, split, samples)
        path = Workspace.of(settings).record("parent")
        return publishing.publish(settings, history, samples, bundle, assessment, path)

    def parent(self) -> tuple[ModelRecord, Bundle]:
        record = ModelRecord.load(Workspace.of(self.settings).record("parent"))
        reigning = record.bundle or f"parent/{record.candidate}"
        return record, load_bundle(self.models / reigning)

    def train_child(
        self, ticker: str, strategies: Sequence[str] = ("zero_shot", "freeze")
    ) -> ModelRecord:
        record, parent = self.parent()
        history = self.ingest(ticker)
        samples, close = self.samples(history), history.frame["close"]
        children = try_strategies(
            samples, parent, close, TINY, strategies=strategies, fine_tune_lr=1e-3, scratch_epochs=2
        )
        assessment = assess(
            ticker,
            children.forecasts,
            close,
            parent.split,
            candidate="child",
            train_seconds=children.seconds,
            events=samples.event_flags(pd.DatetimeIndex(close.index)),
            partner_weight=parent.partner_weight,
            start=parent.start,
        )
        return publishing.publish(
            self.settings,
            history,
            samples,
            make_child(children, parent, TINY, samples),
            assessment,
            Workspace.of(self.settings).record(child_name(ticker)),
            children=children,
            parent=record,
        )

    def forecast(self, ticker: str) -> Forecast:
        return forecasting.forecast(self.settings, ticker)

    @property
    def models(self) -> Path:
        return Workspace.of(self.settings).models


def parent_bundle(fitted: FittedPanel, split: Split, samples: Samples) -> Bundle:
    last = split.last_training_day(samples.days)
    assert last is not None
    return make_bundle(
        "parent",
        fitted,
        hyper=TINY,
        split=split,
        kind="parent",
        ticker=samples.ticker,
        strategy="scratch",
        trained_through=str(last.date()),
    )
