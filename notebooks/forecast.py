# %% [markdown]
# # Forecast
# Where the price may stand over the coming trading days, from the model that has earned it, beside
# the naive forecast, with the record of what was forecast before.

# %%
from pathlib import Path

from stockcast import forecasting
from stockcast.ledger import Ledger
from stockcast.presentation import plots, tables
from stockcast.prices import snapshot
from stockcast.settings import load_settings

# %% tags=["parameters"]
upstream = None
product = None
profile = "sample"
ticker = "AAPL"
horizon = 5
context = 60

# %%
settings = load_settings(profile, {"context": context, "horizon": horizon})
forecast = forecasting.forecast(settings, ticker)
plots.fan_chart(forecast)

# %%
tables.skill(forecast)

# %%
tables.fan(forecast)

# %% [markdown]
# ## Why the interval is as wide as it is
# Each bar is a factor on the width of the last day's 80% interval, beside the forecast of a week
# ago and beside the usual one of the last year.

# %%
plots.width(forecast)

# %% [markdown]
# ## Verdict

# %%
tables.verdict(forecast)

# %% [markdown]
# ## What became of earlier forecasts
# Each forecast was written down before its outcome existed. Those whose days have come are settled
# with the prices of today's snapshot.

# %%
history = snapshot.load(Path(upstream[f"ingest-{ticker}"]["prices"]))
ledger = Ledger(settings)
ledger.append(forecast)  # as when it was made; one from the cache may outlive a ledger
ledger.settle(ticker, history.frame["close"], history.data_hash)
plots.ledger(ledger.rows(ticker))

# %%
tables.track_record(ledger.summary(ticker=ticker))

# %%
forecast.save(Path(product["forecast"]))
