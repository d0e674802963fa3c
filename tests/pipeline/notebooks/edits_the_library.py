# %% [markdown]
# # Edits the library
# %% tags=["parameters"]
upstream = None
product = None
# %%
import json
import os
from pathlib import Path

from toolbox import arithmetic

path = Path(arithmetic.__file__)
path.write_text(path.read_text().replace("return ", "return 40 + "))
# %%
Path(product["told"]).parent.mkdir(parents=True, exist_ok=True)
Path(product["told"]).write_text(json.dumps({"parent": os.getppid()}))
