# %% [markdown]
# # Fails every time
# Leaves a mark before it does.
# %% tags=["parameters"]
upstream = None
product = None
# %%
import os
from pathlib import Path

with (Path(os.environ["TEST_FOLDER"]) / "tries").open("a") as tries:
    tries.write("tried\n")
raise ValueError("as it does every time")
