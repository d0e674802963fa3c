# %% [markdown]
# # The service from a notebook
# What any client of the HTTP service does: ask for a forecast, wait for the model if there is none,
# and draw what came back. Start the service first: `make serve`. Having a model trained takes a
# key, such as the one in `products/sample.key`. This notebook is no stage of the pipeline.

# %%
import time

import httpx
import pandas as pd

from stockcast.contracts.forecast import Forecast
from stockcast.presentation import plots, tables

# %% tags=["parameters"]
url = "http://127.0.0.1:8000"
ticker = "AAPL"
key = None

# %%
client = httpx.Client(base_url=url, headers={"X-API-Key": key} if key else {}, timeout=60)
answer = client.post("/predict-child", json={"ticker": ticker})
while answer.status_code == 202:  # it is being trained: follow the task, then ask again
    task = answer.json()["task_id"]
    while (state := client.get(f"/status/{task}").json())["status"] == "running":
        time.sleep(2)
    if state["status"] == "failed":
        raise SystemExit(state["reason"])
    answer = client.post("/predict-child", json={"ticker": ticker})
answer.raise_for_status()
forecast = Forecast.model_validate(answer.json()["result"])
plots.fan_chart(forecast)

# %%
tables.verdict(forecast)

# %% [markdown]
# ## What the service says of itself

# %%
pd.DataFrame(client.get("/health").json()["components"])

# %% [markdown]
# ## What is left of this hour's requests

# %%
{name: value for name, value in answer.headers.items() if name.startswith("ratelimit")}
