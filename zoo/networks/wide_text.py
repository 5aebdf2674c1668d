"""Wide and deep text (after Cheng et al. 2016, arXiv:1606.07792): a linear model of n-grams beside any text network.

The linear part knows whole words, phrases and stems at once, as TF-IDF with a linear model does, and needs few
rows; the network adds what depends on order.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.checks import check_choice, check_fraction, check_positive
from zoo.networks.members import AVERAGES, averaged

SCALE = 10.0  # Adam moves each weight by the learning rate: a network's rate is this much too small for a count
DROPOUT = 0.5  # chosen with SCALE on validation rows of five sets: without it the rare words are learnt by heart


class NgramLinear(nn.Module):
    """Sum of a weight for each n-gram and output, over the square root of their number, kind by kind of n-gram.

    Weights begin at zero.

    Args:
        sizes: number of ids of each kind: of words and phrases (the first, 0, stands for none), of runs of characters.
        d_out: number of outputs (classes or targets).
        dropout: fraction (0-1) of n-grams left out during training.

    Shape:
        int64 (batch, most), 0 = none -> (batch, d_out)

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> import torch
        >>> NgramLinear([100, 50], 3)(torch.tensor([[5, 7, 120], [0, 0, 0]])).shape
        torch.Size([2, 3])
    """

    def __init__(self, sizes: Sequence[int], d_out: int, *, dropout: float = DROPOUT) -> None:
        super().__init__()
        check_positive("sizes[0]", sizes[0])
        check_positive("d_out", d_out)
        check_fraction("dropout", dropout)
        self.n_words = sizes[0]
        self.dropout = dropout
        self.weight = nn.Parameter(torch.zeros(sum(sizes), d_out))

    def forward(self, ngrams: Tensor) -> Tensor:
        kept = ngrams > 0
        if self.training and self.dropout:
            kept = kept & (torch.rand(kept.shape, device=kept.device) >= self.dropout)
        of_words = ngrams < self.n_words
        n_words = (kept & of_words).sum(dim=1, keepdim=True)
        n_runs = (kept & ~of_words).sum(dim=1, keepdim=True)
        counts = torch.where(of_words, n_words, n_runs).clamp(min=1)  # (batch, most)
        shares = SCALE * kept * counts.to(self.weight.dtype).rsqrt()
        return F.embedding_bag(ngrams, self.weight, mode="sum", per_sample_weights=shares)  # (batch, d_out)


class WideText(nn.Module):
    """A text network and `NgramLinear` as the two members of an ensemble.

    In training each answers for itself, so that each has a loss of its own; in evaluation their answers are averaged.

    NOTE[DIFF] Cheng et al. add both before one loss. On small data the sum is learned by heart by the network alone and
    the linear part stops to learn: accuracy on validation rows of mr_rt_polarity .746 against .782, of trec6 .853
    against .873.

    Args:
        deep: takes tokens and mask.
        sizes: number of ids of each kind of n-gram, as in `NgramLinear`.
        d_out: number of outputs (classes or targets).
        average: of both: ``softmax``, ``sigmoid`` or ``mean`` (`zoo.networks.members.averaged`).

    Shape:
        tokens: int64 (batch, length), mask: bool (batch, length), ngrams: int64 (batch, most), 0 = none
        -> in training (batch, 2, d_out), else (batch, d_out)

    Raises:
        ValueError: an argument is out of range or a name unknown.

    Example:
        >>> import torch
        >>> from zoo.networks import TextMLP
        >>> tokens = torch.randint(1, 100, (4, 12))
        >>> network = WideText(TextMLP(100, 3), [300, 200], 3)
        >>> network(tokens, tokens != 0, torch.randint(0, 500, (4, 20))).shape
        torch.Size([4, 2, 3])
    """

    def __init__(self, deep: nn.Module, sizes: Sequence[int], d_out: int, *, average: str = "softmax") -> None:
        super().__init__()
        check_choice("average", average, AVERAGES)
        self.average = average
        self.deep = deep
        self.wide = NgramLinear(sizes, d_out)

    def forward(self, tokens: Tensor, mask: Tensor, ngrams: Tensor) -> Tensor:
        members = torch.stack([self.deep(tokens, mask), self.wide(ngrams)], dim=1)  # (batch, 2, d_out)
        return members if self.training else averaged(members, self.average)

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


def widened(deep: nn.Module, inputs: Mapping[str, Any], d_out: int, *, average: str) -> nn.Module:
    """`deep` with a linear model of n-grams beside it where the data gives n-grams, else `deep` itself."""
    return WideText(deep, inputs["n_ngrams"], d_out, average=average) if "n_ngrams" in inputs else deep
