# %% [markdown]
# # Child model
# The parent's network becomes one stock's: as it is, or changed where that is better on the
# validation period by more than noise. The test period, which nothing has seen, judges the choice.

# %%
from pathlib import Path

import pandas as pd

from stockcast import feature_store
from stockcast.contracts.model_record import ModelRecord
from stockcast.models.bundle import load_bundle
from stockcast.models.children import make_child, try_strategies
from stockcast.models.panel.training import PanelHyperparameters
from stockcast.models.samples import make_samples
from stockcast.models.selection import publishing
from stockcast.models.selection.assessment import assess
from stockcast.presentation import plots, tables
from stockcast.prices import snapshot
from stockcast.settings import load_settings
from stockcast.storage.tables import write_parquet
from stockcast.telemetry.epochs import by_strategy
from stockcast.workspace import Workspace

# %% tags=["parameters"]
upstream = None
product = None
profile = "sample"
ticker = "AAPL"
horizon = 5
context = 60
stretch = 32
hidden_size = 32
num_layers = 2
dropout = 0.2
batch_size = 32
parent_epochs = 20
child_epochs = 10
learning_rate = 1e-3
fine_tune_lr = 1e-4
strategies = ["zero_shot"]
seed = 7

# %%
settings = load_settings(profile, {"context": context})
history = snapshot.load(Path(upstream[f"ingest-{ticker}"]["prices"]))
close = history.frame["close"]
features = feature_store.training_frame(settings, ticker, end=history.as_of)
samples = make_samples(ticker, features, close, horizon)
parent_record = ModelRecord.load(Path(upstream["train_parent"]["model"]))
reigning = parent_record.bundle or f"parent/{parent_record.candidate}"
parent = load_bundle(Workspace.of(settings).bundle(reigning))
parent.split.table(samples.days)

# %% [markdown]
# ## Every way to a child, compared on validation days

# %%
hyper = PanelHyperparameters(
    context=context,
    stretch=stretch,
    hidden_size=hidden_size,
    num_layers=num_layers,
    dropout=dropout,
    batch_size=batch_size,
    epochs=child_epochs,
    learning_rate=learning_rate,
    seed=seed,
)
children = try_strategies(
    samples,
    parent,
    close,
    hyper,
    strategies=strategies,
    fine_tune_lr=fine_tune_lr,
    scratch_epochs=parent_epochs,
    progress=by_strategy,
)
plots.strategies(children.evidence)

# %%
children.evidence

# %%
loss_curve = plots.loss_curve(children.chosen.history) if children.trained else None
loss_curve

# %% [markdown]
# Pinball loss, lower is better. `against_zero_shot` is the ratio to the parent as it is, with its
# 95% interval: only where all of that lies below 1 is the change taken.
#
# ## How good the chosen one is, on the test period

# %%
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
plots.skill(assessment.ratios())

# %%
assessment.table()

# %%
calibration = plots.calibration(assessment.test("child"), close)
calibration

# %%
predictions = plots.predictions_and_actuals(assessment.test("child"), close)
predictions

# %%
residuals = plots.residuals(assessment.test("child"), close)
residuals

# %% [markdown]
# Ratios of pinball loss below 1 are better than the model they are taken against; an 80% interval
# should hold 80% of the days. `child` is the network averaged with the GARCH that knows the
# calendar and recalibrated by each outcome as it became known; `network` is recalibrated alone.
#
# ## Decision

# %%
bundle = make_child(children, parent, hyper, samples)
write_parquet(Path(product["origins"]), assessment.origins())
record = publishing.publish(
    settings,
    history,
    samples,
    bundle,
    assessment,
    Path(product["model"]),
    children=children,
    parent=parent_record,
    figures={
        "loss_curve": loss_curve,
        "calibration": calibration,
        "predictions": predictions,
        "residuals": residuals,
    },
)
tables.decision(record)
