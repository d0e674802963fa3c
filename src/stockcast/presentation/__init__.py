"""What people see: charts, tables, and what a forecast says in words."""

from __future__ import annotations

__all__ = ["BANDS"]

#: Central intervals of a fan chart, widest first: per cent, and the quantiles at its ends.
BANDS = (("90", "q05", "q95"), ("80", "q10", "q90"), ("50", "q25", "q75"))
