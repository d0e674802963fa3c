# %% [markdown]
# # From an idea to the pipeline
# The loop of a researcher, on the sample prices: take a stage as the pipeline ran it, change one
# hyperparameter, run it, judge it against the pipeline's, and promote it by editing one key of the
# profile. Two minutes at most; nothing here changes what the pipeline made.

# %%
from stockcast import pipeline, tracking
from stockcast.contracts.model_record import ModelRecord
from stockcast.lab import trials
from stockcast.presentation import plots, tables
from stockcast.settings import load_settings

# %% tags=["parameters"]
profile = None
ticker = "IBM"
key = "strategies"
value = ["zero_shot", "fine_tune"]
changes = {}

# %% [markdown]
# ## 1. Where the pipeline stands
# The model of one ticker and all that it needs. If that is up to date, this takes seconds.

# %%
settings = load_settings(profile, changes)
pipeline.run(settings, targets=[f"train_child-{ticker}"])
made = trials.pipeline_products(settings, "train_child", ticker)
tables.decision(ModelRecord.load(made["model"]))

# %% [markdown]
# ## 2. Change one parameter
# In JupyterLab: open `train_child.py`, edit the injected cell, Run All. That cell holds the
# profile's parameters as the pipeline gives them, its inputs, and products of your own in `lab/`.
# The next line does the same.

# %%
tried = trials.try_out(settings, "train_child", ticker, **{key: value})
tables.decision(ModelRecord.load(tried["model"]))

# %% [markdown]
# ## 3. See both in MLflow
# Yours is tagged *interactive*. It registers no version and dethrones no champion.

# %%
tables.trainings(tracking.recent(settings, f"child-{ticker}", 5), ["epochs", "strategy", "seed"])

# %% [markdown]
# ## 4. Is it better?
# Losses of the same test days, day by day. Inside of the interval a difference is noise.

# %%
judged = trials.compare(made["origins"], tried["origins"], settings.horizon)
plots.compared(judged)

# %%
judged

# %% [markdown]
# ## 5. Promote it
# Write the line below into `env/<profile>.yaml`. The next `stockcast run` trains again what depends
# on it, and nothing else; its review shows the comparison with the run before, for every ticker.

# %%
print(f"{key}: {value}")

# %%
promoted = load_settings(profile, {**changes, key: value, "tickers": ticker})
tables.stale(pipeline.status(promoted))
