"""From the parent's network to one stock's: the strategies, and the choice between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.significance import MIN_LOSSES, ratio_interval
from stockcast.evaluation.walkforward import losses, paired_losses
from stockcast.models.panel_training import FittedPanel, PanelHyperparameters, Progress, fit
from stockcast.models.samples import Samples
from stockcast.models.splits import Split
from stockcast.settings import STRATEGIES

__all__ = ["STRATEGIES", "choose", "compare", "transfer"]


def transfer(
    strategy: str,
    samples: Samples,
    split: Split,
    hyper: PanelHyperparameters,
    *,
    parent: FittedPanel,
    fine_tune_lr: float,
    scratch_epochs: int,
    progress: Progress | None = None,
) -> FittedPanel:
    """Fit one child.

    ``zero_shot`` is the parent as it is; ``freeze`` trains the head on the frozen trunk;
    ``fine_tune`` trains all weights from the parent's, at ``fine_tune_lr``; ``scratch`` trains all
    weights from fresh ones with a scaler of its own, for ``scratch_epochs``, and owes the parent
    nothing.

    Raises:
        BadInput: the strategy is unknown, or the history is too short to fit on.
    """
    if strategy == "zero_shot":
        return replace(parent, seconds=0.0)
    if strategy == "freeze":
        return fit(samples, split, hyper, start=parent, head_only=True, progress=progress)
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
        Index strategy; columns ``pinball`` (log-return units), ``against_zero_shot`` (ratio) with
        ``low`` and ``high`` of its 95% interval, and ``against_scratch`` (ratio; above 1 the
        transfer is negative: the parent harmed more than it helped). NaN where there is nothing to
        compare with.
    """
    until = close.loc[: split.test_start - pd.Timedelta(days=1)]
    inside = {
        name: made.at(made.origins[split.validation(made.origins)])
        for name, made in forecasts.items()
    }
    rows = {name: _row(made, inside.get("zero_shot"), until) for name, made in inside.items()}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("strategy")
    scratch = table["pinball"].get("scratch")
    return table.assign(against_scratch=table["pinball"] / scratch if scratch else float("nan"))


def _row(
    made: QuantileForecasts, zero_shot: QuantileForecasts | None, close: pd.Series
) -> dict[str, float]:
    nothing = {"against_zero_shot": np.nan, "low": np.nan, "high": np.nan}
    if not len(made):
        return {"pinball": np.nan, **nothing}
    row = {"pinball": float(losses(made, close).to_numpy().mean())}
    if zero_shot is None:
        return row | nothing
    own, other = paired_losses(close, made, zero_shot)
    if len(own) < MIN_LOSSES:
        return row | nothing
    low, high = ratio_interval(own, other, horizon=made.horizon)
    return row | {"against_zero_shot": own.mean() / other.mean(), "low": low, "high": high}


def choose(table: pd.DataFrame) -> str:
    """The parent as it is, unless another strategy beats it on validation by more than noise.

    More than noise is a ratio whose whole 95% interval lies below 1; of several such strategies the
    one with the lowest loss is chosen. Without ``zero_shot`` in the table the lowest loss decides,
    and of equals the strategy that changes least.
    """
    ordered = table.reindex([each for each in STRATEGIES if each in table.index])
    if "zero_shot" in ordered.index:
        better = ordered[ordered["high"] < 1]
        return str(better["pinball"].idxmin()) if len(better) else "zero_shot"
    return str(ordered["pinball"].idxmin()) if ordered["pinball"].notna().any() else STRATEGIES[0]
