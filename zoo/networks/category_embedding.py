"""Embeddings of a table's category columns: of one width (`CategoryEmbedding`), or each of its own
(`SizedCategoryEmbedding`)."""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from zoo.networks.checks import check_all_positive, check_positive


class CategoryEmbedding(nn.Module):
    """Embed several category columns of one width: one table with offsets, one gather.

    Rows are drawn from U(-1/sqrt(d), 1/sqrt(d)), as Gorishniy et al. 2021 (arXiv:2106.11959) do.

    Args:
        cardinalities: number of categories of each column.
        d_embedding: width of a vector.

    Shape:
        int64 (batch, n_categories), ids of column j in [0, cardinalities[j]) -> (batch, n_categories, d_embedding)

    Raises:
        ValueError: no column, a cardinality below 1; on a CPU, in `forward`, an id outside its column's range.

    Example:
        >>> import torch
        >>> CategoryEmbedding([3, 5], 8)(torch.tensor([[2, 4], [0, 1]])).shape
        torch.Size([2, 2, 8])
    """

    offsets: Tensor
    cardinalities: Tensor

    def __init__(self, cardinalities: Sequence[int], d_embedding: int) -> None:
        super().__init__()
        if not cardinalities:
            raise ValueError("cardinalities must name at least one column, got none")
        check_all_positive("cardinalities", cardinalities)
        check_positive("d_embedding", d_embedding)
        sizes = torch.tensor(list(cardinalities))
        self.table = nn.Embedding(int(sizes.sum()), d_embedding)
        self.register_buffer("cardinalities", sizes, persistent=False)
        self.register_buffer("offsets", sizes.cumsum(0) - sizes, persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1.0 / math.sqrt(self.table.embedding_dim)
        nn.init.uniform_(self.table.weight, -bound, bound)

    def forward(self, categorical: Tensor) -> Tensor:
        check_ids(categorical, self.cardinalities)
        vectors: Tensor = self.table(categorical + self.offsets)  # (batch, n_categories, d_embedding)
        return vectors


class SizedCategoryEmbedding(nn.Module):
    """Embed category columns, each at a width that grows with its cardinality; concatenated.

    The width is ``min(600, round(1.6 * cardinality^0.56))``, the rule of fastai (``emb_sz_rule``; Howard & Gugger 2020,
    doi:10.3390/info11020108). Columns of the same width share one table and one gather, and stand side by side in the
    output.

    Args:
        cardinalities: number of categories of each column.

    Shape:
        int64 (batch, n_categories) -> (batch, d_out), where `d_out` is the sum of the widths

    Example:
        >>> import torch
        >>> embedding = SizedCategoryEmbedding([2, 10, 2])
        >>> embedding(torch.tensor([[1, 9, 0]])).shape, embedding.d_out
        (torch.Size([1, 10]), 10)
    """

    cardinalities: Tensor
    order: Tensor
    offsets: Tensor

    def __init__(self, cardinalities: Sequence[int]) -> None:
        super().__init__()
        check_all_positive("cardinalities", cardinalities)
        widths = [category_width(cardinality) for cardinality in cardinalities]
        self.d_out = sum(widths)
        self.groups = [[j for j, w in enumerate(widths) if w == width] for width in sorted(set(widths))]
        tables = [
            CategoryEmbedding([cardinalities[column] for column in group], widths[group[0]]) for group in self.groups
        ]
        self.tables = nn.ModuleList(tables)
        self.register_buffer("cardinalities", torch.tensor(list(cardinalities)), persistent=False)
        self.register_buffer("order", torch.tensor([j for group in self.groups for j in group]), persistent=False)
        self.register_buffer("offsets", torch.cat([table.offsets for table in tables]), persistent=False)

    def forward(self, categorical: Tensor) -> Tensor:
        # Checked, put in order and moved by the offsets once for all tables: a small step is mostly calls.
        check_ids(categorical, self.cardinalities)
        rows = torch.split(categorical[:, self.order] + self.offsets, [len(group) for group in self.groups], dim=1)
        tables = [cast(CategoryEmbedding, table).table for table in self.tables]
        vectors = [table(ids).flatten(1) for table, ids in zip(tables, rows, strict=True)]
        return torch.cat(vectors, dim=1)  # (batch, columns, width) each -> (batch, d_out)


def check_ids(categorical: Tensor, cardinalities: Tensor) -> None:
    """Raise ``ValueError`` for an id outside its column's range, where looking is cheap.

    Shape:
        int64 (batch, n_categories), int64 (n_categories,)
    """
    # In a shared table an id that is too high silently reads the next column's row. Not looked at on a GPU, where it
    # would wait for the device; a compiler or exporter cannot follow the branch.
    if categorical.device.type != "cpu" or torch.compiler.is_compiling():
        return
    wrong = (categorical < 0) | (categorical >= cardinalities)
    if wrong.any():
        row, column = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"ids of category column {column} must be in [0, {cardinalities[column]}), got {categorical[row, column]}"
        )


def category_width(cardinality: int) -> int:
    """Width of the embedding of a column with `cardinality` categories, by fastai's rule."""
    return int(min(600, round(1.6 * cardinality**0.56)))
