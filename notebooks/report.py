# %% [markdown]
# # Report
# What the forecast means, written by a team of analysts from a table of facts: no figure stands in
# the text that is not in the table.

# %%
from pathlib import Path

from stockcast import agents
from stockcast.agents import display
from stockcast.contracts.forecast import Forecast
from stockcast.ledger import Ledger
from stockcast.presentation import plots, tables
from stockcast.settings import load_settings

# %% tags=["parameters"]
upstream = None
product = None
profile = "sample"
ticker = "AAPL"
news = None
ollama_base_url = None
ollama_model = "gpt-oss:20b-cloud"
temperature = 0.3

# %%
settings = load_settings(profile, {"ollama_model": ollama_model, "temperature": temperature})
forecast = Forecast.load(Path(upstream[f"forecast-{ticker}"]["forecast"]))
report = agents.write_report(settings, forecast)
display.headline(report)

# %%
display.recommendation(report)

# %%
plots.fan_chart(forecast)

# %%
display.note(report)

# %% [markdown]
# ## Facts
# All that the text may state. The last column counts how often it does.

# %%
display.facts(report)

# %% [markdown]
# ## Realised figures
# What became of the forecasts that were written down before their outcome.

# %%
tables.track_record(Ledger(settings).summary(ticker=ticker))

# %% [markdown]
# ## Evaluation

# %%
agents.record(settings, report)
display.evaluation(report)

# %%
report.save(Path(product["report"]))
