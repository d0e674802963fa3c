# %% [markdown]
# # Kills its parent
# %% tags=["parameters"]
upstream = None
product = None
# %%
import os
import signal
import time

os.kill(os.getppid(), signal.SIGKILL)
time.sleep(60)
