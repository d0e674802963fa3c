# %% [markdown]
# # Analysis
# All tickers at a glance: what is forecast, how far it can be trusted, and what became of it.
# Tables hold every ticker; figures the thirty with most skill, where there are more.

# %%
from pathlib import Path

import pandas as pd
from IPython.display import display

from stockcast.contracts.drift import DriftReport
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.model_record import ModelRecord
from stockcast.ledger import Ledger
from stockcast.presentation import plots, risk_tables, tables
from stockcast.risk import past
from stockcast.settings import load_settings

# %% tags=["parameters"]
upstream = None
product = None
profile = "sample"
tickers = None

# %%
settings = load_settings(profile)
forecasts = [Forecast.load(Path(task["forecast"])) for task in upstream["forecast-*"].values()]
checks = [DriftReport.load(Path(task["drift"])) for task in upstream["drift-*"].values()]
records = [ModelRecord.load(Path(task["model"])) for task in upstream["train_child-*"].values()]
leading = tables.leading(forecasts)
shown = [forecast for forecast in forecasts if forecast.ticker in leading]
plots.expected_ranges(shown)

# %%
pd.set_option("display.max_rows", None)
tables.overview(forecasts)

# %% [markdown]
# ## Skill
# Pinball loss on the test period against the naive forecast, with its 95% interval.

# %%
plots.skill(tables.ratios([record for record in records if record.ticker in leading]))

# %%
tables.scorecard(records)

# %% [markdown]
# ## Track record
# Realised figures of every forecast that was written down before its outcome. Beside them those of
# the last sessions replayed: what the model that serves would have said the day before.

# %%
tables.track_record(Ledger(settings).summary(), checks)

# %% [markdown]
# ## Decisions
# The test period traded by named rules on the forecasts of the ten tickers with most skill, after
# costs, beside holding and beside the same rules on GARCH.

# %%
backtest = past.attempt(settings, tables.leading(forecasts, 10))
risk_tables.rules(backtest)

# %%
risk_tables.verdicts(backtest)

# %% [markdown]
# ## Tails
# Whether as many losses were larger than forecast as the levels say; a small p-value says no.

# %%
risk_tables.tails(backtest)

# %% [markdown]
# ## Drift
# Whether the bars, the inputs and the forecasts still look like those of the training.

# %%
plots.drift([check for check in checks if check.ticker in leading])

# %%
tables.health(checks)

# %% [markdown]
# ## Forecasts

# %%
display(*[plots.fan_chart(forecast) for forecast in shown])
