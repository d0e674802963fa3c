"""Packs the pictures of an executed notebook, which are most of its bytes and of its page's."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any

__all__ = ["pack", "webp"]

_PNG = "image/png"


def pack(notebook: Any) -> None:
    """Give the charts of ``notebook`` a palette, which takes a third of their bytes, in place."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if isinstance(data.get(_PNG), str):
                data[_PNG] = _packed(data[_PNG])


def webp(picture: str) -> str:
    """Return a picture (base64) as WebP (base64): smaller than any PNG, and not exact."""
    from PIL import Image

    packed = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        image.thumbnail((1600, 4000))
        image.save(packed, "WEBP", quality=80)
    return base64.b64encode(packed.getvalue()).decode()


def _packed(picture: str) -> str:
    from PIL import Image

    from stockcast.presentation.chart import as_png  # which brings matplotlib

    try:
        with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
            if image.mode == "P":  # it has a palette
                return picture
            smaller = base64.b64encode(as_png(image)).decode()
    except (OSError, binascii.Error):  # no picture, whatever it says
        return picture
    return min(picture, smaller, key=len)
