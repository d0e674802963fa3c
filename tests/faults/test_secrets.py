"""No secret is in anything that a run leaves or says, whoever printed it and whatever failed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from stockcast import cache
from stockcast.settings import HOME, Settings, is_secret, load_settings

#: One in every setting that holds a secret, and in every URL that may hold a login.
SECRETS = {key: f"pl4nted-{key}-\"'<&" for key in Settings.model_fields if is_secret(key)}
URLS = {
    key: f"{scheme}://ada:pl4nted-{key}@127.0.0.1:1/"
    for key, scheme in {
        "redis_url": "redis",
        "mlflow_tracking_uri": "http",
        "ollama_base_url": "http",
        "qdrant_url": "http",
        "pushgateway_url": "http",
    }.items()
}

PIPELINE = f"""
library: {HOME / "src" / "stockcast"}
stages:
  - name: leaks-[[ticker]]
    source: leaks.py
    each: tickers
    params: [ticker, ollama_base_url]
"""
LEAKS = """
# %% tags=["parameters"]
upstream = None
product = None
ticker = None
ollama_base_url = None

# %%
import os
import sys

from stockcast import cache, tracking
from stockcast.settings import load_settings

# %%
settings = load_settings()
settings

# %%
print(dict(os.environ))
print(settings.model_dump(), file=sys.stderr)

# %%
secrets = [value for value in os.environ.values() if "pl4nted" in value]
with tracking.run(settings, ticker, settings.model_dump() | {"all": secrets}) as run:
    run.metrics({"loss": 1.0})
print(cache.connect(settings).health())

# %%
if ticker == "FB":
    raise ConnectionError(f"refused: {secrets}")
if ticker == "IBM":
    print(secrets, file=sys.__stderr__, flush=True)
    os._exit(1)
"""


class Ran(NamedTuple):
    root: Path
    said: str


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("secrets")
    home, root = folder / "home", folder / "root"
    shutil.copytree(HOME / "env", home / "env")
    (home / "pipeline.yaml").write_text(PIPELINE, "utf-8")
    (home / "leaks.py").write_text(LEAKS.lstrip(), "utf-8")
    planted = {f"STOCKCAST_{key.upper()}": value for key, value in (SECRETS | URLS).items()}
    env = {**os.environ, **planted, "STOCKCAST_HOME": str(home), "STOCKCAST_ROOT": str(root)}
    said = ""
    for command in (
        ["--debug", "run", "-t", "AAPL,FB,IBM", "--json"],
        ["status", "--json"],
        ["sync"],
        ["run", "--set", f"redis_url={URLS['redis_url']}", "--set", "horizn=1"],
        ["run", "--set", f"root={URLS['redis_url']}", "--set", "jobs=0"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "stockcast", *command],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        said += done.stdout + done.stderr
    yield Ran(root, said)
    cache.stop(load_settings(overrides={"root": str(root)}))


def test_run_went_as_it_was_meant_to(ran: Ran) -> None:
    assert (ran.root / "reports/sample/leaks/AAPL.ipynb").exists()
    assert (ran.root / "reports/sample/leaks/FB.failed.html").exists()
    assert (ran.root / "reports/sample/leaks/IBM.failed.ipynb").exists()
    assert (ran.root / "products/sample/mlflow/mlflow.db").exists()
    assert "leaks-FB failed in cell" in ran.said


@pytest.mark.parametrize("key", sorted(SECRETS | URLS))
def test_secret_is_in_no_file_and_in_nothing_that_was_said(key: str, ran: Ran) -> None:
    planted = f"pl4nted-{key}"
    assert planted not in ran.said
    files = [path for path in ran.root.rglob("*") if path.is_file()]
    found = [path for path in files if planted.encode() in path.read_bytes()]
    assert [str(path.relative_to(ran.root)) for path in found] == []
