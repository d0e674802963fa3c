# %% [markdown]
# # Parent model
# One small network that has learned how returns spread over the coming days, and what a known event
# does to them. Every stock's model starts from it. By default it is one that comes with the package
# and learned from many stocks; all it has seen lies before the profile's validation period.

# %%
from pathlib import Path

import pandas as pd

from stockcast import feature_store
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.training import PanelHyperparameters
from stockcast.models.parents.choice import choose_parent
from stockcast.models.samples import make_samples
from stockcast.models.selection import publishing
from stockcast.models.selection.assessment import assess
from stockcast.models.splits import split_days
from stockcast.presentation import plots, tables
from stockcast.prices import snapshot
from stockcast.settings import load_settings
from stockcast.storage.tables import write_parquet
from stockcast.telemetry.epochs import epochs

# %% tags=["parameters"]
upstream = None
product = None
profile = "sample"
parent_ticker = "^GSPC"
validation_start = None
test_start = None
horizon = 5
context = 60
parent = "auto"
panel = []
device = "auto"
stretch = 32
hidden_size = 32
num_layers = 2
dropout = 0.2
batch_size = 32
parent_epochs = 20
learning_rate = 1e-3
seed = 7

# %%
settings = load_settings(
    profile, {"context": context, "parent": parent, "panel": panel, "device": device}
)
history = snapshot.load(Path(upstream[f"ingest-{parent_ticker}"]["prices"]))
close = history.frame["close"]
features = feature_store.training_frame(settings, parent_ticker, end=history.as_of)
samples = make_samples(parent_ticker, features, close, horizon)
split = split_days(close.index, horizon, validation_start, test_start)
split.table(samples.days)

# %% [markdown]
# ## Who it learned from

# %%
hyper = PanelHyperparameters(
    context=context,
    stretch=stretch,
    hidden_size=hidden_size,
    num_layers=num_layers,
    dropout=dropout,
    batch_size=batch_size,
    epochs=parent_epochs,
    learning_rate=learning_rate,
    seed=seed,
)
chosen = choose_parent(settings, split, hyper, progress=epochs(parent_epochs))
loss_curve = plots.loss_curve(chosen.fitted.history)
loss_curve

# %%
print(chosen.reason)
chosen.summary().T

# %% [markdown]
# How good it was inside its own cut, alone and averaged with its partner, on the stocks that it
# learned from and on others left out; and what it can do without.

# %%
chosen.table()

# %% [markdown]
# ## How good it is on the index, in the test period

# %%
assessment = assess(
    parent_ticker,
    {"parent": walk_panel(chosen.fitted, samples, split.validation_start)},
    close,
    split,
    candidate="parent",
    train_seconds={"parent": chosen.fitted.seconds},
    events=samples.event_flags(pd.DatetimeIndex(close.index)),
    partner_weight=chosen.partner_weight,
    start=chosen.start,
)
plots.skill(assessment.ratios())

# %%
assessment.table()

# %%
calibration = plots.calibration(assessment.test("parent"), close)
calibration

# %%
predictions = plots.predictions_and_actuals(assessment.test("parent"), close)
predictions

# %%
residuals = plots.residuals(assessment.test("parent"), close)
residuals

# %% [markdown]
# Ratios of pinball loss below 1 are better than the model they are taken against; an 80% interval
# should hold 80% of the days. `parent` is the network averaged with the GARCH that knows the
# calendar and recalibrated by each outcome as it became known; `network` is recalibrated alone.
#
# ## Decision

# %%
bundle = chosen.bundle(parent_ticker, split)
write_parquet(Path(product["origins"]), assessment.origins())
record = publishing.publish(
    settings,
    history,
    samples,
    bundle,
    assessment,
    Path(product["model"]),
    figures={
        "loss_curve": loss_curve,
        "calibration": calibration,
        "predictions": predictions,
        "residuals": residuals,
    },
)
tables.decision(record)
