# %% [markdown]
# # Tells its settings
# %% tags=["parameters"]
upstream = None
product = None
profile = None
# %%
import json
import os
import subprocess
from pathlib import Path

from stockcast.settings import load_settings

names = ["OMP_NUM_THREADS", "PYTHONHASHSEED", "STOCKCAST_RUN_ID"]
told = {
    "settings": load_settings(profile).model_dump(mode="json"),
    "environment": {name: os.environ.get(name) for name in names},
    "folder": str(Path.cwd()),
}
subprocess.run(["echo", "noise from a child process"])
# %%
Path(product["told"]).parent.mkdir(parents=True, exist_ok=True)
Path(product["told"]).write_text(json.dumps(told))
