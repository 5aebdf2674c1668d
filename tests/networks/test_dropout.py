"""The quick dropout of a CPU: the right share, the right scale, independent draws, torch's seed."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.networks import attention
from zoo.networks.dropout import Dropout, dropout

N = 400_000


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_share_that_is_dropped_and_the_scale_of_the_rest(rate: float) -> None:
    dropped = dropout(torch.ones(N), rate)
    assert float((dropped == 0).float().mean()) == pytest.approx(rate, abs=0.005)
    assert float(dropped.max()) == pytest.approx(1 / (1 - rate), rel=1e-3)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.01)


def test_neighbours_that_share_a_random_number_are_independent() -> None:
    dropped = (dropout(torch.ones(N // 4, 4), 0.3) == 0).float()
    together = torch.corrcoef(dropped.T) - torch.eye(4)
    assert float(together.abs().max()) < 0.02


@pytest.mark.parametrize("rate", [0.0, 1e-9, 1.0])
def test_rates_at_the_ends_are_torchs(rate: float) -> None:
    x = torch.randn(7)
    assert torch.equal(dropout(x, rate), x * (rate != 1.0))


def test_the_gradient_is_zero_where_dropped_and_scaled_where_not() -> None:
    x = torch.ones(5, 7, requires_grad=True)
    output = dropout(x, 0.5)
    torch.autograd.backward(output.sum())
    assert x.grad is not None
    assert torch.equal(x.grad, output.detach())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_seed_gives_the_same_draw_and_the_next_another(dtype: torch.dtype) -> None:
    layer, x = Dropout(0.5), torch.ones(3, 5, 7, dtype=dtype)
    torch.manual_seed(1)
    first, second = layer(x), layer(x)
    torch.manual_seed(1)
    assert torch.equal(first, layer(x))
    assert not torch.equal(first, second)
    assert first.dtype == dtype
    assert layer.eval()(x) is x


@pytest.mark.parametrize("masked", [True, False])
def test_attention_with_dropout_is_torchs_but_for_the_draw(masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def nothing(weights: Tensor, rate: float) -> Tensor:
        seen.append(weights)
        return weights

    monkeypatch.setattr(attention, "dropout", nothing)
    query, key, value = torch.randn(3, 4, 2, 6, 8)
    mask = torch.rand(4, 1, 1, 6) < 0.6 if masked else None
    if mask is not None:
        mask[..., 2] = True
    mixed = attention._attend_with_dropout(query, key, value, attn_mask=mask, dropout_p=0.5)
    torch.testing.assert_close(mixed, F.scaled_dot_product_attention(query, key, value, attn_mask=mask))
    assert seen[0].shape == (8, 6, 6)
