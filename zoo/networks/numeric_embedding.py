"""Vectors for numbers: piecewise-linear in bins, or periodic; shared by the networks for tables.

Source: Gorishniy et al. 2022, arXiv:2203.05556; the modules are the authors' own (`rtdl_num_embeddings`), imported where
one is built: they bring scikit-learn.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import torch
from torch import Tensor, nn

from zoo.networks.checks import check_choice, check_positive

NUMERIC_EMBEDDINGS = ("none", "piecewise_linear", "periodic")
D_NUMBER = 16  # width of a number's vector
BIN_ROWS = 50_000  # rows from which bins are computed; more do not move them
BIN_CELLS = 2_000_000  # of many columns fewer rows: a second or two of trees
LEAF_ROWS = 32  # least train rows of a bin that a tree cuts off


class PiecewiseLinear(nn.Module):
    """Each number as a vector that is linear in it within every bin.

    Which bins is no matter of the shape: until `fit` was called they are quantiles of the standard normal. So the
    module is built without data, and its bins come with the weights; `placed` tells whether they were.

    Args:
        n_features: number of numeric columns.
        d_embedding: width of a number's vector.
        n_bins: most bins of a column.

    Shape:
        (batch, n_features) -> (batch, n_features, d_embedding)

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> import torch
        >>> PiecewiseLinear(3, 8)(torch.randn(5, 3)).shape
        torch.Size([5, 3, 8])
    """

    placed: Tensor

    def __init__(self, n_features: int, d_embedding: int = D_NUMBER, *, n_bins: int = 48) -> None:
        from rtdl_num_embeddings import PiecewiseLinearEmbeddings  # type: ignore[import-untyped]

        super().__init__()
        check_positive("n_features", n_features)
        check_positive("d_embedding", d_embedding)
        if n_bins < 2:
            raise ValueError(f"n_bins must be at least 2, got {n_bins}")
        self.n_bins = n_bins
        edges = torch.special.ndtri(torch.linspace(0.001, 0.999, n_bins + 1))
        self.embedding = PiecewiseLinearEmbeddings([edges] * n_features, d_embedding, activation=False, version="B")
        # A column of one bin only must be foreseen: which buffers there are must not depend on the data.
        self.embedding.impl.register_buffer("single_bin_mask", torch.zeros(n_features, dtype=torch.bool))
        self.register_buffer("placed", torch.zeros((), dtype=torch.bool))

    def forward(self, numeric: Tensor) -> Tensor:
        return cast(Tensor, self.embedding(numeric))

    def fit(self, numeric: Tensor, target: Tensor | None = None, *, regression: bool = False) -> None:
        """Place the bins by train rows: where a decision tree on the target cuts, or by quantiles without a target.

        Args:
            numeric: train rows, (rows, n_features).
            target: class ids int64 (rows,), or numbers (rows,).
            regression: whether the targets are numbers.
        """
        impl = self.embedding.impl
        impl.weight.zero_()
        impl.bias.zero_()
        for column, edges in enumerate(_bins(numeric, target, regression, self.n_bins)):
            slope = 1 / edges.diff()
            start = -edges[:-1] * slope
            # The package's layout: the last bin stands at the end, unused places before it stay zero.
            last = len(slope) - 1
            impl.weight[column, :last], impl.weight[column, -1] = slope[:-1], slope[-1]
            impl.bias[column, :last], impl.bias[column, -1] = start[:-1], start[-1]
            cast(Tensor, impl.single_bin_mask)[column] = last == 0
        self.placed.fill_(True)


class Periodic(nn.Module):
    """Each number as sines and cosines of learned frequencies, then a linear layer of its own and ReLU.

    Args:
        n_features: number of numeric columns.
        d_embedding: width of a number's vector.
        n_frequencies: frequencies of a column.
        scale: standard deviation of the frequencies at the start.

    Shape:
        (batch, n_features) -> (batch, n_features, d_embedding)

    Example:
        >>> import torch
        >>> Periodic(3, 8)(torch.randn(5, 3)).shape
        torch.Size([5, 3, 8])
    """

    def __init__(
        self, n_features: int, d_embedding: int = D_NUMBER, *, n_frequencies: int = 32, scale: float = 0.05
    ) -> None:
        from rtdl_num_embeddings import PeriodicEmbeddings

        super().__init__()
        self.embedding = PeriodicEmbeddings(
            n_features, d_embedding, n_frequencies=n_frequencies, frequency_init_scale=scale, lite=False
        )

    def forward(self, numeric: Tensor) -> Tensor:
        return cast(Tensor, self.embedding(numeric))


def build_numeric_embedding(name: str, n_features: int, d_embedding: int = D_NUMBER) -> nn.Module | None:
    """The embedding called `name`; None for `none`, and for a table without numbers.

    Raises:
        ValueError: the name is unknown.
    """
    check_choice("numeric_embedding", name, NUMERIC_EMBEDDINGS)
    if name == "none" or n_features == 0:
        return None
    return (PiecewiseLinear if name == "piecewise_linear" else Periodic)(n_features, d_embedding)


def _bins(numeric: Tensor, target: Tensor | None, regression: bool, n_bins: int) -> list[Tensor]:
    """Edges of the bins of each column, 2 to n_bins + 1, rising; for a column of one value any two."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randperm(len(numeric), generator=generator)[: min(BIN_ROWS, BIN_CELLS // numeric.size(1))]
    numeric = numeric[rows]
    varies = (numeric != numeric[0]).any(dim=0)
    edges = [torch.tensor([float(value) - 0.5, float(value) + 0.5]) for value in numeric[0]]
    n_bins = min(n_bins, len(numeric) - 1)
    if n_bins < 2 or not varies.any():
        return edges
    chosen = numeric[:, varies]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*just two bin edges.*")
        found = _quantiles(chosen, n_bins) if target is None else _cuts(chosen, target[rows], regression, n_bins)
    for column, its_edges in zip(varies.nonzero()[:, 0].tolist(), found, strict=True):
        edges[column] = its_edges
    return edges


def _quantiles(numeric: Tensor, n_bins: int) -> list[Tensor]:
    from rtdl_num_embeddings import compute_bins

    edges: list[Tensor] = compute_bins(numeric, n_bins)
    return edges


def _cuts(numeric: Tensor, target: Tensor, regression: bool, n_bins: int) -> list[Tensor]:
    """Where a tree of each column's own cuts it; scikit-learn grows trees outside Python's lock."""
    from rtdl_num_embeddings import compute_bins

    kwargs = {"min_samples_leaf": LEAF_ROWS, "min_impurity_decrease": 1e-6, "random_state": 0}

    def cut(column: Tensor) -> Tensor:
        edges: list[Tensor] = compute_bins(
            column.unsqueeze(1), n_bins, tree_kwargs=kwargs, y=target, regression=regression
        )
        return edges[0]

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return list(pool.map(cut, numeric.unbind(dim=1)))
