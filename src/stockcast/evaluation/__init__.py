"""How good forecasts are: their common shape, their outcomes, scores and tests of significance."""

from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.evaluation.walkforward import losses, outcomes, paired_losses

__all__ = ["LEVELS", "QuantileForecasts", "losses", "outcomes", "paired_losses"]
