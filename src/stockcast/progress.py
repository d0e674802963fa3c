"""A bar per epoch while a network is fitted, in a notebook or on a terminal."""

from __future__ import annotations

from collections.abc import Callable

from tqdm import tqdm

from stockcast.models.training import Epoch

__all__ = ["epochs"]


def epochs(total: int) -> Callable[[Epoch], None]:
    """A callback for ``fit`` that moves a bar and shows the losses."""
    bar = tqdm(total=total, unit="epoch", mininterval=0.5)

    def show(epoch: Epoch) -> None:
        bar.set_postfix(train=f"{epoch.train:.4f}", validation=f"{epoch.validation:.4f}")
        bar.update(epoch.number > 0)
        if epoch.number == total:
            bar.close()

    return show
