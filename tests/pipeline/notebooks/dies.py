# %% [markdown]
# # Dies
# %% tags=["parameters"]
upstream = None
product = None
# %%
import os

os.write(2, b"out of luck\n")
os._exit(9)
