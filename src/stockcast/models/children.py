"""One stock's networks: every strategy that its history allows, and the one that is chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.significance import MIN_LOSSES, ratio_interval
from stockcast.evaluation.walkforward import losses, paired_losses
from stockcast.models.bundle import Bundle, make_bundle
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.training import FittedPanel, PanelHyperparameters, Progress, fit
from stockcast.models.samples import Samples
from stockcast.models.splits import Split
from stockcast.settings import STRATEGIES

__all__ = ["Children", "choose", "compare", "make_child", "transfer", "try_strategies"]

#: Given a strategy and its epochs, returns what is called after each of them.
Begun = Callable[[str, int], Progress]


@dataclass(frozen=True, eq=False)
class Children:
    """The networks of one stock.

    Attributes:
        ticker: whose.
        strategy: the one chosen.
        fits: by strategy.
        forecasts: raw forecasts by name in the scorecard, from the start of validation on.
        evidence: one row per strategy: validation pinball loss, ratios to the parent as it is and
            to scratch, best epoch and seconds of training.
        too_short: why nothing could be trained on the stock itself, or None.
    """

    ticker: str
    strategy: str
    fits: dict[str, FittedPanel]
    forecasts: dict[str, QuantileForecasts]
    evidence: pd.DataFrame
    too_short: str | None

    @property
    def chosen(self) -> FittedPanel:
        """The network of the chosen strategy."""
        return self.fits[self.strategy]

    @property
    def trained(self) -> bool:
        """Whether the chosen network was trained on the stock itself."""
        return self.strategy != "zero_shot"

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of training by name in the scorecard."""
        judged = _judged(self.strategy, self.fits)
        return {name: self.fits[strategy].seconds for name, strategy in judged.items()}


def try_strategies(
    samples: Samples,
    parent: Bundle,
    close: pd.Series,
    hyper: PanelHyperparameters,
    *,
    strategies: Sequence[str],
    fine_tune_lr: float,
    scratch_epochs: int,
    progress: Begun | None = None,
) -> Children:
    """Train a child in each of the ways asked for, beside the parent as it is.

    A history too short to train on keeps the parent's network as it is, and says so.

    Args:
        samples: the stock's days.
        parent: whose split is the children's, too.
        close: adjusted.
        hyper: of a child; ``fine_tune`` and ``scratch`` have one value of their own each.
        strategies: some of STRATEGIES, to be chosen from by :func:`choose`.
        fine_tune_lr: learning rate of ``fine_tune``.
        scratch_epochs: epochs of ``scratch``, which has more to learn.
        progress: begins to show a strategy's epochs.

    Raises:
        BadInput: the history does not fill one context, or there is no such strategy.
    """
    _require_context(samples, parent.fitted.context)
    too_short = _too_short(samples, parent.split, hyper)
    wanted = ("zero_shot",) if too_short else ("zero_shot", *strategies)
    fits = {
        name: transfer(
            name,
            samples,
            parent.split,
            hyper,
            parent=parent.fitted,
            fine_tune_lr=fine_tune_lr,
            scratch_epochs=scratch_epochs,
            progress=progress,
        )
        for name in dict.fromkeys(wanted)
    }
    split = parent.split
    walks = {name: walk_panel(each, samples, split.validation_start) for name, each in fits.items()}
    table = compare(walks, close, split)
    allowed = table.loc[[name for name in table.index if too_short or name in strategies]]
    chosen = choose(allowed)
    forecasts = {name: walks[strategy] for name, strategy in _judged(chosen, fits).items()}
    evidence = table.assign(
        best_epoch=[fitted.best.number for fitted in fits.values()],
        seconds=[fitted.seconds for fitted in fits.values()],
    )
    return Children(samples.ticker, chosen, fits, forecasts, evidence, too_short)


def _too_short(samples: Samples, split: Split, hyper: PanelHyperparameters) -> str | None:
    """Why nothing can be trained on the stock itself, if so."""
    days = int((split.train(samples.days) & samples.known()).sum())
    checks = int((split.validation(samples.days) & samples.known()).sum())
    needed = hyper.context + hyper.stretch
    if days >= needed and checks >= hyper.stretch:
        return None
    return (
        f"Expected at least {needed} training days and {hyper.stretch} validation days of "
        f"{samples.ticker}, got {days} and {checks}."
    )


def _judged(chosen: str, fits: Iterable[str]) -> dict[str, str]:
    """The networks whose forecasts of the test period are looked at: names in the scorecard, and
    the strategy behind each."""
    named = {"child": chosen, "parent": "zero_shot"}
    return named | {name: name for name in fits if name not in ("zero_shot", chosen)}


def make_child(
    children: Children, parent: Bundle, hyper: PanelHyperparameters, samples: Samples
) -> Bundle:
    """The chosen network as a bundle of its own."""
    if children.strategy != "scratch":  # whose network is the parent's in shape
        shape = parent.origin["hyperparameters"]
        hyper = replace(hyper, **{name: shape[name] for name in ("hidden_size", "num_layers")})
    last = parent.split.last_training_day(samples.days)
    own = str(last.date()) if last is not None and children.strategy != "zero_shot" else None
    return make_bundle(
        f"child-{children.ticker}",
        children.chosen,
        hyper=hyper,
        split=parent.split,
        kind="child",
        ticker=children.ticker,
        strategy=children.strategy,
        parent=parent.version,
        partner_weight=parent.partner_weight,
        start=parent.start,
        trained_through=own or parent.origin["trained_through"],
    )


def _require_context(samples: Samples, context: int) -> None:
    if len(samples.days) < context:
        raise BadInput(
            f"Expected at least {context} days of {samples.ticker} after the warm-up of its "
            f"features, got {len(samples.days)}: too short a history to forecast from."
        )


def transfer(
    strategy: str,
    samples: Samples,
    split: Split,
    hyper: PanelHyperparameters,
    *,
    parent: FittedPanel,
    fine_tune_lr: float,
    scratch_epochs: int,
    progress: Begun | None = None,
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
    if strategy not in STRATEGIES:
        raise BadInput(f"Expected a strategy of {', '.join(STRATEGIES)}, got {strategy!r}.")
    if strategy == "fine_tune":
        hyper = replace(hyper, learning_rate=fine_tune_lr)
    if strategy == "scratch":
        hyper = replace(hyper, epochs=scratch_epochs)
    return fit(
        samples,
        split,
        hyper,
        start=None if strategy == "scratch" else parent,
        head_only=strategy == "freeze",
        progress=progress and progress(strategy, hyper.epochs),
    )


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
