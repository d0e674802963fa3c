"""Parent, child and scoring, each beside the plain way to do it, on the sample's real prices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from stockcast import features, prices
from stockcast.evaluation.walkforward import losses
from stockcast.models.inference import forecast_context, walk_forward
from stockcast.models.samples import Samples, make_samples
from stockcast.models.splits import Split, split_days
from stockcast.models.training import Fitted, Hyperparameters, fit, fit_head
from stockcast.settings import Settings
from tests.bench.plain import PlainLoop
from tests.bench.timing import Row, Time, compared, median, timed

__all__ = ["CHILD", "rows"]

#: The stock that stands for the children.
CHILD = "AAPL"
Say = Callable[[str], None]


@dataclass(frozen=True)
class World:
    """One ticker's closes and days, and the split that all tickers share."""

    close: pd.Series
    samples: Samples
    split: Split

    def validation_pinball(self, fitted: Fitted) -> float:
        """Pinball loss on the validation days, in log-return units."""
        made = walk_forward(fitted, self.samples, self.split.validation_start)
        inside = made.at(made.origins[self.split.validation(made.origins)])
        known = self.close[self.close.index < self.split.test_start]
        return float(losses(inside, known).to_numpy().mean())


def rows(settings: Settings, *, plain_epochs: int, say: Say) -> list[Row]:
    """Measure training and scoring; ``plain_epochs`` of the plain loop are timed, the rest is
    reckoned from them."""
    index, stock = _worlds(settings)
    hyper = Hyperparameters(
        context=settings.context,
        hidden_size=settings.hidden_size,
        num_layers=settings.num_layers,
        dropout=settings.dropout,
        batch_size=settings.batch_size,
        epochs=settings.parent_epochs,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
    )
    say(f"Parent on {index.samples.ticker}, and {plain_epochs} epochs of the plain loop ...")
    parent, parent_rows = _parent(index, hyper, plain_epochs)
    say(f"Child of {CHILD} ...")
    short = replace(hyper, epochs=settings.child_epochs)
    child_rows = _child(stock, short, parent, hyper.epochs)
    say("Scoring the test period ...")
    return [*parent_rows, *child_rows, _scoring(stock, parent)]


def _worlds(settings: Settings) -> tuple[World, World]:
    histories = [prices.read(settings, ticker) for ticker in (settings.parent_ticker, CHILD)]
    split = split_days(
        histories[0].frame.index,
        settings.horizon,
        settings.validation_start,
        settings.test_start,
    )

    def world(history: prices.PriceHistory) -> World:
        close = history.frame["close"]
        made = make_samples(
            history.ticker, features.compute(history.frame), close, settings.horizon
        )
        return World(close, made, split)

    return world(histories[0]), world(histories[1])


def _parent(world: World, hyper: Hyperparameters, plain_epochs: int) -> tuple[Fitted, list[Row]]:
    plain = PlainLoop(world.samples, world.split, hyper)
    running = plain.epochs(plain_epochs)
    ours, theirs, checked = [], [], []
    for epoch in range(plain_epochs):
        # by turns, so that both meet the same load from other programs
        theirs.append(next(running))
        if plain_epochs == hyper.epochs:
            checked.append(world.validation_pinball(plain.fitted()))
        if epoch < 3:
            took, fitted = timed(lambda: fit(world.samples, world.split, hyper))
            ours.append(took)
    made = [
        compared(
            f"Parent: fit, {hyper.epochs} epochs",
            median(ours),
            f"plain loop, {hyper.epochs} epochs",
            median(theirs) * hyper.epochs,
            at_least=10,
            note=_reckoned(plain_epochs, hyper.epochs),
        )
    ]
    if checked:
        made.append(
            _quality("Parent", world.validation_pinball(fitted), "plain loop", min(checked))
        )
    return fitted, made


def _child(world: World, hyper: Hyperparameters, parent: Fitted, scratch_epochs: int) -> list[Row]:
    def freeze() -> Fitted:
        return fit_head(world.samples, world.split, hyper, start=parent)

    def scratch() -> Fitted:
        return fit(world.samples, world.split, replace(hyper, epochs=scratch_epochs))

    freeze()
    ours, whole, headed, scratched = [], [], [], []
    loops = (
        PlainLoop(world.samples, world.split, hyper),
        PlainLoop(world.samples, world.split, hyper, frozen=parent),
    )
    for _ in range(2):
        ours += [timed(freeze)[0] for _ in range(2)]
        whole += loops[0].epochs(1)
        headed += loops[1].epochs(1)
        took, from_scratch = timed(scratch)
        scratched.append(took)
    time_of = median(ours)
    what, count = f"Child: freeze, {hyper.epochs} epochs", hyper.epochs
    loss = world.validation_pinball(freeze())
    return [
        compared(
            what,
            time_of,
            f"plain loop, {count} epochs",
            median(whole) * count,
            at_least=50,
            note=_reckoned(2, count),
        ),
        compared(
            what,
            time_of,
            f"plain loop that trains only the head, {count} epochs",
            median(headed) * count,
            note=_reckoned(2, count),
        ),
        _against_scratch(what, time_of, scratched, scratch_epochs),
        _quality("Child by freeze", loss, "scratch", world.validation_pinball(from_scratch)),
    ]


def _against_scratch(what: str, ours: Time, theirs: list[Time], epochs: int) -> Row:
    return compared(
        what, ours, f"our own fit from scratch, {epochs} epochs", median(theirs), at_least=20
    )


def _scoring(world: World, fitted: Fitted) -> Row:
    samples, start = world.samples, world.split.test_start
    first = int(samples.days.searchsorted(start))

    def batch() -> np.ndarray:
        return walk_forward(fitted, samples, start).values

    def one_by_one() -> np.ndarray:
        past = fitted.context - 1
        return np.stack(
            [
                forecast_context(fitted, samples.inputs[row - past : row + 1], samples.sigma[row])
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


def _quality(who: str, ours: float, against: str, theirs: float) -> Row:
    return Row(
        f"{who}: validation pinball loss",
        ours,
        "",
        against,
        theirs,
        theirs / ours,
        target="no worse",
        met=ours <= theirs,
    )


def _reckoned(timed_epochs: int, epochs: int) -> str:
    if timed_epochs >= epochs:
        return "the plain loop ran in full"
    return f"the plain loop's time is that of {timed_epochs} epochs, reckoned up to {epochs}"
