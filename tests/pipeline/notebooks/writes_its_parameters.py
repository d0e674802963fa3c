# %% [markdown]
# # Writes its parameters
# The number is the seed; the rest is what was asked for.
# %% tags=["parameters"]
upstream = None
product = None
ticker = None
seed = None
# %%
import json
from pathlib import Path

path = Path(product["prices"])
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(json.dumps({"ticker": ticker, "number": seed, "data_hash": f"hash-of-{ticker}"}))
ticker
