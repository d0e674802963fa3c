"""Where a network is fitted: the setting ``device``, in torch's words."""

from __future__ import annotations

from typing import Literal

import torch

from stockcast.errors import BadInput

__all__ = ["Device", "chosen_device"]

Device = Literal["auto", "cpu", "cuda"]


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
