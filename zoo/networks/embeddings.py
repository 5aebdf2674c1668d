"""Embeddings of sequences: what turns tokens and positions into vectors.

Tokens (`build_token_embedding`), positions (`SinusoidalPositions`, `LearnedPositions`, `RotaryPositions`) and the [CLS]
token (`ClassToken`).
"""

import torch
from torch import Tensor, nn

from zoo.networks.checks import check_positive


def build_token_embedding(vocab_size: int, d_embedding: int, *, pad_id: int, std: float) -> nn.Embedding:
    """Build a token table with normal rows of standard deviation `std`; the row of `pad_id` is zero and stays zero.

    Example:
        >>> import torch
        >>> build_token_embedding(100, 16, pad_id=0, std=0.25)(torch.zeros(2, 5, dtype=torch.long)).shape
        torch.Size([2, 5, 16])
    """
    check_positive("vocab_size", vocab_size)
    check_positive("d_embedding", d_embedding)
    if not 0 <= pad_id < vocab_size:
        raise ValueError(f"pad_id must be in [0, vocab_size) = [0, {vocab_size}), got {pad_id}")
    embedding = nn.Embedding(vocab_size, d_embedding, padding_idx=pad_id)
    with torch.no_grad():
        embedding.weight.mul_(std)  # torch draws N(0, 1)
    return embedding


def sinusoidal_table(length: int, d_model: int) -> Tensor:
    """Position encoding of Vaswani et al. 2017, section 3.5 (arXiv:1706.03762), float32 (length, d_model).

    ``PE[p, 2i] = sin(p / 10000^(2i / d_model))`` and ``PE[p, 2i + 1] = cos(p / 10000^(2i / d_model))``.
    """
    angles = _position_angles(length, d_model)  # (length, d_model / 2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).float()  # (length, d_model)


def _position_angles(length: int, d_model: int) -> Tensor:
    """``p / 10000^(2i / d_model)`` for each position and pair, in float64, (length, d_model / 2)."""
    frequency = 10000.0 ** (-torch.arange(0, d_model, 2, dtype=torch.float64) / d_model)  # (d_model / 2,)
    return torch.outer(torch.arange(length, dtype=torch.float64), frequency)


class SinusoidalPositions(nn.Module):
    """Add the fixed sine and cosine encoding of Vaswani et al. 2017 (arXiv:1706.03762).

    Args:
        d_model: width of a position, even.
        max_length: positions kept ready; a longer sequence works too and computes its table.

    Shape:
        (batch, length, d_model) -> (batch, length, d_model)

    Raises:
        ValueError: `d_model` is odd.

    Example:
        >>> import torch
        >>> SinusoidalPositions(16)(torch.zeros(2, 5, 16)).shape
        torch.Size([2, 5, 16])
    """

    table: Tensor

    def __init__(self, d_model: int, *, max_length: int = 512) -> None:
        super().__init__()
        check_positive("max_length", max_length)
        if d_model < 2 or d_model % 2:
            raise ValueError(f"d_model must be even for sinusoidal positions, got {d_model}")
        self.register_buffer("table", sinusoidal_table(max_length, d_model), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        length, d_model = x.shape[1:]
        table = self.table[:length] if length <= len(self.table) else sinusoidal_table(length, d_model).to(x.device)
        return x + table.to(x.dtype)


class LearnedPositions(nn.Module):
    """Add one learned vector a position (Devlin et al. 2019, arXiv:1810.04805).

    Drawn with standard deviation 0.02, as BERT and ViT do: small against the content, so that order matters only as
    far as training finds it useful.

    Args:
        max_length: longest sequence, in positions.
        d_model: width of a position.

    Shape:
        (batch, length, d_model) -> (batch, length, d_model), length <= max_length

    Raises:
        ValueError: in `forward`, the sequence is longer than `max_length`.

    Example:
        >>> import torch
        >>> LearnedPositions(8, 16)(torch.zeros(2, 5, 16)).shape
        torch.Size([2, 5, 16])
    """

    def __init__(self, max_length: int, d_model: int) -> None:
        super().__init__()
        check_positive("max_length", max_length)
        check_positive("d_model", d_model)
        self.weight = nn.Parameter(torch.empty(max_length, d_model))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        length = x.size(1)
        if length > len(self.weight):
            raise ValueError(f"sequence must have at most max_length = {len(self.weight)} positions, got {length}")
        return x + self.weight[:length]


class RotaryPositions(nn.Module):
    """Rotate queries and keys by their position (RoFormer, Su et al. 2021, arXiv:2104.09864).

    The product of a query and a key then depends on their distance only.

    NOTE[DIFF]: feature ``i`` is paired with ``i + d_head / 2`` rather than with its neighbour. This is the paper's
    rotation up to an order of features that the projection learns anyway, and needs no strided access.

    Args:
        d_head: width of one attention head, even.
        max_length: positions kept ready; a longer sequence works too and computes its table.

    Shape:
        (batch, heads, length, d_head) -> (batch, heads, length, d_head)

    Raises:
        ValueError: `d_head` is odd.

    Example:
        >>> import torch
        >>> RotaryPositions(16)(torch.zeros(2, 4, 5, 16)).shape
        torch.Size([2, 4, 5, 16])
    """

    angles: Tensor

    def __init__(self, d_head: int, *, max_length: int = 512) -> None:
        super().__init__()
        check_positive("max_length", max_length)
        if d_head < 2 or d_head % 2:
            raise ValueError(f"width of a head must be even for rotary positions, got {d_head}")
        angles = _position_angles(max_length, d_head).float()  # (max_length, d_head / 2)
        self.register_buffer("angles", angles, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        length, d_head = x.shape[-2:]
        if length <= len(self.angles):
            angles = self.angles[:length]
        else:
            angles = _position_angles(length, d_head).to(x.device, torch.float32)
        cosine, sine = angles.cos(), angles.sin()  # (length, d_head / 2)
        first, second = x.chunk(2, dim=-1)  # (batch, heads, length, d_head / 2) each
        rotated = torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
        return rotated.to(x.dtype)  # (batch, heads, length, d_head)


class ClassToken(nn.Module):
    """Put a learned [CLS] vector in front of a sequence (Devlin et al. 2019, arXiv:1810.04805).

    Args:
        d_model: width of a position.

    Shape:
        x: (batch, length, d_model), mask: bool (batch, length) or None
        -> (batch, 1 + length, d_model), bool (batch, 1 + length) or None

    Example:
        >>> import torch
        >>> x, mask = ClassToken(16)(torch.zeros(2, 5, 16), torch.ones(2, 5, dtype=torch.bool))
        >>> x.shape, mask.shape
        (torch.Size([2, 6, 16]), torch.Size([2, 6]))
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        check_positive("d_model", d_model)
        self.weight = nn.Parameter(torch.empty(d_model))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        # x.size(0), not len(x): the exporter would take the length for a constant.
        x = torch.cat([self.weight.to(x.dtype).expand(x.size(0), 1, -1), x], dim=1)  # (batch, 1 + length, d_model)
        if mask is not None:
            mask = torch.cat([mask.new_ones(x.size(0), 1), mask], dim=1)  # (batch, 1 + length)
        return x, mask
