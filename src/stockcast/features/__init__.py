"""Inputs of a day, from bars, known events and the market; in none does a day see its future."""

from stockcast.features.bars import FEATURES, MODEL_INPUTS, compute, macd, rsi, volatility
from stockcast.features.panel import PANEL_INPUTS, panel_inputs

__all__ = [
    "COVARIATES",
    "FEATURES",
    "MODEL_INPUTS",
    "PANEL_INPUTS",
    "compute",
    "macd",
    "panel_inputs",
    "rsi",
    "volatility",
]

#: What a network sees beside the bars: events, the market, and flags of what a day has.
COVARIATES = tuple(name for name in PANEL_INPUTS if name not in MODEL_INPUTS)
