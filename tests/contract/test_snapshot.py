"""What an organisation is charged, to the nano."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.contract.snapshot import Tariff


@given(
    cost=st.integers(min_value=0, max_value=10**15),
    markup=st.integers(min_value=0, max_value=10_000_000),
    fee=st.integers(min_value=0, max_value=10**12),
)
def test_a_charge_is_cost_markup_and_fee_rounded_once_half_to_even(cost: int, markup: int, fee: int) -> None:
    exact = Decimal(cost) * (1_000_000 + markup) / 1_000_000
    expected = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)) + fee
    assert Tariff(markup_ppm=markup, request_fee_nanos=fee).charge(cost) == expected
    assert Tariff(markup_ppm=markup, request_fee_nanos=fee).marked_up(cost) == expected - fee


@pytest.mark.parametrize(("cost", "charge"), [(1, 2), (3, 4), (5, 8), (7, 10), (0, 0)])
def test_halves_go_to_the_even_neighbour(cost: int, charge: int) -> None:
    assert Tariff(markup_ppm=500_000).charge(cost) == charge
