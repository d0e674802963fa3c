"""A figure that is drawn once, for the notebook that shows it and for the run that keeps it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

__all__ = ["Chart", "as_png"]

#: Colours of a palette in which our charts, of some lines on white, look as they are.
_FEW = 64
#: A chart has some hundred colours, smoothed edges included. Somebody else's picture of more than
#: these is taken for a photograph.
_MOST = 4096


class Chart(Figure):
    """A figure that a notebook shows without pyplot and its global state."""

    _png: bytes | None = None

    def png(self) -> bytes:
        """Return the chart as a small PNG; it is drawn anew only when it has changed since."""
        if self._png is None or self.stale:
            canvas = FigureCanvasAgg(self)
            canvas.draw()  # type: ignore[no-untyped-call]
            pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
            self._png = as_png(Image.fromarray(pixels), _FEW)
            self.stale = False
        return self._png

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/plain": repr(self), "image/png": self.png()}


def as_png(picture: Image.Image, colours: int | None = None) -> bytes:
    """Return a picture as PNG with a palette of ``colours``, which takes half of the bytes or less.

    Without a number a chart gets 256, and a photograph, or what can be seen through, stays as it
    is.
    """
    written = io.BytesIO()
    opaque = picture.convert("RGB")
    if colours is None:
        whole = picture.convert("RGBA").getchannel("A").getextrema() == (255, 255)
        colours = 256 if whole and opaque.getcolors(_MOST) is not None else None
    if colours is not None:
        picture = opaque.quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        # the octree cuts its means down to whole numbers; what is white stays white
        picture.putpalette([255 if of == 254 else of for of in picture.getpalette() or ()])
    picture.save(written, "PNG")
    return written.getvalue()
