"""Quantile forecasts of several models in one shape, so that every score reads them alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stockcast.errors import BadInput

__all__ = ["LEVELS", "QuantileForecasts", "level_places"]

#: The levels of every forecast: the median, and intervals of 50, 80 and 90%.
LEVELS: tuple[float, ...] = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)


def level_places(known: Sequence[float], wanted: Sequence[float]) -> list[int]:
    """Where each of the ``wanted`` levels stands among the ``known`` ones.

    Raises:
        BadInput: one of them does not.
    """
    places = [int(np.argmin(np.abs(np.array(known) - level))) for level in wanted]
    if not np.allclose(np.array(known)[places], wanted):
        raise BadInput(f"Expected levels among {tuple(known)}, got {tuple(wanted)}.")
    return places


@dataclass(frozen=True, eq=False)
class QuantileForecasts:
    """Quantiles of cumulative log-returns, one forecast per origin.

    Attributes:
        origins: (n,) sessions at whose close the forecast is made; increasing.
        levels: (k,) probabilities; increasing, in (0, 1).
        values: (n, horizon, k) log-returns from the origin's close to 1 … horizon sessions later;
            finite, and non-decreasing along the levels.
        notes: what a reader should know of how these came about, such as a fallback.

    Raises:
        BadInput: one of the above does not hold.
    """

    origins: pd.DatetimeIndex
    levels: tuple[float, ...]
    values: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", tuple(float(level) for level in self.levels))
        object.__setattr__(self, "values", np.asarray(self.values, dtype=float))
        wanted = (len(self.origins), self.values.shape[1:2], len(self.levels))
        if self.values.ndim != 3 or self.values.shape[::2] != wanted[::2]:
            raise BadInput(
                f"Expected quantiles of shape ({wanted[0]}, horizon, {wanted[2]}), "
                f"got {self.values.shape}."
            )
        levels = np.array(self.levels)
        if not (np.all(np.diff(levels) > 0) and np.all((levels > 0) & (levels < 1))):
            raise BadInput(f"Expected increasing levels between 0 and 1, got {self.levels}.")
        if not (self.origins.is_monotonic_increasing and self.origins.is_unique):
            raise BadInput("Expected increasing origins without repeats, got them out of order.")
        self._check_values()

    def _check_values(self) -> None:
        bad = np.asarray(~np.isfinite(self.values).all(axis=(1, 2)))
        if bad.any():
            raise BadInput(f"Expected finite quantiles, got one that is not at {self._first(bad)}.")
        crossing = np.asarray((np.diff(self.values, axis=2) < 0).any(axis=(1, 2)))
        if crossing.any():
            raise BadInput(f"Expected quantiles in order, they cross at {self._first(crossing)}.")

    def _first(self, bad: NDArray[np.bool_]) -> str:
        return str(self.origins[int(np.argmax(bad))].date())

    @classmethod
    def rearranged(
        cls,
        origins: pd.DatetimeIndex,
        levels: Sequence[float],
        values: ArrayLike,
        notes: tuple[str, ...] = (),
    ) -> QuantileForecasts:
        """Build from quantiles that may cross: sorting them never raises the pinball loss.

        Source: Chernozhukov, Fernandez-Val and Galichon (2010), Econometrica 78(3).
        """
        return cls(origins, tuple(levels), np.sort(np.asarray(values, float), axis=2), notes)

    def __len__(self) -> int:
        return len(self.origins)

    @property
    def horizon(self) -> int:
        """Sessions ahead."""
        return int(self.values.shape[1])

    @property
    def median(self) -> NDArray[np.float64]:
        """(n, horizon) the quantile at 0.5."""
        return self.level(0.5)

    def level(self, level: float) -> NDArray[np.float64]:
        """(n, horizon) the quantile at ``level``.

        Raises:
            BadInput: it was not forecast.
        """
        return self.values[:, :, level_places(self.levels, [level])[0]]

    def interval(self, coverage: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper end, (n, horizon) each, of the central interval of that coverage."""
        return self.level((1 - coverage) / 2), self.level((1 + coverage) / 2)

    def at(self, origins: pd.DatetimeIndex) -> QuantileForecasts:
        """Return the forecasts made at ``origins``.

        Raises:
            BadInput: none was made at one of them.
        """
        places = self.origins.get_indexer(origins)
        if (places < 0).any():
            missing = origins[int(np.argmax(places < 0))].date()
            raise BadInput(f"Expected a forecast made on {missing}, there is none.")
        return replace(self, origins=origins, values=self.values[places])
