"""Tables of a backtest, and of whether tails held; a sentence where there is none."""

from __future__ import annotations

import pandas as pd
from IPython.display import Markdown

from stockcast.contracts.risk import Backtest, BacktestRow, TailTest

__all__ = ["rule_cells", "rules", "tail_cells", "tails", "verdicts"]


def rule_cells(row: BacktestRow) -> dict[str, str]:
    """What one rule made, by column."""
    return {
        "rule": row.rule,
        "forecasts": row.model,
        "return a year": f"{row.annual_return:.1%}",
        "95% interval": "{:.0%} to {:.0%}".format(*row.annual_return_ci95),
        "volatility": f"{row.volatility:.1%}",
        "Sharpe": f"{row.sharpe:.2f}",
        "drawdown": f"{row.drawdown:.0%}",
        "turnover": f"{row.turnover:.1f}",
    }


def tail_cells(test: TailTest) -> dict[str, str]:
    """Whether one tail of a ticker held, by column."""
    return {
        "forecasts": test.model,
        "level": f"{test.level:.1%}",
        "breaches": f"{len(test.breaches)} of {test.n}",
        "share": f"{test.share:.1%}",
        "Kupiec": f"{test.kupiec_p:.2g}",
        "independent": f"{test.independence_p:.2g}",
        "both": f"{test.conditional_p:.2g}",
        "shortfall": f"{test.shortfall_p:.2g}",
        "light": test.light,
    }


def rules(found: Backtest | str) -> pd.DataFrame | Markdown:
    """What each rule made after costs, beside holding and beside the same rule on GARCH."""
    if isinstance(found, str):
        return Markdown(found)  # type: ignore[no-untyped-call]  # IPython is not typed
    return pd.DataFrame([rule_cells(row) for row in found.rows]).set_index("rule")


def verdicts(found: Backtest | str) -> Markdown:
    """Whether a rule made surely more than a constant weight, a sentence each."""
    told = [found] if isinstance(found, str) else [edge.verdict for edge in found.edges]
    return Markdown("\n\n".join(told))  # type: ignore[no-untyped-call]


def tails(found: Backtest | str) -> pd.DataFrame | Markdown:
    """Whether the next day's value at risk and expected shortfall held: breaches and p-values."""
    if isinstance(found, str):
        return Markdown(found)  # type: ignore[no-untyped-call]
    rows = [tail_cells(test) for test in found.tails]
    return pd.DataFrame(rows, pd.Index([test.ticker for test in found.tails], name="ticker"))
