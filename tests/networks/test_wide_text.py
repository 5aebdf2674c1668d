"""The linear model of n-grams: its formula, what changes nothing in it, and that it stands beside a network."""

import pytest
import torch

from zoo.networks import NgramLinear, TextMLP, WideText
from zoo.networks.members import averaged
from zoo.networks.wide_text import SCALE, widened


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


@pytest.mark.parametrize("average", ["softmax", "sigmoid", "mean"])
def test_both_answer_for_themselves_in_training_and_together_afterwards(average: str) -> None:
    wide = WideText(TextMLP(30, 3, dropout=0.0), [14, 6], 3, average=average)
    wide.wide = _drawn(dropout=0.0)
    tokens, bag = torch.randint(1, 30, (4, 6)), torch.randint(0, 20, (4, 5))
    members = wide(tokens, tokens > 0, bag)
    torch.testing.assert_close(members[:, 0], wide.deep(tokens, tokens > 0))
    torch.testing.assert_close(members[:, 1], wide.wide(bag))
    torch.testing.assert_close(wide.eval()(tokens, tokens > 0, bag), averaged(members, average))


def test_it_stands_where_there_are_n_grams_alone() -> None:
    deep = TextMLP(30, 3)
    wide = widened(deep, {"n_ngrams": [14, 6]}, 3, average="mean")
    assert isinstance(wide, WideText)
    assert wide.average == "mean"
    assert widened(deep, {}, 3, average="mean") is deep


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_a_fraction_out_of_range_is_an_error(dropout: float) -> None:
    with pytest.raises(ValueError, match="dropout must be in"):
        NgramLinear([14, 6], 3, dropout=dropout)
