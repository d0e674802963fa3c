"""The network's forecast averaged with GARCH's: two sources of error that partly cancel.

Averaging quantiles at equal levels keeps a forecast's sharpness where averaging probabilities
widens it (Lichtendahl, Grushka-Cockayne and Winkler, Management Science 59, 2013). Equal weights
are not fitted. On every fold before 2010 the average was better than either part on the mean of the
tickers (reports/LOG.md).
"""

from __future__ import annotations

from dataclasses import replace

from stockcast.evaluation.quantiles import QuantileForecasts

__all__ = ["combine"]


def combine(
    network: QuantileForecasts, partner: QuantileForecasts, weight: float = 0.5
) -> QuantileForecasts:
    """The average of two forecasters at the partner's origins, the partner's with ``weight``."""
    own = network.at(partner.origins).values
    return replace(partner, values=(1 - weight) * own + weight * partner.values)
