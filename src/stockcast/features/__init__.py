"""Inputs of a day, from bars, known events and the market; in none does a day see its future."""

from stockcast.features.bars import FEATURES, MODEL_INPUTS, compute, macd, rsi, volatility

__all__ = ["FEATURES", "MODEL_INPUTS", "compute", "macd", "rsi", "volatility"]
