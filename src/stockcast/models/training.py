"""Fitting a network: on long stretches when the trunk learns, on stored trunk outputs when not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS
from stockcast.models.network import QuantileLSTM, pinball_loss
from stockcast.models.samples import Samples, Scaler
from stockcast.models.splits import Split

__all__ = ["Epoch", "Fitted", "Hyperparameters", "fit", "fit_head", "windows"]

#: Steps forecast per stretch, after a warm-up of one context. Longer stretches re-run fewer
#: warm-up steps; shorter ones give more of them to shuffle.
STRETCH = 32
#: A head sees stored trunk outputs, so that a large batch costs nothing.
HEAD_BATCH = 256
#: Gradients are clipped to this norm: single days of 1987's or 2008's kind dominate otherwise.
MAX_GRADIENT = 1.0


@dataclass(frozen=True)
class Hyperparameters:
    """What a fit depends on besides the data."""

    context: int = 60
    hidden_size: int = 128
    num_layers: int = 2
    dropout: float = 0.2
    batch_size: int = 32
    epochs: int = 20
    learning_rate: float = 1e-3
    seed: int = 7


@dataclass(frozen=True)
class Epoch:
    """Mean pinball loss of one epoch, in units of scaled return; number 0 is before training."""

    number: int
    train: float
    validation: float


@dataclass(frozen=True)
class Fitted:
    """A fitted network with all that is needed to ask it.

    Attributes:
        network: weights of the best epoch on validation, in evaluation mode.
        scaler: fitted on training days only.
        context: days of inputs it is asked with.
        history: one entry per epoch.
        seconds: wall-clock time of the fit.
    """

    network: QuantileLSTM
    scaler: Scaler
    context: int
    history: list[Epoch] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def best(self) -> Epoch:
        """The epoch whose weights were kept."""
        return min(self.history, key=lambda epoch: epoch.validation)


Progress = Callable[[Epoch], None]
Step = Callable[[QuantileLSTM, torch.Generator], Iterator[Tensor]]


def fit(
    samples: Samples,
    split: Split,
    hyper: Hyperparameters,
    *,
    start: Fitted | None = None,
    progress: Progress | None = None,
) -> Fitted:
    """Fit all weights on the training days and keep the epoch that is best on validation.

    Args:
        samples: the ticker's days.
        split: which of them are for training and validation.
        hyper: sizes, rates, epochs and seed.
        start: begin from these weights, and keep their scaler, instead of from fresh ones.
        progress: called after each epoch.

    Raises:
        BadInput: there are too few training days for one stretch, or no validation days.
    """
    began = time.perf_counter()
    torch.manual_seed(hyper.seed)
    rows = np.flatnonzero(split.train(samples.days) & samples.known())
    _require_training_days(samples, len(rows), hyper.context)
    checks = _check_rows(samples, split, hyper.context)
    scaler = start.scaler if start else Scaler.fit(samples.inputs[rows])
    network = _fresh(samples, hyper)
    if start:
        network.load_state_dict(start.network.state_dict())
    inputs = torch.from_numpy(scaler.apply(samples.inputs))
    targets = torch.from_numpy(samples.targets.astype(np.float32))
    recent = scaler.apply(samples.inputs[checks[0] - hyper.context + 1 :])

    def batches(net: QuantileLSTM, generator: torch.Generator) -> Iterator[Tensor]:
        offset = int(torch.randint(STRETCH, (1,), generator=generator))
        starts = np.arange(rows[0] + offset, rows[-1] - hyper.context - STRETCH + 2, STRETCH)
        order = torch.randperm(len(starts), generator=generator).numpy()
        for some in np.array_split(starts[order], max(1, round(len(starts) / hyper.batch_size))):
            places = torch.from_numpy(some[:, None] + np.arange(hyper.context + STRETCH))
            quantiles = net(inputs[places], hyper.context)
            yield pinball_loss(targets[places[:, hyper.context :]], quantiles, _levels())

    def validate(net: QuantileLSTM) -> Tensor:
        hidden = _trunk_outputs(net, recent, hyper.context)
        return net.head(hidden[checks - checks[0] + hyper.context - 1])

    history = _descend(network, hyper, batches, validate, targets[checks], progress)
    return Fitted(network, scaler, hyper.context, history, time.perf_counter() - began)


def fit_head(
    samples: Samples,
    split: Split,
    hyper: Hyperparameters,
    *,
    start: Fitted,
    progress: Progress | None = None,
) -> Fitted:
    """Fit the dense head alone: the trunk runs once over all windows, its outputs are kept.

    Args and errors as in :func:`fit`; ``start`` supplies the frozen trunk.
    """
    began = time.perf_counter()
    torch.manual_seed(hyper.seed)
    rows = np.flatnonzero(split.train(samples.days) & samples.known())
    _require_training_days(samples, len(rows), hyper.context)
    rows = rows[rows >= hyper.context - 1]
    checks = _check_rows(samples, split, hyper.context)
    network = _fresh(samples, hyper)
    network.load_state_dict(start.network.state_dict())
    network.lstm.requires_grad_(False)
    hidden = _trunk_outputs(network, start.scaler.apply(samples.inputs), hyper.context)
    targets = torch.from_numpy(samples.targets.astype(np.float32))

    def batches(net: QuantileLSTM, generator: torch.Generator) -> Iterator[Tensor]:
        order = torch.randperm(len(rows), generator=generator)
        for some in torch.split(torch.from_numpy(rows)[order], HEAD_BATCH):
            yield pinball_loss(targets[some], net.head(hidden[some]), _levels())

    def validate(net: QuantileLSTM) -> Tensor:
        return net.head(hidden[checks])

    history = _descend(network, hyper, batches, validate, targets[checks], progress)
    network.lstm.requires_grad_(True)
    return Fitted(network, start.scaler, hyper.context, history, time.perf_counter() - began)


def windows(inputs: NDArray[np.float32], rows: NDArray[np.intp], context: int) -> Tensor:
    """The ``context`` days up to and including each of ``rows``: (rows, context, features)."""
    view = np.lib.stride_tricks.sliding_window_view(inputs, context, axis=0)
    return torch.from_numpy(view[rows - context + 1].transpose(0, 2, 1).copy())


def _fresh(samples: Samples, hyper: Hyperparameters) -> QuantileLSTM:
    return QuantileLSTM(
        samples.inputs.shape[1],
        samples.horizon,
        LEVELS,
        hyper.hidden_size,
        hyper.num_layers,
        hyper.dropout,
    )


def _levels() -> Tensor:
    return torch.tensor(LEVELS, dtype=torch.float32)


def _require_training_days(samples: Samples, days: int, context: int) -> None:
    if days < context + STRETCH:
        raise BadInput(
            f"Expected at least {context + STRETCH} training days of {samples.ticker}, got {days}."
        )


def _check_rows(samples: Samples, split: Split, context: int) -> NDArray[np.intp]:
    rows = np.flatnonzero(split.validation(samples.days) & samples.known())
    rows = rows[rows >= context - 1]
    if not len(rows):
        raise BadInput(
            f"Expected validation days of {samples.ticker} from {split.validation_start.date()}, "
            "got none with a full context."
        )
    return rows


@torch.no_grad()
def _trunk_outputs(
    network: QuantileLSTM, inputs: NDArray[np.float32], context: int, stretch: int = 256
) -> Tensor:
    """(n, hidden) the trunk's output at each day, after a warm-up of at least a context.

    Long stretches re-run the warm-up once in ``stretch`` days instead of at every day. Days before
    the first full context are computed without a warm-up and are not to be used.
    """
    network.eval()
    warm = context - 1
    padded = np.concatenate([np.zeros((warm, inputs.shape[1]), np.float32), inputs])
    starts = range(0, len(inputs), stretch)
    parts = [padded[at : at + warm + stretch] for at in starts]
    full = torch.from_numpy(np.stack(parts[:-1])) if len(parts) > 1 else None
    outputs = [] if full is None else [network.trunk(full)[:, warm:].flatten(0, 1)]
    outputs.append(network.trunk(torch.from_numpy(parts[-1])[None])[0, warm:])
    return torch.cat(outputs)


def _descend(
    network: QuantileLSTM,
    hyper: Hyperparameters,
    batches: Step,
    validate: Callable[[QuantileLSTM], Tensor],
    expected: Tensor,
    progress: Progress | None,
) -> list[Epoch]:
    """Run the epochs, leaving the weights of the best one in ``network``."""
    generator = torch.Generator().manual_seed(hyper.seed)
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=hyper.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, hyper.epochs)
    history: list[Epoch] = []
    kept: dict[str, Tensor] = {}
    for number in range(hyper.epochs + 1):
        network.train()
        losses = []
        for loss in batches(network, generator) if number else ():
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT)
            optimiser.step()
            losses.append(loss.item())
        if number:
            schedule.step()
        network.eval()
        with torch.no_grad():
            checked = float(pinball_loss(expected, validate(network), _levels()))
        history.append(Epoch(number, float(np.mean(losses)) if losses else checked, checked))
        if history[-1].validation <= min(epoch.validation for epoch in history):
            kept = {name: value.clone() for name, value in network.state_dict().items()}
        if progress:
            progress(history[-1])
    network.load_state_dict(kept)
    return history
