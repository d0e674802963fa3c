# %% [markdown]
# # What the forecasts would have been worth
# The test period again: decisions by named rules, after costs; losses against the value at risk
# that was forecast; several stocks held together. This notebook is no stage of the pipeline: it
# reads what `stockcast run` left.

# %%
import pandas as pd

from stockcast.presentation import risk_charts
from stockcast.risk.joint_tails import portfolio_tails
from stockcast.risk.past import run
from stockcast.risk.portfolio import portfolio
from stockcast.settings import load_settings

# %% tags=["parameters"]
profile = None
changes = {}
cost = 0.0005
slippage = 0.0005
weights = []

# %% [markdown]
# ## Is there an edge?
# Each rule beside a constant weight of the same volatility. An interval that holds zero is no edge.

# %%
settings = load_settings(profile, changes)
made = run(settings, settings.tickers, cost, slippage)
risk_charts.edges(made)

# %%
[edge.verdict for edge in made.edges]

# %%
pd.DataFrame([row.model_dump() for row in made.rows]).set_index(["rule", "model"])

# %% [markdown]
# ## Did the tails hold?
# A line marks a day whose loss was larger than the value at risk; beside the level, how often.

# %%
ours = [test for test in made.tails if test.model == "stockcast"]
risk_charts.breaches(ours, "Losses beyond the next day's value at risk")

# %%
tests = pd.DataFrame([test.model_dump(exclude={"breaches"}) for test in made.tails])
tests.set_index(["ticker", "model", "level"])

# %% [markdown]
# ## Held together
# What may be lost from the last close on, and whether such figures held in the past.

# %%
together = portfolio(settings, settings.tickers, weights)
risk_charts.joint_fan(together)

# %%
pd.DataFrame([each.model_dump() for each in together.holdings]).set_index("ticker")

# %%
joint = portfolio_tails(settings, settings.tickers, weights)
risk_charts.breaches(joint.tests, "Losses of the whole beyond the next day's value at risk")

# %%
pd.DataFrame([test.model_dump(exclude={"breaches"}) for test in joint.tests])
