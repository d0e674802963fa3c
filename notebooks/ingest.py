# %% [markdown]
# # Ingest
# Daily prices of one ticker: read, checked, put on one adjustment basis, kept as an immutable
# snapshot under the hash of its content, and published to the feature store. With them the dates
# of its results, past and to come.

# %%
from pathlib import Path

from stockcast import events, feature_store, features
from stockcast.contracts.prices import Revisions
from stockcast.feature_store.covariates import covariates
from stockcast.monitoring.admission import admit
from stockcast.presentation import plots, tables
from stockcast.prices import snapshot
from stockcast.settings import load_settings
from stockcast.workspace import Workspace

# %% tags=["parameters"]
upstream = None
product = None
profile = "sample"
ticker = "AAPL"
parent_ticker = "^GSPC"
market_ticker = None
source = "sample"
exchange = "XNYS"
currency = "USD"
start = "1999-01-01"
as_of = None
accept = []
fresh_sessions = 20
context = 60
fingerprint = None
known_events = None
events_source = "auto"
date_order = "auto"
decimal_mark = "auto"
hold = None

# %%
settings = load_settings(
    profile,
    {
        "parent_ticker": parent_ticker,
        "market_ticker": market_ticker,
        "source": source,
        "exchange": exchange,
        "currency": currency,
        "start": start,
        "as_of": as_of,
        "accept": accept,
        "fresh_sessions": fresh_sessions,
        "context": context,
        "events_source": events_source,
        "date_order": date_order,
        "decimal_mark": decimal_mark,
    },
)

# %% [markdown]
# ## Prices
# Open, high, low and close are adjusted for splits and dividends with one factor per day, and
# rebased so that the last close is the one traded. Bars that cannot be believed are refused, and
# hold back every forecast of the ticker until they are corrected.

# %%
history = admit(settings, ticker)
plots.prices(history.frame, ticker)

# %%
snapshot.save(history, settings)
history.frame.tail()

# %% [markdown]
# ## What was put right
# Rows that repeat others or are no bars are left out, and one value that is missing is made from
# its own day and the days before; each rule is named with the rows that it concerned.

# %%
tables.repairs(ticker, history.repairs)

# %% [markdown]
# ## What was done to them besides
# A day that looks like a split that nobody adjusted for holds the ticker while it is fresh; an
# older one is taken for the split it seems to be, and is neither fitted on nor scored.

# %%
tables.notes(ticker, history.notes)

# %% [markdown]
# ## What the source changed of earlier days
# A split, a dividend or a correction rewrites the past that models learned from; they are trained
# on what is true now by the stages after this one.

# %%
models = Workspace.of(settings).learned_from(ticker, parent_ticker)
found = history.revisions
changed = Revisions(ticker=ticker, revisions=found, models=tuple(models) if found else ())
changed.save(Path(product["revisions"]))
tables.revisions(changed)

# %% [markdown]
# ## Known events
# Days of results, as they are announced. A date that nobody says to have been announced earlier
# counts as known ten sessions ahead.

# %%
tables.events(events.ingest(settings, ticker))

# %% [markdown]
# ## Features
# Every column of a day is made from that day and earlier ones. Beside the bars stand the events
# known ahead, the index and the market ticker, each as it was known at the day's close.

# %%
computed = features.compute(history.frame)
plots.volatility(computed, ticker)

# %%
beside = covariates(settings, history, computed)
feature_store.publish(settings, history, computed, beside)

# %%
computed.join(beside[list(features.COVARIATES)]).tail().round(4).T

# %% [markdown]
# ## What was ingested

# %%
history.summary()
