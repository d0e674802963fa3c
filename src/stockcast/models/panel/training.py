"""Fitting one network to a panel of stocks: long stretches, a forecast at every step."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from stockcast.contracts.bundle import ModelDocument
from stockcast.contracts.parent import ParentCard
from stockcast.errors import BadInput
from stockcast.features.events import event_columns
from stockcast.features.panel import GROUPS, PANEL_INPUTS
from stockcast.models.panel.network import PanelNetwork, pinball_loss
from stockcast.models.panel.stock import GROUP_COLUMNS, PanelSeries, fit_scaler, standardised
from stockcast.models.samples import Samples, Scaler
from stockcast.models.splits import Split

__all__ = [
    "PANEL_LEVELS",
    "Device",
    "Epoch",
    "FittedPanel",
    "PanelHyperparameters",
    "chosen_device",
    "fit",
    "fit_panel",
    "restored",
]

LOG = logging.getLogger(__name__)

#: Levels that the network gives; the forecast's own are among them.
PANEL_LEVELS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99)
#: Where the network finds the events' columns.
EVENT_PLACES = tuple(PANEL_INPUTS.index(name) for name in event_columns())
#: Gradients are clipped to this norm: single days of 1987's or 2008's kind dominate otherwise.
MAX_GRADIENT = 1.0

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Epoch:
    """Mean pinball loss of one epoch, in units of scaled return; number 0 is before training."""

    number: int
    train: float
    validation: float

    @classmethod
    def of(cls, row: Mapping[str, float]) -> Epoch:
        """The epoch that a document's row describes."""
        return cls(int(row["number"]), row["train"], row["validation"])


@dataclass(frozen=True)
class PanelHyperparameters:
    """What a fit depends on besides the data.

    ``masked`` is the share of stretches in which each group of inputs is hidden.
    """

    context: int = 60
    stretch: int = 96
    hidden_size: int = 32
    num_layers: int = 2
    dropout: float = 0.2
    batch_size: int = 96
    epochs: int = 6
    learning_rate: float = 2e-3
    masked: float = 0.15
    seed: int = 7


@dataclass(frozen=True)
class FittedPanel:
    """A fitted network with all that is needed to ask it.

    Attributes:
        network: weights of the best epoch on validation, in evaluation mode, on the processor.
        scaler: fitted on training days only.
        context: days of inputs it is asked with.
        levels: of its quantiles.
        last_day: the last session whose close was used for anything.
        history: one entry per epoch.
        seconds: wall-clock time of the fit.
    """

    network: PanelNetwork
    scaler: Scaler
    context: int
    levels: tuple[float, ...]
    last_day: pd.Timestamp
    history: list[Epoch] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def best(self) -> Epoch:
        """The epoch whose weights were kept."""
        return min(self.history, key=lambda epoch: epoch.validation)


Progress = Callable[[Epoch], None]


def chosen_device(device: Device) -> str:
    """``cpu`` or ``cuda``; ``auto`` takes CUDA where there is one.

    Raises:
        BadInput: CUDA was asked for by name and there is none.
    """
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise BadInput(
            "Expected a CUDA device, as the setting device asks, got a machine without one that "
            "torch can use; set device to auto or cpu."
        )
    return "cuda" if device != "cpu" and there else "cpu"


def fit_panel(
    panel: Sequence[PanelSeries],
    validation_start: pd.Timestamp,
    cut: pd.Timestamp,
    hyper: PanelHyperparameters,
    *,
    start: FittedPanel | None = None,
    head_only: bool = False,
    device: Device = "auto",
    progress: Progress | None = None,
) -> FittedPanel:
    """Fit on outcomes before ``validation_start``, stop by those from there to ``cut``.

    Args:
        panel: the stocks to learn from.
        validation_start: first day of the part that chooses the epoch.
        cut: no close of this day or later is used for anything.
        hyper: sizes, rates, epochs and seed.
        start: begin with these weights, and keep their scaler, instead of with fresh ones.
        head_only: leave the trunk as it is.
        device: where to fit; a CUDA device whose memory does not suffice gives way to the
            processor, which is logged.
        progress: called after each epoch.

    Raises:
        BadInput: a part has no stretch of days, or there is no such device.
    """
    place = chosen_device(device)
    try:
        return _fit_on(place, panel, validation_start, cut, hyper, start, head_only, progress)
    except torch.OutOfMemoryError:
        if place == "cpu":
            raise
        LOG.warning("The device's memory does not hold the panel; it is fitted on the processor.")
    return _fit_on("cpu", panel, validation_start, cut, hyper, start, head_only, progress)


