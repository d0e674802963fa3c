"""What Feast knows of stockcast: one entity, what is known of its days, and its newest context.

Run by Feast's command line for the profile `sample` (or the folder that STOCKCAST_STATE names);
called by stockcast with the folder of the profile in use.
"""

from __future__ import annotations

import os
from pathlib import Path

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Array, Float32, Float64, String

from stockcast.feature_store.asof import ONE_FILE_EACH
from stockcast.feature_store.log import BASES
from stockcast.features import COVARIATES, FEATURES


def source(folder: Path, description: str) -> FileSource:
    """Parquet files of one ticker each, with the day a row is about and the day it was known."""
    return FileSource(
        name=folder.name,
        path=str(folder),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
        tags={ONE_FILE_EACH: "yes"},
        description=description,
    )


def definitions(state: Path) -> tuple[Entity, FeatureView, FeatureView, FeatureView]:
    """The entity and the three views over the files of one profile."""
    ticker = Entity(name="ticker", join_keys=["ticker"], value_type=ValueType.STRING)
    features = FeatureView(
        name="stock_features",
        entities=[ticker],
        schema=[
            Field(name="ticker", dtype=String),
            # 64 bits: outcomes are ratios of closes, and a volume does not fit 24 bits of mantissa
            *(Field(name=name, dtype=Float64) for name in (*FEATURES, *BASES)),
        ],
        source=source(state / "features", "every version of every day's row"),
        online=False,
        description="Adjusted bars, RSI, MACD, model inputs and volatility of each trading day.",
    )
    covariates = FeatureView(
        name="stock_covariates",
        entities=[ticker],
        schema=[
            Field(name="ticker", dtype=String),
            *(Field(name=name, dtype=Float64) for name in COVARIATES),
        ],
        source=source(state / "covariates", "one row for each day"),
        online=False,
        description="Known events ahead of each trading day, and the market beside the stock.",
    )
    context = FeatureView(
        name="stock_context",
        entities=[ticker],
        schema=[
            Field(name="ticker", dtype=String),
            Field(name="values", dtype=Array(Float32)),
            Field(name="inputs", dtype=String),
            Field(name="sigma", dtype=Float64),
            Field(name="last_close", dtype=Float64),
            Field(name="as_of", dtype=String),
            Field(name="data_hash", dtype=String),
            Field(name="digest", dtype=String),
        ],
        source=source(state / "context", "one row for each day that was published"),
        online=True,
        description="The window of model inputs that a forecast is made from, row after row.",
    )
    return ticker, features, covariates, context


_SAMPLE = Path(__file__).resolve().parents[1] / "products" / "sample"
ticker, stock_features, stock_covariates, stock_context = definitions(
    Path(os.environ.get("STOCKCAST_STATE") or _SAMPLE)
)
