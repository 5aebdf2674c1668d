"""TabM: what members share, how they differ, how they are averaged; and its categories."""

import functools
import operator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tabm import TabM as Theirs  # type: ignore[import-untyped]
from torch import Tensor

from zoo.networks.category_embedding import SizedCategoryEmbedding
from zoo.networks.tabm import Categories, TabM

CARDINALITIES = [3, 5]


def rows(n: int = 16) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    categorical = torch.stack([torch.randint(0, count, (n,), generator=generator) for count in CARDINALITIES], dim=1)
    return torch.randn(n, 4, generator=generator), categorical


def small(**options: Any) -> Any:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"k": 4, "hidden": [8, 8], "dropout": 0.0} | options
    return TabM(4, CARDINALITIES, 3, **settings)


def test_it_is_the_authors_network() -> None:
    ours = small(numeric_embedding="none")
    theirs = Theirs.make(
        n_num_features=4, cat_cardinalities=CARDINALITIES, d_out=3, k=4, n_blocks=2, d_block=8, dropout=0.0
    )
    taken = dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True))
    theirs.load_state_dict(taken)
    numeric, categorical = rows()
    assert torch.allclose(ours(numeric, categorical), theirs(numeric, categorical), atol=1e-6)


def test_members_share_the_matrices_and_differ_by_scales() -> None:
    network = small()
    first, second = network.layers[0], network.layers[2]
    assert first.weight.shape == (8, 4 * 16 + sum(CARDINALITIES))
    assert second.weight.shape == (8, 8)
    assert first.r.shape == (4, 72)
    assert not torch.equal(first.r[0], first.r[1])
    assert (second.r == 1).all()
    assert (second.s == 1).all()
    members = network(*rows())
    with torch.no_grad():
        first.r[1], first.bias[1] = first.r[0], first.bias[0]
        network.heads.weight[1], network.heads.bias[1] = network.heads.weight[0], network.heads.bias[0]
    twins = network(*rows())
    assert not torch.allclose(members[:, 0], members[:, 1])
    assert torch.allclose(twins[:, 0], twins[:, 1])
    assert torch.equal(twins[:, 0], members[:, 0])


def test_one_member_with_scales_of_one_is_a_plain_mlp() -> None:
    network = small(k=1, numeric_embedding="none")
    with torch.no_grad():
        network.layers[0].r.fill_(1)
    numeric, categorical = rows()
    x = torch.cat([numeric, *(F.one_hot(categorical[:, i], count) for i, count in enumerate(CARDINALITIES))], dim=1)
    for layer in (network.layers[0], network.layers[2]):
        x = F.relu(F.linear(x, layer.weight, layer.bias[0]))
    plain = x @ network.heads.weight[0] + network.heads.bias[0]
    assert torch.allclose(network(numeric, categorical)[:, 0], plain, atol=1e-6)
    assert torch.allclose(network.eval()(numeric, categorical).softmax(1), plain.softmax(1), atol=1e-6)


def test_in_evaluation_the_probabilities_are_the_mean_of_the_members() -> None:
    network = small()
    members = network(*rows())
    assert members.shape == (16, 4, 3)
    answer = network.eval()(*rows())
    assert torch.allclose(answer.exp(), members.softmax(dim=2).mean(dim=1), atol=1e-6)
    assert torch.allclose(answer.softmax(dim=1), members.softmax(dim=2).mean(dim=1), atol=1e-6)


def test_columns_of_many_categories_get_vectors() -> None:
    categories = Categories([3, 100, 2])
    given = torch.tensor([[2, 99, 0], [0, 5, 1]])
    found = categories(given)
    assert isinstance(categories.embedding, SizedCategoryEmbedding)
    assert found.shape == (2, sum(categories.widths))
    assert found[:, :5].tolist() == [[0, 0, 1, 1, 0], [1, 0, 0, 0, 1]]
    assert torch.equal(found[:, 5:], categories.embedding(given[:, 1:2]))


def test_scales_and_biases_are_spared_by_weight_decay() -> None:
    spared = small().no_weight_decay()
    assert {"layers.0.r", "layers.0.s", "layers.0.bias", "heads.bias"} <= spared
    assert not {"layers.0.weight", "layers.2.weight", "heads.weight"} & spared


def test_layers_from_the_numbers_to_the_heads() -> None:
    network = small()
    groups = network.layer_groups()
    assert [group[-1].rsplit(".", 1)[0] for group in groups[1:]] == ["layers.0", "layers.2", "heads"]
    assert all(name.startswith("numeric.") for name in groups[0])
    assert sorted(functools.reduce(operator.iadd, groups, [])) == sorted(name for name, _ in network.named_parameters())


@pytest.mark.parametrize("norm", ["batch", "layer"])
@pytest.mark.parametrize("init", ["xavier", "he"])
def test_norms_and_initialisation(norm: str, init: str) -> None:
    network = small(norm=norm, init=init, hidden=[8, 6])
    assert (network.layers[0].bias == 0).all()
    assert network(*rows()).isfinite().all()


@pytest.mark.parametrize(("numeric", "cardinalities"), [(0, [2, 3]), (3, [])])
def test_tables_of_one_kind_of_column(numeric: int, cardinalities: list[int]) -> None:
    network = TabM(numeric, cardinalities, 2, k=2, hidden=[4])
    ids = torch.zeros(3, len(cardinalities), dtype=torch.int32)
    assert network(torch.randn(3, numeric), ids).shape == (3, 2, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k must be a positive integer"),
        ({"average": "median"}, "average must be one of"),
        ({"numeric_embedding": "piecewise"}, "did you mean 'piecewise_linear'"),
        ({"hidden": [0]}, "hidden must hold positive integers"),
    ],
)
def test_mistakes(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**options)