def _fit_on(
    device: str,
    panel: Sequence[PanelSeries],
    validation_start: pd.Timestamp,
    cut: pd.Timestamp,
    hyper: PanelHyperparameters,
    start: FittedPanel | None,
    head_only: bool,
    progress: Progress | None,
) -> FittedPanel:
    began = time.perf_counter()
    torch.manual_seed(hyper.seed)
    data = _Stretches(
        panel, validation_start, cut, hyper, torch.device(device), start.scaler if start else None
    )
    horizon = panel[0].full.horizon
    network = copy.deepcopy(start.network) if start else _network(horizon, hyper)
    network.to(data.device)
    network.lstm.requires_grad_(not head_only)
    history = _descend(network, data, hyper, progress)
    network.lstm.requires_grad_(True)
    network.cpu().eval()
    seconds = time.perf_counter() - began
    return FittedPanel(
        network, data.scaler, hyper.context, PANEL_LEVELS, data.last_day, history, seconds
    )


def fit(
    samples: Samples,
    split: Split,
    hyper: PanelHyperparameters,
    *,
    start: FittedPanel | None = None,
    head_only: bool = False,
    progress: Progress | None = None,
) -> FittedPanel:
    """Fit to one stock alone, as :func:`fit_panel` does to many; no input is hidden.

    Raises:
        BadInput: there are too few days to train on, or to choose the epoch by.
    """
    return fit_panel(
        [PanelSeries(samples, samples)],
        split.validation_start,
        split.test_start,
        replace(hyper, masked=0.0),
        start=start,
        head_only=head_only,
        progress=progress,
    )


def restored(
    document: ModelDocument | ParentCard, hyper: PanelHyperparameters, weights: dict[str, Tensor]
) -> FittedPanel:
    """The fitted network that a document and its ``weights`` describe.

    Raises:
        RuntimeError: the weights are those of another network.
    """
    network = _network(document.horizon, hyper)
    network.load_state_dict(weights)
    return FittedPanel(
        network.eval(),
        Scaler.from_json(document.scaler),
        hyper.context,
        document.levels,
        pd.Timestamp(document.last_day),
        [Epoch.of(dict(row)) for row in document.history],
        document.seconds,
    )


def _network(horizon: int, hyper: PanelHyperparameters) -> PanelNetwork:
    return PanelNetwork(
        len(PANEL_INPUTS),
        EVENT_PLACES,
        horizon,
        PANEL_LEVELS,
        hyper.hidden_size,
        hyper.num_layers,
        hyper.dropout,
    )


class _Stretches:
    """The panel as two flat tensors, full and plain, and where stretches may begin in them."""

    def __init__(
        self,
        panel: Sequence[PanelSeries],
        validation_start: pd.Timestamp,
        cut: pd.Timestamp,
        hyper: PanelHyperparameters,
        device: torch.device,
        scaler: Scaler | None = None,
    ) -> None:
        self.hyper, self.device = hyper, device
        full = [each.full for each in panel]
        plain = [each.plain for each in panel]
        ends = [int(s.days.searchsorted(cut)) for s in full]
        borders = [int(s.days.searchsorted(validation_start)) for s in full]
        offsets = np.concatenate([[0], np.cumsum(ends)])
        horizon = full[0].horizon
        self.train = [(o, b - horizon) for o, b in zip(offsets, borders, strict=False)]
        self.check = [
            (o + max(b - hyper.context, 0), e - horizon - max(b - hyper.context, 0))
            for o, b, e in zip(offsets, borders, ends, strict=False)
        ]
        if not self.starts(self.train, 0) or not self.starts(self.check, 0):
            raise BadInput(
                f"Expected stretches of {self.length} days before and after "
                f"{validation_start.date()} in the panel, got none."
            )
        rows = [s.inputs[: max(b - horizon, 0)] for s, b in zip(full, borders, strict=True)]
        self.scaler = scaler or fit_scaler(np.concatenate(rows))
        lasts = [s.days[e - 1] for s, e in zip(full, ends, strict=True) if e]
        self.last_day = max(lasts)
        views = [_flat(some, ends) for some in (full, plain)]
        self.inputs = torch.stack([view[0] for view in views]).to(device)
        self.targets = torch.stack([view[1] for view in views]).to(device)
        self.known = torch.isfinite(self.targets).all(dim=2)
        self.targets = self.targets.nan_to_num()
        self.mean = torch.from_numpy(self.scaler.mean).to(device)
        self.std = torch.from_numpy(self.scaler.std).to(device)
        self.groups = torch.from_numpy(GROUP_COLUMNS).to(device)

    @property
    def length(self) -> int:
        return self.hyper.context + self.hyper.stretch

    def starts(self, parts: list[tuple[int, int]], offset: int) -> list[int]:
        """First rows of the stretches, ``hyper.stretch`` apart, each within its series."""
        return [
            int(first) + at
            for first, days in parts
            for at in range(offset, days - self.length + 1, self.hyper.stretch)
        ]

    def loss(self, network: PanelNetwork, starts: NDArray[np.intp], hide: Tensor) -> Tensor:
        """Mean pinball loss; ``hide`` (stretches, groups) are the inputs to do without."""
        rows = torch.from_numpy(starts).to(self.device)[:, None]
        rows = rows + torch.arange(self.length, device=self.device)
        view = hide[:, :1].long()  # without ranges a series is of closes alone
        seen = self.inputs[view, rows] * (1 - hide.float() @ self.groups)[:, None]
        inputs = standardised(seen, self.mean, self.std)
        later = rows[:, self.hyper.context :]
        quantiles = network(inputs, self.hyper.context)
        use = self.known[view, later]
        levels = torch.tensor(PANEL_LEVELS, device=self.device)
        return pinball_loss(self.targets[view, later][use], quantiles[use], levels)


