"""One split by time for a whole profile: train, validation and test, a horizon apart."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.errors import BadInput

__all__ = ["Split", "split_days"]

#: Shares of the days, where the profile does not name the dates.
TEST_SHARE, VALIDATION_SHARE = 0.25, 0.15


@dataclass(frozen=True)
class Split:
    """The first day of validation and of test, and the embargo before each, in sessions.

    An origin belongs to a part only if its last outcome, ``embargo`` sessions later, does too. So
    no outcome is shared by two parts, and a horizon of origins before each border is in none.
    """

    validation_start: pd.Timestamp
    test_start: pd.Timestamp
    embargo: int

    def _part(
        self, days: pd.DatetimeIndex, start: pd.Timestamp | None, end: pd.Timestamp | None
    ) -> NDArray[np.bool_]:
        first = 0 if start is None else int(days.searchsorted(start))
        last = len(days) if end is None else int(days.searchsorted(end)) - self.embargo
        place = np.arange(len(days))
        part: NDArray[np.bool_] = (place >= first) & (place < last)
        return part

    def train(self, days: pd.DatetimeIndex) -> NDArray[np.bool_]:
        """(n,) origins that models are fitted on."""
        return self._part(days, None, self.validation_start)

    def validation(self, days: pd.DatetimeIndex) -> NDArray[np.bool_]:
        """(n,) origins that epochs and strategies are chosen on."""
        return self._part(days, self.validation_start, self.test_start)

    def test(self, days: pd.DatetimeIndex) -> NDArray[np.bool_]:
        """(n,) origins that scores are reported on; the last ones' outcomes are still to come."""
        return self._part(days, self.test_start, None)

    def last_training_day(self, days: pd.DatetimeIndex) -> pd.Timestamp | None:
        """The last origin that is fitted on, if there is one."""
        fitted = days[self.train(days)]
        return fitted[-1] if len(fitted) else None

    def table(self, days: pd.DatetimeIndex) -> pd.DataFrame:
        """First day, last day and number of origins of each part, for people."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        rows = {}
        for name, part in parts.items():
            inside = days[part(days)]
            ends = [f"{inside[at]:%Y-%m-%d}" for at in (0, -1)] if len(inside) else ["-", "-"]
            rows[name] = [*ends, len(inside)]
        return pd.DataFrame.from_dict(rows, orient="index", columns=["first", "last", "origins"])

    def to_json(self) -> dict[str, str | int]:
        """The split as plain values."""
        return {
            "validation_start": str(self.validation_start.date()),
            "test_start": str(self.test_start.date()),
            "embargo": self.embargo,
        }

    @classmethod
    def from_json(cls, document: dict[str, str | int]) -> Split:
        """Undo :meth:`to_json`."""
        return cls(
            pd.Timestamp(document["validation_start"]),
            pd.Timestamp(document["test_start"]),
            int(document["embargo"]),
        )


def split_days(
    days: pd.DatetimeIndex,
    horizon: int,
    validation_start: dt.date | str | None = None,
    test_start: dt.date | str | None = None,
) -> Split:
    """Split ``days`` (the parent's sessions) at the dates given, else by the default shares.

    A default border is moved back to the first day of its month, so that a new bar does not move
    it, and models are not trained anew, every day.

    Raises:
        BadInput: the borders leave a part without origins.
    """
    test = _border(days, test_start, 1 - TEST_SHARE)
    validation = _border(days, validation_start, 1 - TEST_SHARE - VALIDATION_SHARE)
    split = Split(validation, test, horizon)
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    for name, part in parts.items():
        if not part(days).any():
            raise BadInput(
                f"Expected {name} days on {days[0].date()} … {days[-1].date()} split at "
                f"{validation.date()} and {test.date()}, got none; set validation_start and "
                f"test_start to days between them."
            )
    return split


def _border(days: pd.DatetimeIndex, given: dt.date | str | None, share: float) -> pd.Timestamp:
    if given:
        return pd.Timestamp(given)
    return days[int(share * len(days))].replace(day=1)
