"""A small LSTM whose head is told of known events and gives ordered quantiles, and its loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy import stats
from torch import Tensor, nn

__all__ = ["PanelNetwork", "pinball_loss"]

#: Log-scales beyond this (a factor of e^2 either way) are never needed and would overflow early.
MAX_LOG_SCALE = 2.0


def pinball_loss(targets: Tensor, quantiles: Tensor, levels: Tensor) -> Tensor:
    """Mean pinball loss of quantiles (…, levels) against targets (…)."""
    error = targets[..., None] - quantiles
    return torch.maximum(levels * error, (levels - 1) * error).mean()


class PanelNetwork(nn.Module):
    """Quantiles of volatility-scaled returns over 1 … horizon sessions, at every step.

    A known event goes past the trunk as well as through it: the head reads the events' columns of
    the day itself, and a linear path leads from them straight to the log-scales. The head also
    bends the ordered shape, because weeks with results have other tails than quiet ones.
    """

    def __init__(
        self,
        n_inputs: int,
        events: Sequence[int],
        horizon: int,
        levels: Sequence[float],
        hidden_size: int = 32,
        num_layers: int = 2,
        dropout: float = 0.2,
        dense_size: int = 64,
    ) -> None:
        super().__init__()
        self.horizon, self.events, self.n_levels = horizon, list(events), len(levels)
        between = dropout if num_layers > 1 else 0.0
        self.lstm = nn.LSTM(n_inputs, hidden_size, num_layers, batch_first=True, dropout=between)
        self.dense = nn.Linear(hidden_size + len(events), dense_size)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(dense_size, 2 * horizon)
        self.skip = nn.Linear(len(events), horizon)
        self.bend = nn.Linear(dense_size, len(levels) - 1)
        start = torch.tensor(stats.t.ppf(levels, df=6) * (4 / 6) ** 0.5, dtype=torch.float32)
        self.middle = int(torch.argmin(start.abs()))
        self.gaps = nn.Parameter(torch.log(torch.expm1(start.diff())).repeat(horizon, 1))
        self.centre = nn.Parameter(torch.zeros(horizon, 1))
        self._begin_as_a_random_walk()

    @torch.no_grad()
    def _begin_as_a_random_walk(self) -> None:
        """Student-t spread, whatever the inputs."""
        self.output.weight.mul_(0.1)
        for layer in (self.skip, self.bend):
            layer.weight.zero_()
            layer.bias.zero_()
        self.output.bias.zero_()

    def trunk(self, inputs: Tensor) -> Tensor:
        """(batch, time, inputs) to (batch, time, hidden)."""
        hidden: Tensor = self.lstm(inputs)[0]
        return hidden

    def head(self, hidden: Tensor, inputs: Tensor) -> Tensor:
        """(…, hidden) and the same days' inputs to quantiles (…, horizon, levels)."""
        events = inputs[..., self.events]
        dense = self.dropout(torch.relu(self.dense(torch.cat([hidden, events], dim=-1))))
        out = self.output(dense)
        log_scale = out[..., self.horizon :] + self.skip(events)
        scale = torch.exp(log_scale.clamp(-MAX_LOG_SCALE, MAX_LOG_SCALE))[..., None]
        quantiles: Tensor = (
            self.centre + out[..., : self.horizon, None] + self._shape(dense) * scale
        )
        return quantiles

    def forward(self, inputs: Tensor, warmup: int = 0) -> Tensor:
        """Quantiles (batch, time - warmup, horizon, levels) at each step past ``warmup``."""
        return self.head(self.trunk(inputs)[:, warmup:], inputs[:, warmup:])

    def _shape(self, dense: Tensor) -> Tensor:
        """(…, horizon, levels) increasing, 0 at the median."""
        steps = nn.functional.softplus(self.gaps + self.bend(dense)[..., None, :])
        below = -steps[..., : self.middle].flip(-1).cumsum(-1).flip(-1)
        above = steps[..., self.middle :].cumsum(-1)
        return torch.cat([below, torch.zeros_like(steps[..., :1]), above], dim=-1)
