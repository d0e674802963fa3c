# %% [markdown]
# # Waits for a file
# Says who it is in a file of its own, then waits until somebody lets it go on. It waits as a long
# computation does: deaf to all that Python would tell it.
# %% tags=["parameters"]
upstream = None
product = None
ticker = None
# %%
import ctypes
import os
from pathlib import Path

folder = Path(os.environ["TEST_FOLDER"])
(folder / f"{ticker}.pid").write_text(str(os.getpid()))
# %%
while not (folder / "go").exists():
    ctypes.PyDLL(None).sleep(3)
# %%
Path(product["model"]).parent.mkdir(parents=True, exist_ok=True)
Path(product["model"]).write_text(f'{{"number": 1, "ticker": "{ticker}"}}')