def _flat(samples: Sequence[Samples], ends: Sequence[int]) -> tuple[Tensor, Tensor]:
    pairs = list(zip(samples, ends, strict=True))
    inputs = np.concatenate([s.inputs[:end] for s, end in pairs])
    targets = np.concatenate([_before(s.targets[:end]) for s, end in pairs])
    return torch.from_numpy(inputs.astype(np.float32)), torch.from_numpy(targets.astype(np.float32))


def _before(targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hide the outcomes that the last rows have after the cut."""
    hidden = targets.copy()
    for step in range(1, targets.shape[1] + 1):
        hidden[len(hidden) - step :, step - 1 :] = np.nan
    return hidden


def _hidden(n: int, hyper: PanelHyperparameters, generator: torch.Generator) -> Tensor:
    """(n, groups) which inputs each stretch does without."""
    return torch.rand((n, len(GROUPS)), generator=generator) < hyper.masked


def _batches(
    data: _Stretches, hyper: PanelHyperparameters, generator: torch.Generator
) -> Iterator[tuple[NDArray[np.intp], Tensor]]:
    offset = int(torch.randint(hyper.stretch, (1,), generator=generator))
    starts = np.array(data.starts(data.train, offset), dtype=np.intp)
    order = torch.randperm(len(starts), generator=generator).numpy()
    for some in np.array_split(starts[order], max(1, round(len(starts) / hyper.batch_size))):
        yield some, _hidden(len(some), hyper, generator).to(data.device)


@torch.no_grad()
def _checked(network: PanelNetwork, data: _Stretches) -> float:
    """Loss on validation with every input."""
    starts = np.array(data.starts(data.check, 0), dtype=np.intp)
    losses, sizes = [], []
    for some in np.array_split(starts, -(-len(starts) // 512)):
        hide = torch.zeros((len(some), len(GROUPS)), dtype=torch.bool, device=data.device)
        losses.append(float(data.loss(network, some, hide)))
        sizes.append(len(some))
    return float(np.average(losses, weights=sizes))


def _descend(
    network: PanelNetwork,
    data: _Stretches,
    hyper: PanelHyperparameters,
    progress: Progress | None,
) -> list[Epoch]:
    """Run the epochs, leaving the weights of the best one in ``network``."""
    generator = torch.Generator().manual_seed(hyper.seed)
    parameters = [each for each in network.parameters() if each.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=hyper.learning_rate)
    steps = hyper.epochs * max(1, round(len(data.starts(data.train, 0)) / hyper.batch_size))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps + hyper.epochs)
    history: list[Epoch] = []
    kept: dict[str, Tensor] = {}
    for number in range(hyper.epochs + 1):
        network.train()
        losses = []
        for starts, hide in _batches(data, hyper, generator) if number else ():
            loss = data.loss(network, starts, hide)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        network.eval()
        checked = _checked(network, data)
        history.append(Epoch(number, float(np.mean(losses)) if losses else checked, checked))
        if history[-1].validation <= min(epoch.validation for epoch in history):
            kept = {name: value.clone() for name, value in network.state_dict().items()}
        if progress:
            progress(history[-1])
    network.load_state_dict(kept)
    return history
