"""The offline embedder gives the vectors of the network whose weights it reads."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stockcast.agents import embedding


def cosine(one: str, other: str) -> float:
    return float(np.dot(embedding.embed(one), embedding.embed(other)))


def test_vectors_have_the_size_and_length_of_the_model() -> None:
    vector = embedding.embed("The share closed lower.")
    assert len(vector) == embedding.SIZE
    assert math.isclose(float(np.linalg.norm(vector)), 1.0, abs_tol=1e-5)


def test_it_is_all_minilm_and_not_some_other_network() -> None:
    # torch's own layers with the same weights give these
    assert cosine("A man is eating food.", "A man eats a meal.") == pytest.approx(0.90823, abs=1e-4)
    first = embedding.embed("A man is eating food.")[:4]
    assert first == pytest.approx([0.03324, 0.00441, -0.00628, 0.04838], abs=1e-4)


def test_meaning_counts_and_not_words() -> None:
    near = cosine("Apple stock fell sharply on Friday", "Shares of Apple dropped at the week's end")
    assert near > 0.7 > 0.2 > cosine("Apple stock fell sharply on Friday", "The soup needs salt")


def test_a_text_of_any_length_has_a_vector() -> None:
    assert len(embedding.embed("")) == len(embedding.embed("word " * 5000)) == embedding.SIZE
