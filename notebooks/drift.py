# %% [markdown]
# # Drift
# Are the bars to be believed, is the world still the one the model was trained in, and are its
# forecasts as good as promised? Thresholds are those that undisturbed days of the past would have
# stayed below.

# %%
from pathlib import Path

from stockcast.monitoring.checks import conclude, page_if_unhealthy
from stockcast.monitoring.ticker_check import examine
from stockcast.presentation import plots, tables
from stockcast.prices import quarantine, snapshot
from stockcast.settings import load_settings

# %% tags=["parameters"]
upstream = None
product = None
profile = "sample"
ticker = "AAPL"
parent_ticker = "^GSPC"
index = "^GSPC"
exchange = "XNYS"
horizon = 5
validation_start = None
test_start = None
false_alarm_rate = 0.005
hold = None

# %%
settings = load_settings(
    profile,
    {
        "parent_ticker": parent_ticker,
        "exchange": exchange,
        "horizon": horizon,
        "validation_start": validation_start,
        "test_start": test_start,
        "false_alarm_rate": false_alarm_rate,
    },
)
history = snapshot.load(Path(upstream[f"ingest-{ticker}"]["prices"]))
market = snapshot.load(Path(upstream[f"ingest-{index}"]["prices"]))
found = examine(settings, history, market.frame)
plots.anomalies(found.inputs.scores, "What does not fit its past: inputs and volatility")

# %%
plots.anomalies(found.forecasts.scores, "What does not fit its past: next-day forecasts")

# %%
plots.distances(found.document)

# %%
tables.drifted(found.document)

# %% [markdown]
# The plots are in units of the threshold: an alarm from 1 on. A column's distance is Wasserstein's
# between the last 20 sessions and the training days, over the training days' standard deviation.
#
# ## Promised, walked forward, and in the ledger

# %%
plots.replayed(found.document)

# %%
tables.realised_figures(found.document)

# %% [markdown]
# ## What to do

# %%
document = conclude(settings, history, found, page_if_unhealthy(found), Path(product["drift"]))
tables.health([document])

# %%
quarantine.require_none(settings, ticker)
