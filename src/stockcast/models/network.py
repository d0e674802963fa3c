"""The loss that networks are fitted by."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["MAX_LOG_SCALE", "pinball_loss"]

#: Log-scales beyond this (a factor of e^2 either way) are never needed and would overflow early.
MAX_LOG_SCALE = 2.0


def pinball_loss(targets: Tensor, quantiles: Tensor, levels: Tensor) -> Tensor:
    """Mean pinball loss of quantiles (…, levels) against targets (…)."""
    error = targets[..., None] - quantiles
    return torch.maximum(levels * error, (levels - 1) * error).mean()
