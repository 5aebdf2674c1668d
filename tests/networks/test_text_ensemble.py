"""Members of a text: each answers for itself in training, all together afterwards."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.pretrained import save_encoder
from zoo.networks import NgramLinear, PretrainedEncoder, TextCNN, TextEnsemble, TextMLP
from zoo.networks.members import averaged
from zoo.networks.text_ensemble import with_members

INPUTS = {"vocab_size": 30, "pad_id": 0}


def texts() -> tuple[Tensor, Tensor, Tensor]:
    tokens = torch.randint(1, 30, (4, 6))
    return tokens, tokens > 0, torch.randint(0, 20, (4, 5))


@pytest.mark.parametrize("average", ["softmax", "sigmoid", "mean"])
def test_each_answers_for_itself_in_training_and_all_together_afterwards(average: str) -> None:
    tokens, mask, bag = texts()
    linear = NgramLinear([14, 6], 3, dropout=0.0)
    torch.nn.init.normal_(linear.weight)
    parts = (TextMLP(30, 3, dropout=0.0), TextCNN(30, 3, dropout=0.0), linear)
    network = TextEnsemble(parts[0], phrases=parts[1], linear=linear, average=average)
    members = network(tokens, mask, bag)
    expected = [parts[0](tokens, mask), parts[1](tokens, mask), linear(bag)]
    torch.testing.assert_close(members, torch.stack(expected, dim=1))
    torch.testing.assert_close(network.eval()(tokens, mask, bag), averaged(members, average))


@pytest.mark.parametrize(("phrases", "ngrams", "members"), [(True, True, 3), (True, False, 2), (False, True, 2)])
def test_it_has_the_members_that_are_asked_for(phrases: bool, ngrams: bool, members: int) -> None:
    inputs = INPUTS | ({"n_ngrams": [14, 6]} if ngrams else {})
    network = with_members(TextMLP(30, 3), inputs, 3, average="softmax", phrases=phrases)
    tokens, mask, bag = texts()
    assert network(tokens, mask, *([bag] if ngrams else [])).shape == (4, members, 3)


def test_a_network_stands_alone_where_nothing_is_asked_for() -> None:
    deep = TextMLP(30, 3)
    assert with_members(deep, INPUTS, 3, average="mean") is deep
    with pytest.raises(ValueError, match="an ensemble of one network is that network"):
        TextEnsemble(deep)


def test_all_heads_are_in_the_last_layer() -> None:
    network = with_members(TextMLP(30, 3), INPUTS | {"n_ngrams": [14, 6]}, 3, average="mean", phrases=True)
    groups = network.layer_groups()  # type: ignore[operator]
    assert sorted(name for names in groups for name in names) == sorted(name for name, _ in network.named_parameters())
    assert set(groups[-1]) == {
        *(f"deep.{name}" for name in TextMLP(30, 3).layer_groups()[-1]),
        *(f"phrases.{name}" for name in TextCNN(30, 3).layer_groups()[-1]),
        "linear.weight",
    }


def test_what_is_new_beside_a_pretrained_encoder_learns_with_its_head(tmp_path: Path) -> None:
    deep = PretrainedEncoder(str(save_encoder(tmp_path)), 3)
    own, head = deep.layer_groups(), deep.layer_groups()[-1]
    groups = with_members(deep, INPUTS | {"n_ngrams": [14, 6]}, 3, average="mean", phrases=True).layer_groups()  # type: ignore[operator]
    assert groups[:-1] == [[f"deep.{name}" for name in names] for names in own[:-1]]
    assert set(groups[-1]) == {
        *(f"deep.{name}" for name in head),
        *(f"phrases.{name}" for name, _ in TextCNN(30, 3).named_parameters()),
        "linear.weight",
    }
