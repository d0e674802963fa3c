"""The network: an LSTM trunk, a dense head, and quantiles that cannot cross."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy import stats
from torch import Tensor, nn

__all__ = ["QuantileLSTM", "pinball_loss"]

#: Log-scales beyond this (a factor of e^2 either way) are never needed and would overflow early.
MAX_LOG_SCALE = 2.0


class QuantileLSTM(nn.Module):
    """Quantiles of volatility-scaled returns over 1 … horizon sessions, at every step.

    The dense head gives each horizon a location and a log-scale; one learned, ordered shape per
    horizon turns them into quantiles. That is far fewer outputs than free quantiles, which is what
    a few thousand noisy days can teach (measured in reports/LOG.md), and quantiles never cross.
    """

    def __init__(
        self,
        n_inputs: int,
        horizon: int,
        levels: Sequence[float],
        hidden_size: int = 128,
        num_layers: int = 2,
        dropout: float = 0.2,
        dense_size: int = 64,
    ) -> None:
        super().__init__()
        between = dropout if num_layers > 1 else 0.0
        self.lstm = nn.LSTM(n_inputs, hidden_size, num_layers, batch_first=True, dropout=between)
        self.dense = nn.Linear(hidden_size, dense_size)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(dense_size, 2 * horizon)
        self.horizon = horizon
        start = torch.tensor(stats.t.ppf(levels, df=6) * (4 / 6) ** 0.5, dtype=torch.float32)
        gaps = torch.log(torch.expm1(start.diff()))
        self.middle = int(torch.argmin(start.abs()))
        self.gaps = nn.Parameter(gaps.repeat(horizon, 1))
        self.centre = nn.Parameter(torch.zeros(horizon, 1))
        # begins as a plain random walk with Student-t spread, whatever the inputs
        with torch.no_grad():
            self.output.weight.mul_(0.1)
            self.output.bias.zero_()

    def trunk(self, inputs: Tensor) -> Tensor:
        """(batch, time, inputs) to (batch, time, hidden)."""
        hidden: Tensor = self.lstm(inputs)[0]
        return hidden

    def head(self, hidden: Tensor) -> Tensor:
        """(…, hidden) to quantiles (…, horizon, levels)."""
        out = self.output(self.dropout(torch.relu(self.dense(hidden))))
        location, log_scale = out[..., : self.horizon, None], out[..., self.horizon :, None]
        scale = torch.exp(log_scale.clamp(-MAX_LOG_SCALE, MAX_LOG_SCALE))
        quantiles: Tensor = self.centre + location + self._shape() * scale
        return quantiles

    def forward(self, inputs: Tensor, warmup: int = 0) -> Tensor:
        """Quantiles (batch, time - warmup, horizon, levels) at each step past ``warmup``."""
        return self.head(self.trunk(inputs)[:, warmup:])

    def _shape(self) -> Tensor:
        """(horizon, levels) increasing, 0 at the median."""
        steps = nn.functional.softplus(self.gaps)
        below = -steps[:, : self.middle].flip(-1).cumsum(-1).flip(-1)
        above = steps[:, self.middle :].cumsum(-1)
        return torch.cat([below, torch.zeros_like(steps[:, :1]), above], dim=-1)


def pinball_loss(targets: Tensor, quantiles: Tensor, levels: Tensor) -> Tensor:
    """Mean pinball loss of quantiles (…, levels) against the targets (…) that are not NaN."""
    error = (targets[..., None] - quantiles)[torch.isfinite(targets)]
    return torch.maximum(levels * error, (levels - 1) * error).mean()
