"""Wide and deep text (Cheng et al. 2016, arXiv:1606.07792): a linear model of n-grams beside any text network.

The linear part knows whole words and pairs of words at once, as TF-IDF with a linear model does, and needs few rows;
the network adds what depends on order and on parts of words.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.checks import check_fraction, check_positive

SCALE = 20.0  # Adam moves each weight by the learning rate: a network's rate is this much too small for a count


class NgramLinear(nn.Module):
    """Sum of a weight for each n-gram and output, over the square root of their number; weights begin at zero.

    Args:
        n_ngrams: number of ids; 0 stands for none.
        d_out: number of outputs (classes or targets).
        dropout: fraction (0-1) of n-grams left out during training.

    Shape:
        int64 (batch, most), 0 = none -> (batch, d_out)

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> import torch
        >>> NgramLinear(100, 3)(torch.tensor([[5, 7, 0], [0, 0, 0]])).shape
        torch.Size([2, 3])
    """

    def __init__(self, n_ngrams: int, d_out: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        check_positive("n_ngrams", n_ngrams)
        check_positive("d_out", d_out)
        check_fraction("dropout", dropout)
        self.dropout = dropout
        self.weight = nn.Parameter(torch.zeros(n_ngrams, d_out))

    def forward(self, ngrams: Tensor) -> Tensor:
        kept = ngrams > 0
        if self.training and self.dropout:
            kept = kept & (torch.rand(kept.shape, device=kept.device) >= self.dropout)
        total = F.embedding_bag(ngrams, self.weight, mode="sum", per_sample_weights=kept.to(self.weight.dtype))
        return total * (SCALE / kept.sum(dim=1, keepdim=True).clamp(min=1).sqrt())  # (batch, d_out)


class WideText(nn.Module):
    """A text network whose outputs are added to those of `NgramLinear`.

    Args:
        deep: takes tokens and mask.
        n_ngrams: number of ids of n-grams; 0 stands for none.
        d_out: number of outputs (classes or targets).
        dropout: fraction (0-1) of n-grams left out during training.

    Shape:
        tokens: int64 (batch, length), mask: bool (batch, length), ngrams: int64 (batch, most), 0 = none
        -> (batch, d_out)

    Example:
        >>> import torch
        >>> from zoo.networks import TextMLP
        >>> tokens = torch.randint(1, 100, (4, 12))
        >>> WideText(TextMLP(100, 3), 500, 3)(tokens, tokens != 0, torch.randint(0, 500, (4, 20))).shape
        torch.Size([4, 3])
    """

    def __init__(self, deep: nn.Module, n_ngrams: int, d_out: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.deep = deep
        self.wide = NgramLinear(n_ngrams, d_out, dropout=dropout)

    def forward(self, tokens: Tensor, mask: Tensor, ngrams: Tensor) -> Tensor:
        logits: Tensor = self.deep(tokens, mask) + self.wide(ngrams)
        return logits

    def layer_groups(self) -> list[list[str]]:
        """Names of the parameters of each layer of the text network; the weights of n-grams belong to its head."""
        layers: Any = self.deep.layer_groups
        groups = [[f"deep.{name}" for name in names] for names in layers()]
        groups[-1].append("wide.weight")
        return groups

    def no_weight_decay(self) -> set[str]:
        """Names of parameters that weight decay should spare besides biases and norms (timm's convention)."""
        named: set[str] = getattr(self.deep, "no_weight_decay", set)()
        return {f"deep.{name}" for name in named}


def widened(deep: nn.Module, n_ngrams: int, d_out: int, *, dropout: float) -> nn.Module:
    """`deep` with a linear model of n-grams beside it where the data gives n-grams, else `deep` itself."""
    return WideText(deep, n_ngrams, d_out, dropout=dropout) if n_ngrams else deep
