import pytest
import torch

from zoo.networks import StochasticDepth, TextTransformer, TokenDropout, TransformerBlock, TransformerEncoder
from zoo.networks.text_transformer import LocalMixing


def test_block_is_pre_norm() -> None:
    block, x, mask = TransformerBlock(8, 2), torch.randn(3, 5, 8), torch.ones(3, 5, dtype=torch.bool)
    middle = x + block.attention(block.attention_norm(x), mask)
    expected = middle + block.feedforward(block.feedforward_norm(middle))
    torch.testing.assert_close(block(x, mask), expected)


def test_stochastic_depth_rises_linearly_to_the_last_block() -> None:
    encoder = TransformerEncoder(8, 4, 2, drop_path=0.2)
    rates = [module.rate for module in encoder.modules() if isinstance(module, StochasticDepth)]
    assert rates == pytest.approx([0.05, 0.1, 0.15, 0.2])


def test_stochastic_depth_drops_whole_rows_and_keeps_the_mean() -> None:
    drop = StochasticDepth(0.25)
    rows = drop(torch.ones(4000, 3))
    torch.testing.assert_close(rows.unique(), torch.tensor([0.0, 4 / 3]))
    assert torch.equal(rows[:, 0], rows[:, 2])
    assert rows.mean().item() == pytest.approx(1.0, abs=0.05)
    assert torch.equal(drop.eval()(rows), rows)


def test_token_dropout_hides_its_fraction_and_never_a_whole_row() -> None:
    mask = torch.rand(2000, 3) < 0.7
    drop = TokenDropout(0.9)
    kept = drop(mask)
    assert not (kept & ~mask).any()
    assert torch.equal(kept.any(dim=1), mask.any(dim=1))
    long = torch.ones(50, 1000, dtype=torch.bool)
    assert drop(long).float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert torch.equal(drop.eval()(mask), mask)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"position": "rotatory"}, "position must be one of learned, sinusoidal, rotary, got 'rotatory'; did you mean"),
        ({"pooling": "sum"}, "pooling must be one of mean, max, cls, attention, got 'sum'"),
        ({"n_layers": 0}, "n_layers must be a positive integer, got 0"),
        ({"n_heads": 5}, "d_model must be a multiple of n_heads, got d_model=128 and n_heads=5"),
        ({"token_dropout": 1.0}, r"token_dropout must be in \[0, 1\), got 1.0"),
        ({"drop_path": 2.0}, r"drop_path must be in \[0, 1\), got 2.0"),
        ({"dropout": 1.5}, r"dropout must be in \[0, 1\), got 1.5"),
        ({"d_feedforward": 0}, "d_feedforward must be a positive integer, got 0"),
    ],
)
def test_a_wrong_argument_says_what_was_expected(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TextTransformer(50, 3, max_length=8, **arguments)  # type: ignore[arg-type]


def test_a_text_longer_than_max_length_fails_only_with_learned_positions() -> None:
    tokens = torch.ones(2, 9, dtype=torch.long)
    for position in ("sinusoidal", "rotary"):
        network = TextTransformer(50, 3, max_length=8, position=position)
        assert network(tokens, tokens > 0).shape == (2, 3)
    with pytest.raises(ValueError, match="at most max_length = 8 positions, got 9"):
        TextTransformer(50, 3, max_length=8)(tokens, tokens > 0)


@pytest.mark.parametrize("position", ["learned", "sinusoidal", "rotary"])
def test_every_position_encoding_makes_order_matter(position: str) -> None:
    network = TextTransformer(50, 3, max_length=8, position=position).eval()
    tokens = torch.arange(1, 7).unsqueeze(0)
    mask = tokens > 0
    assert not torch.allclose(network(tokens, mask), network(tokens.flip(1), mask), atol=1e-5)


def test_token_vectors_are_small_at_the_start() -> None:
    weight = TextTransformer(500, 3, max_length=8, d_model=256).embedding.weight[1:]
    assert weight.std().item() == pytest.approx(0.02, rel=0.02)


def test_a_window_sees_the_neighbours_and_no_further() -> None:
    mixing = LocalMixing(8, 3).eval()
    x, mask = torch.randn(1, 6, 8), torch.ones(1, 6, dtype=torch.bool)
    other = x.clone()
    other[0, 1] += torch.randn(8)
    changed = (mixing(x, mask) - mixing(other, mask)).abs().amax(dim=2)[0] > 1e-6
    assert changed.tolist() == [True, True, True, False, False, False]
    hidden = mask.clone()
    hidden[0, 1] = False
    torch.testing.assert_close(mixing(x, hidden)[0, [0, 2]], mixing(other, hidden)[0, [0, 2]])


def test_head_dropout_is_off_when_not_training() -> None:
    network = TextTransformer(50, 3, max_length=8, head_dropout=0.9, token_dropout=0.9).eval()
    tokens = torch.arange(1, 7).unsqueeze(0)
    assert torch.equal(network(tokens, tokens > 0), network(tokens, tokens > 0))
