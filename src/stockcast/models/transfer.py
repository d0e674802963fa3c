"""From the parent's network to one stock's: the strategies, and the choice between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.walkforward import losses
from stockcast.models.samples import Samples
from stockcast.models.splits import Split
from stockcast.models.training import Fitted, Hyperparameters, Progress, fit, fit_head

__all__ = ["STRATEGIES", "choose", "compare", "transfer"]

#: Every way to get a child, the one that changes least first.
STRATEGIES = ("zero_shot", "freeze", "fine_tune", "scratch")


def transfer(
    strategy: str,
    samples: Samples,
    split: Split,
    hyper: Hyperparameters,
    *,
    parent: Fitted,
    fine_tune_lr: float,
    scratch_epochs: int,
    progress: Progress | None = None,
) -> Fitted:
    """Fit one child.

    ``zero_shot`` is the parent as it is; ``freeze`` trains the head on the frozen trunk;
    ``fine_tune`` trains all weights from the parent's, at ``fine_tune_lr``; ``scratch`` trains all
    weights from fresh ones with a scaler of its own, for ``scratch_epochs``, and owes the parent
    nothing: it is what transfer must beat.

    Raises:
        BadInput: the strategy is unknown, or the history is too short to fit on.
    """
    if strategy == "zero_shot":
        return replace(parent, seconds=0.0)
    if strategy == "freeze":
        return fit_head(samples, split, hyper, start=parent, progress=progress)
    if strategy == "fine_tune":
        gentle = replace(hyper, learning_rate=fine_tune_lr)
        return fit(samples, split, gentle, start=parent, progress=progress)
    if strategy == "scratch":
        longer = replace(hyper, epochs=scratch_epochs)
        return fit(samples, split, longer, progress=progress)
    raise BadInput(f"Expected a strategy of {', '.join(STRATEGIES)}, got {strategy!r}.")


def compare(
    forecasts: Mapping[str, QuantileForecasts], close: pd.Series, split: Split
) -> pd.DataFrame:
    """Pinball loss of each strategy's forecasts on the validation days, and nothing later.

    Returns:
        Index strategy; columns ``pinball`` (log-return units) and ``against_scratch`` (ratio; above
        1 the transfer is negative: the parent harmed more than it helped).
    """
    rows = {}
    for strategy, made in forecasts.items():
        inside = made.at(made.origins[split.validation(made.origins)])
        until = close.loc[: split.test_start - pd.Timedelta(days=1)]
        rows[strategy] = float(np.nanmean(losses(inside, until))) if len(inside) else np.nan
    table = pd.DataFrame({"pinball": rows}).rename_axis("strategy")
    scratch = table["pinball"].get("scratch")
    return table.assign(against_scratch=table["pinball"] / scratch if scratch else float("nan"))


def choose(table: pd.DataFrame) -> str:
    """The strategy with the lowest validation loss; of equals, the one that changes least.

    Without validation days there is nothing to choose by, and the parent stays as it is.
    """
    ordered = table["pinball"].reindex([s for s in STRATEGIES if s in table.index])
    return str(ordered.idxmin()) if ordered.notna().any() else STRATEGIES[0]
