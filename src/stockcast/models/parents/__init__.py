"""Parents that come with the package: weights as safetensors, and a card that says who they are.

Each lies in a folder of its own, named after it. A parent serves a profile only if nothing later
than its last day is validated or tested on: it is the newest of those that is chosen, and a parent
that has seen such a day is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from stockcast.contracts.parent import ParentCard
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS
from stockcast.features.panel import PANEL_INPUTS
from stockcast.models.panel.network import PanelNetwork
from stockcast.models.panel.parent import PARTNER, Learned
from stockcast.models.panel.training import (
    EVENT_PLACES,
    Epoch,
    FittedPanel,
    PanelHyperparameters,
)
from stockcast.models.postprocessing.calibration import CalibrationState
from stockcast.models.samples import Scaler

__all__ = [
    "FOLDER",
    "Parent",
    "choose",
    "load_parent",
    "require_unseen",
    "save_parent",
    "shipped",
    "starting_state",
]

#: Where the package's own parents lie.
FOLDER = Path(__file__).parent
WEIGHTS, CARD = "weights.safetensors", "card.json"


@dataclass(frozen=True, eq=False)
class Parent:
    """A fitted network, and what is known of it."""

    card: ParentCard
    fitted: FittedPanel


def save_parent(
    folder: Path,
    name: str,
    learned: Learned,
    hyper: PanelHyperparameters,
    *,
    first_day: pd.Timestamp,
    data_hash: str,
    code_version: str,
    prices_from: str,
    dates_from: str,
    caveats: str,
    licence: str,
) -> Parent:
    """Write a parent to ``folder / name``, in place of one of that name."""
    fitted = learned.fitted
    state = learned.state
    card = ParentCard(
        name=name,
        digest="",
        tickers=learned.tickers,
        first_day=first_day.date(),
        validation_start=learned.validation_start.date(),
        last_day=fitted.last_day.date(),
        data_hash=data_hash,
        code_version=code_version,
        horizon=fitted.network.horizon,
        context=fitted.context,
        levels=fitted.levels,
        inputs=PANEL_INPUTS,
        hyperparameters=asdict(hyper),
        scaler=fitted.scaler.to_json(),
        partner=PARTNER,
        partner_weight=learned.weight,
        factors=np.round(state.factors, 6).tolist(),
        event_factors=np.round(state.event_factors, 6).tolist(),
        history=[asdict(epoch) for epoch in fitted.history],
        seconds=round(fitted.seconds, 1),
        figures=learned.figures,
        prices_from=prices_from,
        dates_from=dates_from,
        caveats=caveats,
        licence=licence,
    )
    tensors = {key: value.contiguous() for key, value in fitted.network.state_dict().items()}
    card = card.model_copy(update={"digest": _digest(tensors, card)})
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / WEIGHTS).write_bytes(save(tensors))
    card.save(folder / name / CARD)
    return Parent(card, fitted)


def load_parent(name: str, folder: Path = FOLDER) -> Parent:
    """Read a parent and verify that it still has the content that its card is signed with.

    Raises:
        BadInput: there is none of that name, or a file of it is damaged or made for other inputs.
    """
    place = folder / name
    card = ParentCard.load(place / CARD)
    if card.inputs != PANEL_INPUTS:
        raise BadInput(
            f"Expected a parent for the inputs {', '.join(PANEL_INPUTS)}, got one for "
            f"{', '.join(card.inputs)} in {place}; train it again."
        )
    hyper = PanelHyperparameters(**card.hyperparameters)
    network = PanelNetwork(
        len(card.inputs),
        EVENT_PLACES,
        card.horizon,
        card.levels,
        hyper.hidden_size,
        hyper.num_layers,
        hyper.dropout,
    )
    try:
        tensors = load_file(place / WEIGHTS)
        network.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BadInput(f"Expected a parent's weights in {place}, got: {error}.") from None
    if _digest(tensors, card) != card.digest:
        raise BadInput(f"Expected the parent {card.digest}, got changed content in {place}.")
    fitted = FittedPanel(
        network.eval(),
        Scaler.from_json(card.scaler),
        card.context,
        card.levels,
        pd.Timestamp(card.last_day),
        [Epoch(int(e["number"]), e["train"], e["validation"]) for e in card.history],
        card.seconds,
    )
    return Parent(card, fitted)


def shipped(folder: Path = FOLDER) -> list[ParentCard]:
    """The cards of the parents in ``folder``, the one with the latest last day first.

    Raises:
        BadInput: a card is damaged.
    """
    cards = [ParentCard.load(path) for path in sorted(folder.glob(f"*/{CARD}"))]
    return sorted(cards, key=lambda card: card.last_day, reverse=True)


def choose(
    validation_start: pd.Timestamp, horizon: int = 5, folder: Path = FOLDER
) -> ParentCard | None:
    """The newest parent of that horizon that saw no day from ``validation_start`` on, if any."""
    for card in shipped(folder):
        if card.horizon == horizon and pd.Timestamp(card.last_day) < validation_start:
            return card
    return None


def require_unseen(card: ParentCard, validation_start: pd.Timestamp) -> None:
    """Refuse a parent that has seen a day of validation or test.

    Raises:
        BadInput: it has.
    """
    if pd.Timestamp(card.last_day) >= validation_start:
        raise BadInput(
            f"Expected a parent that has seen no day from {validation_start.date()} on, where "
            f"validation begins, got {card.name}, which learned until {card.last_day}; choose an "
            f"older one or a later validation_start."
        )


def starting_state(card: ParentCard, levels: tuple[float, ...] = LEVELS) -> CalibrationState:
    """What a stock's calibration begins with, for some of the parent's levels.

    Raises:
        BadInput: a level is not among them.
    """
    known = np.array(card.levels[: len(card.levels) // 2])
    wanted = levels[: len(levels) // 2]
    places = [int(np.argmin(np.abs(known - level))) for level in wanted]
    if not np.allclose(known[places], wanted):
        raise BadInput(f"Expected levels among {card.levels}, got {levels}.")
    factors, event = (
        np.array(each, float)[:, places] for each in (card.factors, card.event_factors)
    )
    return CalibrationState.fresh(levels, card.horizon, factors, event)


def _digest(tensors: dict[str, torch.Tensor], card: ParentCard) -> str:
    """Of the weights and the card; not of how long the fit took."""
    document = card.model_dump(mode="json", exclude={"digest", "seconds"})
    text = json.dumps(document, sort_keys=True, allow_nan=False)
    return hashlib.sha256(save(tensors) + text.encode()).hexdigest()[:12]
