# %% [markdown]
# # Analysis
# All tickers at a glance: what is forecast, how far it can be trusted, and what became of it.

# %%
from pathlib import Path

from IPython.display import display

from stockcast import plots, tables
from stockcast.files import read_json
from stockcast.ledger import Ledger
from stockcast.models.records import load_record
from stockcast.settings import load_settings

# %% tags=["parameters"]
upstream = None
product = None
profile = "sample"
tickers = None

# %%
settings = load_settings(profile)
documents = [read_json(Path(task["forecast"])) for task in upstream["forecast-*"].values()]
checks = [read_json(Path(task["drift"])) for task in upstream["drift-*"].values()]
records = [load_record(Path(task["model"])) for task in upstream["train_child-*"].values()]
plots.expected_ranges(documents)

# %%
tables.overview(documents)

# %% [markdown]
# ## Skill
# Pinball loss on the test period against the naive forecast, with its 95% interval.

# %%
plots.skill(tables.ratios(records))

# %%
tables.scorecard(records)

# %% [markdown]
# ## Track record
# Realised figures of every forecast that was written down before its outcome.

# %%
tables.track_record(Ledger(settings).summary())

# %% [markdown]
# ## Drift
# Whether the bars, the inputs and the forecasts still look like those of the training.

# %%
plots.drift(checks)

# %%
tables.health(checks)

# %% [markdown]
# ## Forecasts

# %%
display(*[plots.fan_chart(document) for document in documents])
