import pytest
import torch
from torch import nn

from zoo.networks import MLP, ImageMLP, TabularMLP, TextMLP
from zoo.networks.category_embedding import SizedCategoryEmbedding


def test_plain_mlp_is_a_sequential_from_the_same_seed() -> None:
    torch.manual_seed(7)
    network = MLP(4, 3, hidden=[8, 6])
    torch.manual_seed(7)
    by_hand = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3))
    assert [type(layer) for layer in network.layers] == [type(layer) for layer in by_hand]
    x = torch.randn(5, 4)
    torch.testing.assert_close(network(x), by_hand(x), rtol=0, atol=0)


def test_norm_and_dropout_stand_around_the_activation() -> None:
    layers = MLP(4, 3, hidden=[8], activation="silu", norm="batch", dropout=0.2).layers
    assert [type(layer).__name__ for layer in layers] == ["Linear", "BatchNorm1d", "SiLU", "Dropout", "Linear"]
    layers = MLP(4, 3, hidden=[8], norm="layer").layers
    assert [type(layer).__name__ for layer in layers] == ["Linear", "LayerNorm", "ReLU", "Linear"]


@pytest.mark.parametrize(("norm", "dim"), [("batch", 0), ("layer", 1)])
def test_a_norm_brings_the_sums_to_mean_0_and_deviation_1(norm: str, dim: int) -> None:
    network, x = MLP(4, 3, hidden=[8], norm=norm, activation="tanh"), 5 * torch.randn(16, 4) + 2
    first, last = network.layers[0], network.layers[-1]
    z = first(x)
    scaled = (z - z.mean(dim, keepdim=True)) / (z.var(dim, correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(network(x), last(scaled.tanh()))


def test_batch_norm_evaluates_by_its_running_statistics() -> None:
    network, x = MLP(4, 3, hidden=[8], norm="batch"), 5 * torch.randn(16, 4) + 2
    z = network.layers[0](x)
    network(x)  # a tenth of the way from mean 0 and variance 1
    mean, var = 0.1 * z.mean(dim=0), 0.9 + 0.1 * z.var(dim=0)
    expected = network.layers[-1](((z - mean) / (var + 1e-5).sqrt()).relu())
    torch.testing.assert_close(network.eval()(x), expected)
    torch.testing.assert_close(network(x[:1]), expected[:1])  # a row alone gets what it gets among others


def test_no_hidden_layer_is_a_linear_model() -> None:
    assert [type(layer) for layer in MLP(4, 3, hidden=[]).layers] == [nn.Linear]


def test_a_table_of_numbers_draws_the_random_numbers_of_the_plain_mlp() -> None:
    torch.manual_seed(7)
    table = TabularMLP(4, [], 3)
    after_table = torch.rand(1)
    torch.manual_seed(7)
    plain = MLP(4, 3)
    after_plain = torch.rand(1)
    x = torch.randn(5, 4)
    torch.testing.assert_close(table(x, torch.zeros(5, 0, dtype=torch.long)), plain(x), rtol=0, atol=0)
    assert torch.equal(after_table, after_plain)


def test_a_table_with_categories_is_the_mlp_over_the_concatenation() -> None:
    network = TabularMLP(2, [3, 9], 1)
    numeric, categorical = torch.randn(5, 2), torch.tensor([[0, 8], [1, 7], [2, 0], [0, 1], [1, 2]])
    embedding = network.embedding
    assert isinstance(embedding, SizedCategoryEmbedding)
    expected = network.mlp(torch.cat([numeric, embedding(categorical)], dim=1))
    torch.testing.assert_close(network(numeric, categorical), expected)


def test_an_image_is_its_pixels_in_a_row() -> None:
    torch.manual_seed(7)
    network = ImageMLP(2, 3, 4, 5)
    torch.manual_seed(7)
    plain = MLP(24, 5)
    image = torch.randn(6, 2, 3, 4)
    torch.testing.assert_close(network(image), plain(image.reshape(6, 24)), rtol=0, atol=0)


def test_text_is_the_masked_mean_of_its_vectors() -> None:
    network = TextMLP(20, 3, d_embedding=8)
    tokens, mask = torch.randint(0, 20, (4, 6)), torch.rand(4, 6) < 0.5
    mask[:, 0] = True
    means = [network.embedding.weight[t[m]].mean(dim=0) for t, m in zip(tokens, mask, strict=True)]
    torch.testing.assert_close(network(tokens, mask), network.mlp(torch.stack(means)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"dropout": -0.1}, r"dropout must be in \[0, 1\), got -0.1"),
        ({"hidden": [8, 0]}, r"hidden must hold positive integers, got \[8, 0\]"),
        ({"norm": "bacth"}, "norm must be one of none, batch, layer, got 'bacth'; did you mean 'batch'?"),
        ({"activation": "rellu"}, "activation must be one of relu, .*, got 'rellu'; did you mean 'relu'?"),
        ({"init": "kaiming"}, "init must be one of default, xavier, he, orthogonal, trunc_normal, got 'kaiming'"),
    ],
)
def test_a_wrong_argument_says_what_was_expected(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLP(4, 3, **arguments)  # type: ignore[arg-type]


def test_wrong_sizes_say_what_was_expected() -> None:
    with pytest.raises(ValueError, match="d_in must be a positive integer, got 0"):
        MLP(0, 3)
    with pytest.raises(ValueError, match="must name at least one column, got none"):
        TabularMLP(0, [], 3)
    with pytest.raises(ValueError, match="n_numeric must not be negative, got -1"):
        TabularMLP(-1, [2], 3)
    with pytest.raises(ValueError, match=r"pad_id must be in \[0, vocab_size\) = \[0, 20\), got 20"):
        TextMLP(20, 3, pad_id=20)
