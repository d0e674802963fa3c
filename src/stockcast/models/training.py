"""What every fit has: epochs with their losses, bounded gradients, windows of days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["MAX_GRADIENT", "Epoch", "windows"]

#: Gradients are clipped to this norm: single days of 1987's or 2008's kind dominate otherwise.
MAX_GRADIENT = 1.0


@dataclass(frozen=True)
class Epoch:
    """Mean pinball loss of one epoch, in units of scaled return; number 0 is before training."""

    number: int
    train: float
    validation: float


def windows(inputs: NDArray[np.float32], rows: NDArray[np.intp], context: int) -> Tensor:
    """The ``context`` days up to and including each of ``rows``: (rows, context, features)."""
    view = np.lib.stride_tricks.sliding_window_view(inputs, context, axis=0)
    return torch.from_numpy(view[rows - context + 1].transpose(0, 2, 1).copy())
