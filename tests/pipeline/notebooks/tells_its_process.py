# %% [markdown]
# # Tells its process
# %% tags=["parameters"]
upstream = None
product = None
ticker = None
# %%
import json
import os
import random
import sys
from pathlib import Path

warm = "numpy" in sys.modules

import numpy as np
from toolbox.arithmetic import add

parent = Path(f"/proc/{os.getppid()}")
told = {
    "pid": os.getpid(),
    "group": os.getpgid(0),
    "session": os.getsid(0),
    "parent": os.getppid(),
    "parent_threads": len(list((parent / "task").iterdir())),
    "parent_files": len(list((parent / "fd").iterdir())),
    "warm": warm,
    "folder": str(Path.cwd()),
    "run": os.environ["STOCKCAST_RUN_ID"],
    "sum": add(1, 1),
    "random": [random.random(), float(np.random.rand())],  # noqa: NPY002 - the global generator is what is asked about
    "standard_input": str(Path("/proc/self/fd/0").readlink()),
}
# %%
path = Path(product["told"])
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(json.dumps(told))
