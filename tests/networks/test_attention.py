import math

import pytest
import torch
from torch import Tensor

from zoo.networks import MultiHeadSelfAttention


def by_hand(attention: MultiHeadSelfAttention, x: Tensor, mask: Tensor) -> Tensor:
    """``softmax(Q K^T / sqrt(d)) V`` row by row and head by head, over the real keys only."""
    d_model = x.size(-1)
    d_head = d_model // attention.n_heads
    rows = []
    for row, real in zip(x, mask, strict=True):
        query, key, value = attention.qkv(row).split(d_model, dim=-1)  # (length, d_model) each
        heads = []
        for head in range(attention.n_heads):
            part = slice(head * d_head, (head + 1) * d_head)
            scores = query[:, part] @ key[real][:, part].T / math.sqrt(d_head)  # (length, real)
            heads.append(scores.softmax(dim=-1) @ value[real][:, part])
        rows.append(attention.output(torch.cat(heads, dim=-1)))
    return torch.stack(rows)


def test_attention_equals_the_formula_under_a_mask() -> None:
    attention, x, mask = MultiHeadSelfAttention(8, 2), torch.randn(4, 6, 8), torch.rand(4, 6) < 0.6
    mask[:, 2] = True
    torch.testing.assert_close(attention(x, mask), by_hand(attention, x, mask))


def test_no_mask_is_a_mask_of_real_positions() -> None:
    attention, x = MultiHeadSelfAttention(8, 2, rotary=True), torch.randn(4, 6, 8)
    torch.testing.assert_close(attention(x), attention(x, torch.ones(4, 6, dtype=torch.bool)))


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_wholly_masked_row_is_finite(dropout: float) -> None:
    attention, x = MultiHeadSelfAttention(8, 2, dropout=dropout), torch.randn(2, 6, 8, requires_grad=True)
    mask = torch.tensor([[True] * 6, [False] * 6])
    output = attention(x, mask)
    output.sum().backward()
    assert output.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_only_rotary_attention_sees_order() -> None:
    x = torch.randn(1, 6, 8)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    plain, rotary = MultiHeadSelfAttention(8, 2), MultiHeadSelfAttention(8, 2, rotary=True)
    torch.testing.assert_close(plain(x[:, order]), plain(x)[:, order])
    assert not torch.allclose(rotary(x[:, order]), rotary(x)[:, order], atol=1e-4)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="d_model must be a multiple of n_heads, got d_model=8 and n_heads=3"):
        MultiHeadSelfAttention(8, 3)
