"""Parents that come with the package: weights as safetensors, and a card that says who they are.

Each lies in a folder of its own, named after it. A parent serves a profile only if nothing later
than its last day is validated or tested on: it is the newest of those that is chosen, and a parent
that has seen such a day is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.torch import load_file

from stockcast.contracts.parent import ParentCard
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS
from stockcast.features.panel import PANEL_INPUTS
from stockcast.models.bundle import content_hash
from stockcast.models.panel.training import FittedPanel, PanelHyperparameters, restored
from stockcast.models.postprocessing.calibration import CalibrationState

__all__ = [
    "FOLDER",
    "Parent",
    "choose",
    "digest",
    "load_parent",
    "require_unseen",
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
    try:
        fitted = restored(card, hyper, load_file(place / WEIGHTS))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BadInput(f"Expected a parent's weights in {place}, got: {error}.") from None
    if digest(card, fitted) != card.digest:
        raise BadInput(f"Expected the parent {card.digest}, got changed content in {place}.")
    return Parent(card, fitted)


def digest(card: ParentCard, fitted: FittedPanel) -> str:
    """The hash of the weights and of the card, without how long the fit took."""
    return content_hash(fitted, card.model_dump(mode="json", exclude={"digest", "seconds"}))


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
    """What a stock's calibration begins with; errors as in :meth:`CalibrationState.at`."""
    factors, event = (np.array(each, float) for each in (card.factors, card.event_factors))
    return CalibrationState.fresh(card.levels, card.horizon, factors, event).at(levels)
