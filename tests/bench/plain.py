"""What the fast training is held against: the loop that one writes first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from stockcast.evaluation.quantiles import LEVELS
from stockcast.models.network import QuantileLSTM, pinball_loss
from stockcast.models.samples import Samples, Scaler
from stockcast.models.splits import Split
from stockcast.models.training import Fitted, Hyperparameters
from tests.bench.timing import Time, timed

__all__ = ["PlainLoop"]


class Windows(Dataset[tuple[Tensor, Tensor]]):
    """One sample per training day: its window of inputs and its targets."""

    def __init__(self, inputs: np.ndarray, targets: np.ndarray, rows: np.ndarray, context: int):
        self.inputs, self.targets, self.rows, self.context = inputs, targets, rows, context

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        row = self.rows[index]
        window = self.inputs[row - self.context + 1 : row + 1]
        return torch.from_numpy(window), torch.from_numpy(self.targets[row])


class PlainLoop:
    """Adam over all overlapping windows in shuffled batches, one sample at a time from a loader.

    The network, data, batch size and learning rate are those of ``stockcast.models.training``.
    Validation is left out of its time, though it is part of ours.
    """

    def __init__(
        self,
        samples: Samples,
        split: Split,
        hyper: Hyperparameters,
        frozen: Fitted | None = None,
    ) -> None:
        torch.manual_seed(hyper.seed)
        rows = np.flatnonzero(split.train(samples.days) & samples.known())
        self.scaler = frozen.scaler if frozen else Scaler.fit(samples.inputs[rows])
        windows = Windows(
            self.scaler.apply(samples.inputs),
            samples.targets.astype(np.float32),
            rows[rows >= hyper.context - 1],
            hyper.context,
        )
        self.loader = DataLoader(windows, batch_size=hyper.batch_size, shuffle=True)
        self.context = hyper.context
        self.network = QuantileLSTM(
            samples.inputs.shape[1],
            samples.horizon,
            LEVELS,
            hyper.hidden_size,
            hyper.num_layers,
            hyper.dropout,
        )
        if frozen:
            self.network.load_state_dict(frozen.network.state_dict())
            self.network.lstm.requires_grad_(False)
        learning = [each for each in self.network.parameters() if each.requires_grad]
        self.optimiser = torch.optim.Adam(learning, lr=hyper.learning_rate)
        self.levels = torch.tensor(LEVELS)

    def epochs(self, count: int) -> Iterator[Time]:
        """Train one epoch after another, and say how long each took."""
        for _ in range(count):
            yield timed(self._epoch)[0]

    def fitted(self) -> Fitted:
        """The network as it is now."""
        return Fitted(self.network, self.scaler, self.context)

    def _epoch(self) -> None:
        self.network.train()
        for inputs, targets in self.loader:
            self.optimiser.zero_grad()
            quantiles = self.network.head(self.network.trunk(inputs)[:, -1])
            loss = pinball_loss(targets, quantiles, self.levels)
            loss.backward()
            self.optimiser.step()
