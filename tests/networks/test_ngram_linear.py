"""The linear model of n-grams: its formula, and what changes nothing in it."""

import pytest
import torch

from zoo.networks import NgramLinear
from zoo.networks.ngram_linear import SCALE


def _drawn(sizes: tuple[int, int] = (14, 6), d_out: int = 3, **options: float) -> NgramLinear:
    linear = NgramLinear(sizes, d_out, **options)
    torch.nn.init.normal_(linear.weight)
    return linear


def test_it_is_the_sum_of_weights_over_the_root_of_their_number_in_each_kind() -> None:
    linear = _drawn(dropout=0.0)
    found = linear(torch.tensor([[3, 7, 7, 13, 0, 0], [5, 14, 0, 19, 14, 15]]))
    weight = linear.weight
    torch.testing.assert_close(found[0], SCALE * (weight[3] + 2 * weight[7] + weight[13]) / 2)
    runs = (2 * weight[14] + weight[15] + weight[19]) / 2
    torch.testing.assert_close(found[1], SCALE * (weight[5] + runs))


def test_padding_and_order_change_nothing_and_an_empty_bag_is_zero() -> None:
    linear = _drawn(dropout=0.0)
    bag = torch.tensor([[3, 17, 1], [0, 0, 0]])
    other = torch.tensor([[0, 1, 3, 0, 17], [0, 0, 0, 0, 0]])
    torch.testing.assert_close(linear(other), linear(bag))
    assert not linear(bag)[1].any()


def test_nothing_is_dropped_when_not_training() -> None:
    linear = _drawn(dropout=0.5)
    bag = torch.randint(1, 20, (50, 8))
    assert not torch.equal(linear(bag), linear(bag))
    linear.eval()
    assert torch.equal(linear(bag), linear(bag))


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_a_fraction_out_of_range_is_an_error(dropout: float) -> None:
    with pytest.raises(ValueError, match="dropout must be in"):
        NgramLinear([14, 6], 3, dropout=dropout)
