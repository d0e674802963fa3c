"""A forecast as the library gives it, and a small project whose pipeline makes such forecasts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from stockcast.settings import HOME

PIPELINE = f"""
library: {HOME / "src" / "stockcast"}
stages:
  - name: ingest-[[ticker]]
    source: notebooks/ingest.py
    each: tickers
    params: [ticker]
  - name: forecast-[[ticker]]
    source: notebooks/forecast.py
    each: tickers
    upstream: ["ingest-[[ticker]]"]
    params: [ticker]
    products:
      forecast: forecasts/[[ticker]].json
"""

INGEST = """
# %% tags=["parameters"]
upstream = None
product = None
ticker = None

# %%
from stockcast.errors import BadInput

# %%
print("a notebook prints this")
if ticker == "FB":
    raise BadInput("Expected more days of FB, got 196.")
"""

FORECAST = """
# %% tags=["parameters"]
upstream = None
product = None
ticker = None

# %%
import json
from pathlib import Path

# %%
document = json.loads(Path("contract.json").read_text())
target = Path(product["forecast"])
target.parent.mkdir(parents=True, exist_ok=True)
target.write_text(json.dumps({**document, "ticker": ticker}))
"""


@pytest.fixture
def contract() -> dict[str, Any]:
    return contract_of("AAPL")


def contract_of(ticker: str) -> dict[str, Any]:
    days = ["2013-02-22", "2013-02-25", "2013-02-26", "2013-02-27", "2013-02-28"]
    levels = {"q05": 0.9, "q10": 0.94, "q25": 0.98, "q50": 1.0, "q75": 1.02, "q90": 1.06}
    fan = {name: 446.0 * factor for name, factor in {**levels, "q95": 1.1}.items()}
    return {
        "ticker": ticker,
        "as_of": "2013-02-21",
        "last_close": 446.06,
        "currency": "USD",
        "source": "sample",
        "data_hash": "0123456789abcdef",
        "cached": False,
        "model": {
            "kind": "child",
            "version": "3",
            "strategy": "freeze",
            "trained_through": "2009-12-31",
        },
        "verdict": {"skilful": True, "reason": "Its pinball loss is 3% below the naive one's."},
        "skill": {
            "pinball_vs_naive": 0.97,
            "pinball_vs_garch": 1.01,
            "ci95": [0.95, 0.99],
            "coverage_80": 0.81,
            "n": 700,
        },
        "predictions": {
            "historical": [{"date": "2013-02-21", "close": 446.06}],
            "full_forecast": [{"date": day, "close": fan["q50"], **fan} for day in days],
        },
    }


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose forecasts are all alike, and where the prices of FB are never good."""
    home = tmp_path_factory.mktemp("project")
    shutil.copytree(HOME / "env", home / "env")
    (home / "notebooks").mkdir()
    (home / "pipeline.yaml").write_text(PIPELINE, "utf-8")
    (home / "notebooks" / "ingest.py").write_text(INGEST.lstrip(), "utf-8")
    (home / "notebooks" / "forecast.py").write_text(FORECAST.lstrip(), "utf-8")
    (home / "contract.json").write_text(json.dumps(contract_of("")), "utf-8")
    return home
