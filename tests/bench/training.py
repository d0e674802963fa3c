"""Parent, child and scoring on the sample's real prices, each beside another way to do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from stockcast import features, prices
from stockcast.errors import BadInput
from stockcast.evaluation.walkforward import losses
from stockcast.models.baselines import gjr
from stockcast.models.panel.inference import ask_context, walk_panel
from stockcast.models.panel.training import FittedPanel, PanelHyperparameters, fit
from stockcast.models.samples import Samples, make_samples
from stockcast.models.splits import Split, split_days
from stockcast.settings import Settings
from tests.bench.timing import Row, Time, compared, median, timed

__all__ = ["CHILD", "World", "rows", "worlds"]

#: The stock that stands for the children.
CHILD = "AAPL"
Say = Callable[[str], None]


@dataclass(frozen=True)
class World:
    """One ticker's closes and days, and the split that all tickers share."""

    close: pd.Series
    samples: Samples
    split: Split

    def validation_pinball(self, fitted: FittedPanel) -> float:
        """Pinball loss on the validation days, in log-return units."""
        made = walk_panel(fitted, self.samples, self.split.validation_start)
        inside = made.at(made.origins[self.split.validation(made.origins)])
        known = self.close[self.close.index < self.split.test_start]
        return float(losses(inside, known).to_numpy().mean())


def rows(settings: Settings, *, say: Say) -> list[Row]:
    """Measure training and scoring."""
    index, *stocks = worlds(settings, (settings.parent_ticker, *settings.tickers))
    stock = next(each for each in stocks if each.samples.ticker == CHILD)
    hyper = PanelHyperparameters(
        context=settings.context,
        stretch=settings.stretch,
        hidden_size=settings.hidden_size,
        num_layers=settings.num_layers,
        dropout=settings.dropout,
        batch_size=settings.batch_size,
        epochs=settings.parent_epochs,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
    )
    say(f"Parent on {index.samples.ticker} alone ...")
    took, parent = timed(lambda: fit(index.samples, index.split, hyper))
    parent_row = Row(f"Parent on one series: fit, {hyper.epochs} epochs", took.wall, "s")
    say(f"Child of {CHILD} ...")
    short = replace(hyper, epochs=settings.child_epochs)
    child_row = _child(stock, short, parent, hyper.epochs)
    garch_row = _garch(index)
    say("Freeze and scratch on every stock ...")
    quality = _children(stocks, short, parent, hyper.epochs)
    say("Scoring the test period ...")
    return [parent_row, child_row, quality, _scoring(stock, parent), garch_row]


def worlds(settings: Settings, tickers: Sequence[str]) -> list[World]:
    """The tickers' closes and days, split as the first one's sessions are."""
    histories = [prices.read(settings, ticker) for ticker in tickers]
    split = split_days(
        histories[0].frame.index, settings.horizon, settings.validation_start, settings.test_start
    )
    made = []
    for history in histories:
        close, computed = history.frame["close"], features.compute(history.frame)
        inputs = features.panel_inputs(computed).assign(sigma=computed["sigma"])
        samples = make_samples(history.ticker, inputs, close, settings.horizon)
        made.append(World(close, samples, split))
    return made


def _child(
    world: World, hyper: PanelHyperparameters, parent: FittedPanel, scratch_epochs: int
) -> Row:
    def freeze() -> FittedPanel:
        return fit(world.samples, world.split, hyper, start=parent, head_only=True)

    def scratch() -> FittedPanel:
        return fit(world.samples, world.split, replace(hyper, epochs=scratch_epochs))

    freeze()
    ours: list[Time] = []
    theirs: list[Time] = []
    for _ in range(2):
        ours += [timed(freeze)[0] for _ in range(2)]
        theirs.append(timed(scratch)[0])
    return compared(
        f"Child: freeze, {hyper.epochs} epochs",
        median(ours),
        f"our own fit from scratch, {scratch_epochs} epochs",
        median(theirs),
    )


def _children(
    stocks: Sequence[World],
    hyper: PanelHyperparameters,
    parent: FittedPanel,
    scratch_epochs: int,
) -> Row:
    longer = replace(hyper, epochs=scratch_epochs)
    pairs, names = [], []
    for world in stocks:
        try:
            own = fit(world.samples, world.split, longer)
        except BadInput:  # too short a history to train on
            continue
        headed = fit(world.samples, world.split, hyper, start=parent, head_only=True)
        pairs.append([world.validation_pinball(each) for each in (headed, own)])
        names.append(world.samples.ticker)
    ours, theirs = np.mean(pairs, axis=0)
    return _quality("Child by freeze", float(ours), "scratch", float(theirs), ", ".join(names))


def _scoring(world: World, fitted: FittedPanel) -> Row:
    samples, start = world.samples, world.split.test_start
    first = int(samples.days.searchsorted(start))

    def batch() -> np.ndarray:
        return walk_panel(fitted, samples, start).values

    def one_by_one() -> np.ndarray:
        past = fitted.context - 1
        return np.stack(
            [
                ask_context(fitted, samples.inputs[row - past : row + 1], samples.sigma[row])
                for row in range(first, len(samples.days))
            ]
        )

    batch()
    ours, theirs = [], []
    for _ in range(3):
        took, together = timed(batch)
        ours.append(took)
        took, apart = timed(one_by_one)
        theirs.append(took)
    torch.testing.assert_close(torch.tensor(together), torch.tensor(apart), rtol=1e-3, atol=1e-6)
    days = len(samples.days) - first
    return compared(f"Scoring {days} test days", median(ours), "one day at a time", median(theirs))


def _garch(world: World) -> Row:
    returns = 100 * np.diff(np.log(world.close.to_numpy()))
    ours, theirs = [], []
    for turn in range(6):
        pair = [
            timed(lambda fit_once=each: fit_once(returns))[0] for each in (gjr.fit, gjr.by_arch)
        ]
        if turn:  # the first has the imports in it
            ours.append(pair[0])
            theirs.append(pair[1])
    what = f"GARCH: a fit to {len(returns)} returns"
    return compared(what, median(ours), "arch", median(theirs), at_least=5)


def _quality(who: str, ours: float, against: str, theirs: float, tickers: str = "") -> Row:
    return Row(
        f"{who}: validation pinball loss",
        ours,
        "",
        against,
        theirs,
        theirs / ours,
        target="no worse",
        met=ours <= theirs,
        note=f"mean over {tickers}" if tickers else "",
    )
