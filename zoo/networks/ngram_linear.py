"""A linear model of n-grams: it knows whole words, phrases and stems at once, as TF-IDF with a linear model does."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.checks import check_fraction, check_positive

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
