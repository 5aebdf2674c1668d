"""Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762) on torch's fused kernels."""

import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.checks import check_fraction, check_positive
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
        mixed = F.scaled_dot_product_attention(
            self.rotary(query),
            self.rotary(key),
            value,
            attn_mask=None if mask is None else _key_mask(mask),
            dropout_p=self.dropout if self.training else 0.0,
        )
        output: Tensor = self.output(mixed.transpose(1, 2).flatten(2))  # (batch, length, heads * d_head)
        return output


def _key_mask(mask: Tensor) -> Tensor:
    """Mask of keys for all heads and queries; a row without a real position sees all, as softmax over none is NaN."""
    visible = mask | ~mask.any(dim=1, keepdim=True)  # (batch, length)
    return visible[:, None, None, :]  # (batch, 1, 1, length)
