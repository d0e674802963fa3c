"""A model on disk: weights as safetensors, everything else as JSON, named by its own content.

A bundle is a folder ``<models>/<name>/<version>/`` that is written once and never changed. The
version is a hash of the weights and of what they were made from, so the same training gives the
same version, wherever and whenever it runs. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from stockcast.contracts.bundle import EpochRow, ModelDocument
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS
from stockcast.features import PANEL_INPUTS
from stockcast.models.panel.training import (
    PANEL_LEVELS,
    FittedPanel,
    PanelHyperparameters,
    restored,
)
from stockcast.models.postprocessing.calibration import CalibrationState
from stockcast.models.splits import Split

__all__ = [
    "Bundle",
    "OtherInputs",
    "content_hash",
    "load_bundle",
    "make_bundle",
    "save_bundle",
    "weights_of",
]

WEIGHTS, DOCUMENT = "weights.safetensors", "model.json"


class OtherInputs(BadInput):
    """A model was made for other inputs or levels than the present ones: it is retired."""


@dataclass(frozen=True)
class Bundle:
    """A fitted network and where it comes from.

    Attributes:
        name: ``parent`` or ``child-<TICKER>``.
        version: 12 hex digits, a hash of weights and origin.
        fitted: the network.
        origin: what it was made from: kind, ticker, strategy, hyperparameters, split, data_hash,
            trained_through, parent (its version, for a child).
        partner_weight: share of the partner's forecast in the one that is served.
        start: what the calibration of a stock begins with.
    """

    name: str
    version: str
    fitted: FittedPanel
    origin: dict[str, Any]
    partner_weight: float
    start: CalibrationState

    @property
    def split(self) -> Split:
        """The split it was trained on."""
        return Split.from_json(self.origin["split"])


def make_bundle(
    name: str,
    fitted: FittedPanel,
    *,
    hyper: PanelHyperparameters,
    split: Split,
    partner_weight: float = 0.5,
    start: CalibrationState | None = None,
    **origin: Any,
) -> Bundle:
    """Name a fitted network by its content. ``origin`` takes plain JSON values."""
    full = {**origin, "hyperparameters": asdict(hyper), "split": split.to_json()}
    begun = start or CalibrationState.fresh(LEVELS, fitted.network.horizon)
    version = _version(fitted, full, partner_weight, begun)
    return Bundle(name, version, fitted, full, partner_weight, begun)


def save_bundle(bundle: Bundle, models: Path) -> Path:
    """Write the bundle below ``models`` unless it is there and intact; return its folder."""
    folder = models / bundle.name / bundle.version
    if _intact(folder):
        return folder
    temporary = folder.with_name(f".{bundle.version}.{secrets.token_hex(6)}")
    try:
        temporary.mkdir(parents=True)  # as the umask has it: mkdtemp's would be the owner's alone
    except OSError as error:
        raise BadInput(
            f"Expected a folder that can be written at {folder.parent}, got: {error.strerror}."
        ) from None
    try:
        (temporary / WEIGHTS).write_bytes(weights_of(bundle.fitted))
        _document(bundle).save(temporary / DOCUMENT)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _intact(folder: Path) -> bool:
    with contextlib.suppress(BadInput):
        load_bundle(folder)
        return True
    return False


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle and verify that its content still has the hash it is named by.

    Raises:
        BadInput: a file is missing, truncated or changed.
        OtherInputs: it was made for other inputs or levels.
    """
    document = _present(folder)
    try:
        tensors = load_file(folder / WEIGHTS)
        hyper = PanelHyperparameters(**document.origin["hyperparameters"])
        bundle = Bundle(
            document.name,
            document.version,
            restored(document, hyper, tensors),
            document.origin,
            document.partner_weight,
            CalibrationState.of(document.start),
        )
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"Expected a model in {folder}, got: {error}.") from None
    found = _version(bundle.fitted, bundle.origin, bundle.partner_weight, bundle.start)
    if found != folder.name:
        raise BadInput(f"Expected the model {folder.name}, got changed content in {folder}.")
    return bundle


def _present(folder: Path) -> ModelDocument:
    """Return the bundle's document, if its signature is the present one. Errors as above."""
    document = ModelDocument.load(folder / DOCUMENT)
    if (document.inputs, document.levels) != (PANEL_INPUTS, PANEL_LEVELS):
        raise OtherInputs(
            f"Expected a model of the inputs {', '.join(PANEL_INPUTS)} at {len(PANEL_LEVELS)} "
            f"levels, got one of {', '.join(document.inputs)} at {len(document.levels)} in "
            f"{folder}."
        )
    return document


def weights_of(fitted: FittedPanel) -> bytes:
    """The network's weights as safetensors."""
    tensors = fitted.network.state_dict()
    return save({name: value.contiguous() for name, value in tensors.items()})


def content_hash(fitted: FittedPanel, about: Mapping[str, Any]) -> str:
    """12 hex digits of the weights and of what is said about them, in plain JSON values."""
    text = json.dumps(about, sort_keys=True, allow_nan=False)
    return hashlib.sha256(weights_of(fitted) + text.encode()).hexdigest()[:12]


def _version(
    fitted: FittedPanel, origin: Mapping[str, Any], weight: float, start: CalibrationState
) -> str:
    identity = {
        **origin,
        "scaler": fitted.scaler.to_json(),
        "inputs": PANEL_INPUTS,
        "partner_weight": weight,
        "start": start.contract().model_dump(mode="json"),
    }
    return content_hash(fitted, identity)


def _document(bundle: Bundle) -> ModelDocument:
    fitted = bundle.fitted
    return ModelDocument(
        name=bundle.name,
        version=bundle.version,
        origin=bundle.origin,
        inputs=PANEL_INPUTS,
        levels=fitted.levels,
        horizon=fitted.network.horizon,
        last_day=fitted.last_day.date(),
        scaler=fitted.scaler.to_json(),
        partner_weight=bundle.partner_weight,
        start=bundle.start.contract(),
        history=tuple(EpochRow(**asdict(epoch)) for epoch in fitted.history),
        seconds=fitted.seconds,
    )
