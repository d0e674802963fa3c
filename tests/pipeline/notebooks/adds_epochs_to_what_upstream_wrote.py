# %% [markdown]
# # Adds epochs to what upstream wrote
# %% tags=["parameters"]
upstream = None
product = None
ticker = None
child_epochs = None
# %%
import json
from pathlib import Path

from toolbox.arithmetic import add

prices = json.loads(Path(upstream[f"ingest-{ticker}"]["prices"]).read_text())
# %%
if child_epochs == 13 and ticker == "FB":
    raise ValueError("thirteen epochs\nbring no luck to FB")
if child_epochs == 14 and ticker == "FB":
    from stockcast.errors import DataFault

    raise DataFault("FB has no price on a Friday.")
# %%
path = Path(product["model"])
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(json.dumps({**prices, "number": add(prices["number"], child_epochs)}))
prices["number"]
