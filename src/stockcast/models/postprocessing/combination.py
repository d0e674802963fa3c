"""The network's forecast averaged with GARCH's: two sources of error that partly cancel.

Averaging quantiles at equal levels keeps a forecast's sharpness where averaging probabilities
widens it (Lichtendahl, Grushka-Cockayne and Winkler, Management Science 59, 2013). Equal weights
are not fitted. On every fold before 2010 the average was better than either part on the mean of the
tickers (reports/LOG.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stockcast.evaluation.quantiles import QuantileForecasts

__all__ = ["PARTNER", "average", "combine"]

#: The baseline that networks are averaged with.
PARTNER = "garch_events"


def average(
    network: NDArray[np.float64], partner: NDArray[np.float64], weight: float = 0.5
) -> NDArray[np.float64]:
    """The mean of two sets of quantiles of one shape, the partner's with ``weight``; in order, if
    both are."""
    mean: NDArray[np.float64] = (1 - weight) * network + weight * partner
    return mean


def combine(
    network: QuantileForecasts, partner: QuantileForecasts, weight: float = 0.5
) -> QuantileForecasts:
    """The average of two forecasters at the partner's origins, the partner's with ``weight``."""
    values = average(network.at(partner.origins).values, partner.values, weight)
    return QuantileForecasts(partner.origins, partner.levels, values, partner.notes)
