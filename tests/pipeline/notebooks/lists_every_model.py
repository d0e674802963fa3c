# %% [markdown]
# # Lists every model
# %% tags=["parameters"]
upstream = None
product = None
tickers = None
# %%
import json
from pathlib import Path

models = {
    name: json.loads(Path(products["model"]).read_text())["number"]
    for name, products in upstream["child-*"].items()
}
models
