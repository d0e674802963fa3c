"""Prices are written with the digits that they need."""

from __future__ import annotations

import math

import pytest

from stockcast.contracts.numbers import decimals, price


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        (0.0004, "USD", "0.0004"),
        (0.00038421, "USD", "0.0003842"),
        (0.0000000312, "USD", "0.0000000312"),
        (0.5, "USD", "0.50"),
        (0.98765, "EUR", "0.9877"),
        (1.1023, "USD", "1.1023"),
        (1.10234, "USD", "1.1023"),
        (5.4, "USD", "5.40"),
        (9.99999, "USD", "10.00"),
        (10.0, "USD", "10.00"),
        (72.345, "GBp", "72.34"),
        (430.47, "USD", "430.47"),
        (60_123.456, "USD", "60,123.46"),
        (585_720.3, "USD", "585,720"),
        (2415.4, "JPY", "2,415"),
        (350.0, "JPY", "350"),
        (350.26, "JPY", "350.26"),
        (110.5, "JPY", "110.5"),
        (71_400.0, "KRW", "71,400"),
        (0.0, "USD", "0.00"),
        (-0.00012345, "USD", "-0.0001234"),
    ],
)
def test_a_price_has_the_digits_it_needs(value: float, currency: str, text: str) -> None:
    assert price(value, currency) == text


@pytest.mark.parametrize("size", [10.0**k for k in range(-8, 7)])
@pytest.mark.parametrize("currency", ["USD", "JPY"])
def test_a_step_of_a_thousandth_is_seen_in_every_price(size: float, currency: str) -> None:
    assert price(1.001 * size, currency, like=size) != price(size, currency, like=size)


def test_prices_beside_each_other_have_as_many_digits() -> None:
    assert [price(v, "USD", like=9.98) for v in (9.9, 10.1)] == ["9.9000", "10.1000"]


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_no_price_has_the_digits_of_a_coin(value: float) -> None:
    assert decimals(value, "USD") == 2
