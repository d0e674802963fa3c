"""A bar per epoch while a network is fitted, in the notebook that fits it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tqdm import tqdm

__all__ = ["by_strategy", "epochs"]


class Epoch(Protocol):
    """One pass over the training days, as :mod:`stockcast.models.panel.training` has it."""

    number: int
    train: float
    validation: float


def epochs(total: int, what: str = "") -> Callable[[Epoch], None]:
    """Return a callback for ``fit`` that moves a bar and shows the losses.

    Args:
        total: epochs.
        what: which training of the notebook, if it has several.
    """
    bar = tqdm(total=total, unit="epoch", desc=what or None, mininterval=0.5)

    def show(epoch: Epoch) -> None:
        bar.set_postfix(train=f"{epoch.train:.4f}", validation=f"{epoch.validation:.4f}")
        bar.update(epoch.number > 0)
        if epoch.number == total:
            bar.close()

    return show


def by_strategy(strategy: str, total: int) -> Callable[[Epoch], None]:
    """Return the bar of one strategy, as :func:`stockcast.models.children.try_strategies` asks."""
    return epochs(total, strategy)
