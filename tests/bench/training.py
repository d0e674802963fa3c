"""Parent, child and scoring, each beside the plain way to do it, on the sample's real prices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from stockcast import features, prices
from stockcast.errors import BadInput
from stockcast.evaluation.walkforward import losses
from stockcast.models.panel_inference import ask_context, walk_panel
from stockcast.models.samples import Samples, make_samples
from stockcast.models.splits import Split, split_days
from stockcast.models.training import (
    STRETCH,
    Fitted,
    Hyperparameters,
    fit,
    fit_head,
    windows,
)
from stockcast.settings import Settings
from tests.bench import machine
from tests.bench.plain import PlainLoop
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

    def validation_pinball(self, fitted: Fitted) -> float:
        """Pinball loss on the validation days, in log-return units."""
        made = walk_panel(fitted, self.samples, self.split.validation_start)
        inside = made.at(made.origins[self.split.validation(made.origins)])
        known = self.close[self.close.index < self.split.test_start]
        return float(losses(inside, known).to_numpy().mean())


def rows(settings: Settings, *, plain_epochs: int, say: Say) -> list[Row]:
    """Measure training and scoring; ``plain_epochs`` of the plain loop are timed, the rest is
    reckoned from them."""
    index, *stocks = worlds(settings, (settings.parent_ticker, *settings.tickers))
    stock = next(each for each in stocks if each.samples.ticker == CHILD)
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
    say("Freeze and scratch on every stock ...")
    child_rows.append(_children(stocks, short, parent, hyper.epochs))
    say("Scoring the test period ...")
    return [*parent_rows, *child_rows, _scoring(stock, parent)]


def worlds(settings: Settings, tickers: Sequence[str]) -> list[World]:
    """The tickers' closes and days, split as the first one's sessions are."""
    histories = [prices.read(settings, ticker) for ticker in tickers]
    split = split_days(
        histories[0].frame.index, settings.horizon, settings.validation_start, settings.test_start
    )
    made = []
    for history in histories:
        close, computed = history.frame["close"], features.compute(history.frame)
        samples = make_samples(history.ticker, computed, close, settings.horizon)
        made.append(World(close, samples, split))
    return made


def _parent(world: World, hyper: Hyperparameters, plain_epochs: int) -> tuple[Fitted, list[Row]]:
    plain = PlainLoop(world.samples, world.split, hyper)
    running = plain.epochs(plain_epochs)
    ours, theirs, checked = [], [], []
    for epoch in range(plain_epochs):
        # by turns, so that both meet the same load from other programs
        theirs.append(next(running))
        if plain_epochs == hyper.epochs:
            checked.append(world.validation_pinball(plain.fitted()))
        if epoch % max(1, plain_epochs // 3) == 0:
            took, fitted = timed(lambda: fit(world.samples, world.split, hyper))
            ours.append(took)
    what, time_of, count = f"Parent: fit, {hyper.epochs} epochs", median(ours), hyper.epochs
    whole, note = median(theirs) * count, _reckoned(plain_epochs, count)
    checks = _validation(world, fitted) * (count + 1)
    made = [
        compared(what, time_of, f"plain loop, {count} epochs", whole, at_least=10, note=note),
        compared(
            what, time_of, "plain loop that validates as ours does", whole + checks, note=note
        ),
    ]
    share = _operations(world, hyper) / time_of.wall / (machine.matmul_gflops() * 1e9)
    note = "of its LSTM's products alone; the peak is that of the matrix product named above"
    made.append(Row(f"{what}: share of the peak", 100 * share, "%", note=note))
    if checked:
        made.append(
            _quality("Parent", world.validation_pinball(fitted), "plain loop", min(checked))
        )
    return fitted, made


def _operations(world: World, hyper: Hyperparameters) -> float:
    """Additions and multiplications of the LSTM's matrix products in a fit, which are nearly all.

    A step of a layer multiplies its input and its state with four gates' weights; the way back
    takes twice the way there. Validation is a way there, over stretches of its days.
    """
    sizes = [world.samples.inputs.shape[1], *[hyper.hidden_size] * hyper.num_layers]
    step = sum(2 * 4 * hyper.hidden_size * (size + hyper.hidden_size) for size in sizes[:-1])
    known = world.samples.known()
    trained = int((world.split.train(world.samples.days) & known).sum())
    checked = int((world.split.validation(world.samples.days) & known).sum())
    stretches = (trained - hyper.context) // STRETCH
    there_and_back = 3 * hyper.epochs * stretches * (hyper.context + STRETCH)
    return float(step * (there_and_back + (hyper.epochs + 1) * (checked + hyper.context)))


def _validation(world: World, fitted: Fitted) -> Time:
    """How long it takes to ask a network for all validation days, window by window in one batch."""
    samples, split = world.samples, world.split
    rows = np.flatnonzero(split.validation(samples.days) & samples.known())
    inputs = windows(fitted.scaler.apply(samples.inputs), rows, fitted.context)

    @torch.inference_mode()
    def ask() -> torch.Tensor:
        return fitted.network.head(fitted.network.trunk(inputs)[:, -1])

    return median([timed(ask)[0] for _ in range(3)])


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
        scratched.append(timed(scratch)[0])
    time_of = median(ours)
    what, count = f"Child: freeze, {hyper.epochs} epochs", hyper.epochs
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
    ]


def _children(
    stocks: Sequence[World], hyper: Hyperparameters, parent: Fitted, scratch_epochs: int
) -> Row:
    longer = replace(hyper, epochs=scratch_epochs)
    pairs, names = [], []
    for world in stocks:
        try:
            own = fit(world.samples, world.split, longer)
        except BadInput:  # too short a history to train on
            continue
        headed = fit_head(world.samples, world.split, hyper, start=parent)
        pairs.append([world.validation_pinball(each) for each in (headed, own)])
        names.append(world.samples.ticker)
    ours, theirs = np.mean(pairs, axis=0)
    return _quality("Child by freeze", float(ours), "scratch", float(theirs), ", ".join(names))


def _against_scratch(what: str, ours: Time, theirs: list[Time], epochs: int) -> Row:
    return compared(
        what, ours, f"our own fit from scratch, {epochs} epochs", median(theirs), at_least=20
    )


def _scoring(world: World, fitted: Fitted) -> Row:
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


def _reckoned(timed_epochs: int, epochs: int) -> str:
    if timed_epochs >= epochs:
        return "the plain loop ran in full"
    return f"the plain loop's time is that of {timed_epochs} epochs, reckoned up to {epochs}"
