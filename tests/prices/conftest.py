"""Real bars, and settings that read them from a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stockcast.prices.sample import SampleSource
from stockcast.settings import Settings, load_settings


@pytest.fixture
def bars() -> pd.DataFrame:
    """AAPL's last 300 bars as they were traded, with adj_close."""
    return SampleSource().history("AAPL").frame.iloc[-300:]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for price files."""
    path = tmp_path / "my prices"
    path.mkdir()
    return path


@pytest.fixture
def files_settings(folder: Path, tmp_path: Path) -> Callable[..., Settings]:
    """Make settings of profile ``files`` that read ``folder``."""

    def make(**overrides: Any) -> Settings:
        given = {"prices_dir": str(folder), "root": str(tmp_path / "root"), **overrides}
        return load_settings("files", given)

    return make
