# %% [markdown]
# # Parent model
# One LSTM learns from the index how volatile returns spread over the coming days. Every stock's
# model starts from it. Trained on the past, chosen on the validation period, judged on the test
# period that neither has seen.

# %%
from pathlib import Path

from stockcast import plots, store, tables
from stockcast.files import write_parquet
from stockcast.models import publishing
from stockcast.models.assessment import assess
from stockcast.models.bundle import make_bundle
from stockcast.models.inference import walk_forward
from stockcast.models.samples import make_samples
from stockcast.models.splits import split_days
from stockcast.models.training import Hyperparameters, fit
from stockcast.prices import snapshot
from stockcast.progress import epochs
from stockcast.settings import load_settings

# %% tags=["parameters"]
upstream = None
product = None
profile = "sample"
parent_ticker = "^GSPC"
validation_start = None
test_start = None
horizon = 5
context = 60
hidden_size = 128
num_layers = 2
dropout = 0.2
batch_size = 32
parent_epochs = 20
learning_rate = 1e-3
seed = 7
mark = None

# %%
settings = load_settings(profile, {"context": context})
history = snapshot.load(Path(upstream[f"ingest-{parent_ticker}"]["prices"]))
close = history.frame["close"]
features = store.training_frame(settings, parent_ticker, end=history.as_of)
samples = make_samples(parent_ticker, features, close, horizon)
split = split_days(close.index, horizon, validation_start, test_start)
split.table(samples.days)

# %% [markdown]
# ## Training

# %%
hyper = Hyperparameters(
    context=context,
    hidden_size=hidden_size,
    num_layers=num_layers,
    dropout=dropout,
    batch_size=batch_size,
    epochs=parent_epochs,
    learning_rate=learning_rate,
    seed=seed,
)
fitted = fit(samples, split, hyper, progress=epochs(parent_epochs, "train_parent"))
loss_curve = plots.loss_curve(fitted.history)
loss_curve

# %% [markdown]
# ## How good it is, on the test period

# %%
assessment = assess(
    parent_ticker,
    {"parent": walk_forward(fitted, samples, split.validation_start)},
    close,
    split,
    candidate="parent",
    train_seconds={"parent": fitted.seconds},
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
# should hold 80% of the days. `parent` is the network averaged with GARCH and recalibrated by each
# outcome as it became known; `network` is recalibrated alone.
#
# ## Decision

# %%
bundle = make_bundle(
    "parent",
    fitted,
    hyper=hyper,
    split=split,
    kind="parent",
    ticker=parent_ticker,
    strategy="scratch",
    trained_through=str(split.last_training_day(samples.days).date()),
)
write_parquet(Path(product["origins"]), assessment.origins())
record = publishing.publish(
    settings,
    history,
    samples,
    bundle,
    assessment,
    Path(product["model"]),
    mark=mark,
    figures={
        "loss_curve": loss_curve,
        "calibration": calibration,
        "predictions": predictions,
        "residuals": residuals,
    },
)
tables.decision(record)
