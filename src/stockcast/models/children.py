"""One stock's networks: every strategy that its history allows, and the one that is chosen."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

import pandas as pd

from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.models.bundle import Bundle, make_bundle
from stockcast.models.inference import walk_all_forward
from stockcast.models.samples import Samples
from stockcast.models.training import Fitted, Hyperparameters, Progress
from stockcast.models.transfer import STRATEGIES, choose, compare, transfer

__all__ = ["Children", "make_child", "try_strategies"]


@dataclass(frozen=True, eq=False)
class Children:
    """The networks of one stock.

    Attributes:
        ticker: whose.
        strategy: the one chosen.
        fits: by strategy.
        forecasts: raw forecasts by name in the scorecard, from the start of validation on.
        evidence: one row per strategy: validation pinball loss, ratio to scratch, best epoch and
            seconds of training.
        too_short: why nothing could be trained on the stock itself, or None.
    """

    ticker: str
    strategy: str
    fits: dict[str, Fitted]
    forecasts: dict[str, QuantileForecasts]
    evidence: pd.DataFrame
    too_short: str | None

    @property
    def chosen(self) -> Fitted:
        """The network of the chosen strategy."""
        return self.fits[self.strategy]

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of training by name in the scorecard."""
        judged = _judged(self.strategy, self.fits)
        return {name: self.fits[strategy].seconds for name, strategy in judged.items()}


def try_strategies(
    samples: Samples,
    parent: Bundle,
    close: pd.Series,
    hyper: Hyperparameters,
    *,
    strategy: str,
    fine_tune_lr: float,
    scratch_epochs: int,
    progress: Callable[[str, int], Progress] | None = None,
) -> Children:
    """Train a child in every way, or in the one asked for beside zero-shot and scratch.

    A history too short to train on keeps the parent's network as it is, and says so.

    Args:
        samples: the stock's days.
        parent: the parent's bundle; its split is the children's.
        close: adjusted closes.
        hyper: sizes, rates, epochs and seed of a child.
        strategy: one of STRATEGIES, or ``auto`` for the best on validation.
        fine_tune_lr: learning rate of ``fine_tune``.
        scratch_epochs: epochs of ``scratch``, which has more to learn.
        progress: given a strategy and its epochs, returns what is called after each of them.

    Raises:
        BadInput: the history does not fill one context.
    """
    _require_context(samples, parent.fitted.context)
    wanted = STRATEGIES if strategy == "auto" else ("zero_shot", strategy, "scratch")
    fits: dict[str, Fitted] = {}
    too_short = None
    for name in dict.fromkeys(wanted):
        try:
            fits[name] = transfer(
                name,
                samples,
                parent.split,
                hyper,
                parent=parent.fitted,
                fine_tune_lr=fine_tune_lr,
                scratch_epochs=scratch_epochs,
                progress=_progress(progress, name, hyper.epochs, scratch_epochs),
            )
        except BadInput as error:
            too_short = str(error)
    split = parent.split
    checked = walk_all_forward(fits, samples, split.validation_start, split.test_start)
    table = compare(checked, close, split)
    chosen = choose(table) if strategy == "auto" or strategy not in fits else strategy
    judged = _judged(chosen, fits)
    tested = walk_all_forward(
        {name: fits[strategy] for name, strategy in judged.items()}, samples, split.test_start
    )
    forecasts = {name: checked[judged[name]].followed_by(made) for name, made in tested.items()}
    return Children(samples.ticker, chosen, fits, forecasts, _evidence(table, fits), too_short)


def _judged(chosen: str, fits: Container[str]) -> dict[str, str]:
    """The networks whose forecasts of the test period are looked at: names in the scorecard, and
    the strategy behind each."""
    named = {"child": chosen, "parent": "zero_shot", "scratch": "scratch"}
    return {name: strategy for name, strategy in named.items() if strategy in fits}


def _progress(
    begin: Callable[[str, int], Progress] | None, strategy: str, epochs: int, scratch_epochs: int
) -> Progress | None:
    if begin is None or strategy == "zero_shot":  # which is not trained
        return None
    return begin(strategy, scratch_epochs if strategy == "scratch" else epochs)


def make_child(
    children: Children, parent: Bundle, hyper: Hyperparameters, samples: Samples
) -> Bundle:
    """The chosen network as a bundle of its own."""
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
        trained_through=own or parent.origin["trained_through"],
    )


def _evidence(table: pd.DataFrame, fits: dict[str, Fitted]) -> pd.DataFrame:
    def column(of: Callable[[Fitted], float]) -> pd.Series:
        return pd.Series({name: of(fitted) for name, fitted in fits.items()})

    return table.assign(
        best_epoch=column(lambda fitted: fitted.best.number),
        seconds=column(lambda fitted: fitted.seconds),
    )


def _require_context(samples: Samples, context: int) -> None:
    if len(samples.days) < context:
        raise BadInput(
            f"Expected at least {context} days of {samples.ticker} after the warm-up of its "
            f"features, got {len(samples.days)}: too short a history to forecast from."
        )
