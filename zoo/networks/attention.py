"""Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762) on torch's fused kernels."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.checks import check_fraction, check_positive
from zoo.networks.dropout import dropout
from zoo.networks.embeddings import RotaryPositions


class MultiHeadSelfAttention(nn.Module):
    """Every position looks at every real position: ``softmax(Q K^T / sqrt(d_head)) V`` for each head.

    Args:
        d_model: width of a position, a multiple of `n_heads`.
        n_heads: number of heads.
        dropout: fraction (0-1) of attention weights dropped during training.
        rotary: rotate queries and keys by their position (arXiv:2104.09864); asks for an even width of a head.

    Shape:
        x: (batch, length, d_model), mask: bool (batch, length) or None, True = real position
        -> (batch, length, d_model)

    Raises:
        ValueError: `d_model` is not a multiple of `n_heads`, or an argument is out of range.

    Example:
        >>> import torch
        >>> attention = MultiHeadSelfAttention(16, 4)
        >>> attention(torch.rand(2, 5, 16), torch.ones(2, 5, dtype=torch.bool)).shape
        torch.Size([2, 5, 16])
    """

    def __init__(self, d_model: int, n_heads: int, *, dropout: float = 0.0, rotary: bool = False) -> None:
        super().__init__()
        check_positive("d_model", d_model)
        check_positive("n_heads", n_heads)
        check_fraction("dropout", dropout)
        if d_model % n_heads:
            raise ValueError(f"d_model must be a multiple of n_heads, got d_model={d_model} and n_heads={n_heads}")
        self.n_heads = n_heads
        self.dropout = dropout
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.rotary = RotaryPositions(d_model // n_heads) if rotary else nn.Identity()
        self.output = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        heads = self.qkv(x).unflatten(-1, (3, self.n_heads, -1))  # (batch, length, 3, heads, d_head)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)  # (batch, heads, length, d_head) each
        rate = self.dropout if self.training else 0.0
        attend = _attend_with_dropout if rate and x.device.type == "cpu" else F.scaled_dot_product_attention
        mixed = attend(
            self.rotary(query),
            self.rotary(key),
            value,
            attn_mask=None if mask is None else _key_mask(mask),
            dropout_p=rate,
        )
        output: Tensor = self.output(mixed.transpose(1, 2).flatten(2))  # (batch, length, heads * d_head)
        return output


def _key_mask(mask: Tensor) -> Tensor:
    """Mask of keys for all heads and queries; a row without a real position sees all, as softmax over none is NaN."""
    visible = mask | ~mask.any(dim=1, keepdim=True)  # (batch, length)
    return visible[:, None, None, :]  # (batch, 1, 1, length)


def _attend_with_dropout(
    query: Tensor, key: Tensor, value: Tensor, *, attn_mask: Tensor | None, dropout_p: float
) -> Tensor:
    """`scaled_dot_product_attention` for a CPU, where torch has no fused kernel with dropout.

    Shape:
        query, key, value: (batch, heads, length, d_head), attn_mask: bool (batch, 1, 1, length) or None
        -> (batch, heads, length, d_head)
    """
    batch, heads, length, d_head = query.shape
    bias = query.new_zeros(1, 1, 1)  # (1, 1, 1), or (batch * heads, 1, length): 0 where seen, else -inf
    if attn_mask is not None:
        hidden = query.new_zeros(attn_mask.shape).masked_fill_(~attn_mask, float("-inf"))
        bias = hidden.expand(-1, heads, -1, -1).reshape(batch * heads, 1, length)
    scores = torch.baddbmm(  # mask and scale on the way: no copy of (batch * heads, length, length) for either
        bias, query.flatten(0, 1), key.flatten(0, 1).transpose(1, 2), alpha=1.0 / math.sqrt(d_head)
    )
    weights = dropout(scores.softmax(dim=-1), dropout_p)
    return weights.bmm(value.flatten(0, 1)).view(batch, heads, length, d_head)
