"""TabM: one network that is an ensemble of MLPs for tables (Gorishniy et al. 2025, arXiv:2410.24210).

numbers -> vectors, categories -> one-hot or vectors -> k views -> layers that share weights and differ by scales ->
k heads. The layers are the authors' own (`tabm`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from tabm import (  # type: ignore[import-untyped]
    BatchNorm1dEnsemble,
    EnsembleView,
    LayerNormEnsemble,
    LinearBatchEnsemble,
    LinearEnsemble,
)
from torch import Tensor, nn

from zoo.networks.activations import build_activation
from zoo.networks.category_embedding import SizedCategoryEmbedding, category_width
from zoo.networks.checks import check_all_positive, check_choice, check_fraction, check_positive
from zoo.networks.dropout import Dropout
from zoo.networks.initialisation import initialise
from zoo.networks.layers import layers_by_prefix
from zoo.networks.members import AVERAGES, averaged
from zoo.networks.mlp import NORMS, check_columns
from zoo.networks.numeric_embedding import D_NUMBER, build_numeric_embedding

ONE_HOT_UP_TO = 64  # categories of a column; above, it gets a vector


class TabM(nn.Module):
    """An ensemble of `k` MLPs over table columns that share their weight matrices.

    In training each member answers for itself, so that each has a loss of its own; in evaluation the members are
    averaged, as `average` says.

    Args:
        n_numeric: number of numeric columns, may be 0.
        cardinalities: number of categories of each category column, may be empty.
        d_out: number of outputs (classes or targets).
        k: number of members.
        hidden: width of each hidden layer.
        activation, dropout, norm, init: as in `MLP`; each member has its own norm.
        numeric_embedding: ``none``, ``piecewise_linear`` or ``periodic``.
        d_embedding: width of a number's vector.
        average: of the members: ``softmax``, ``sigmoid`` or ``mean`` (`zoo.networks.members.averaged`).

    Shape:
        numeric: (batch, n_numeric), categorical: int (batch, n_categories)
        -> (batch, k, d_out) in training, (batch, d_out) in evaluation

    Raises:
        ValueError: there is no column at all, or an argument is out of range.

    Example:
        >>> import torch
        >>> network = TabM(4, [3, 7], 2, k=8)
        >>> network(torch.rand(5, 4), torch.zeros(5, 2, dtype=torch.long)).shape
        torch.Size([5, 8, 2])
        >>> network.eval()(torch.rand(5, 4), torch.zeros(5, 2, dtype=torch.long)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self,
        n_numeric: int,
        cardinalities: Sequence[int],
        d_out: int,
        *,
        k: int = 16,
        hidden: Sequence[int] = (256, 256),
        activation: str = "relu",
        dropout: float = 0.1,
        norm: str = "none",
        init: str = "default",
        numeric_embedding: str = "piecewise_linear",
        d_embedding: int = D_NUMBER,
        average: str = "softmax",
    ) -> None:
        super().__init__()
        check_columns(n_numeric, cardinalities)
        check_positive("d_out", d_out)
        check_positive("k", k)
        check_all_positive("hidden", hidden)
        check_fraction("dropout", dropout)
        check_choice("norm", norm, NORMS)
        check_choice("average", average, AVERAGES)
        self.average = average
        self.numeric = build_numeric_embedding(numeric_embedding, n_numeric, d_embedding)
        self.categories = Categories(cardinalities) if cardinalities else None
        widths = [1 if self.numeric is None else d_embedding] * n_numeric
        widths += self.categories.widths if self.categories is not None else []
        self.view = EnsembleView(k=k)
        layers: list[nn.Module] = []
        sizes = [sum(widths), *hidden]
        for depth, (d_before, d_after) in enumerate(zip(sizes, hidden, strict=False)):
            layers.append(_linear(d_before, d_after, k, widths if depth == 0 else None, self.numeric is not None))
            _initialise(layers[-1], init, activation)
            if norm != "none":
                layers.append((BatchNorm1dEnsemble if norm == "batch" else LayerNormEnsemble)(d_after, k=k))
            layers.append(build_activation(activation))
            if dropout:
                layers.append(Dropout(dropout))
        self.layers = nn.Sequential(*layers)
        self.heads = LinearEnsemble(sizes[-1], d_out, k=k)

    def forward(self, numeric: Tensor, categorical: Tensor) -> Tensor:
        vectors = numeric if self.numeric is None else self.numeric(numeric).flatten(1)  # (batch, columns * width)
        if self.categories is not None:
            vectors = torch.cat([vectors, self.categories(categorical)], dim=1)  # (batch, d_in)
        members: Tensor = self.heads(self.layers(self.view(vectors)))  # (batch, k, d_out)
        return members if self.training else averaged(members, self.average)

    def layer_groups(self) -> list[list[str]]:
        """Names of the parameters of each layer, the first to the head."""
        linear = [name for name, layer in self.named_modules() if isinstance(layer, LinearBatchEnsemble)]
        return layers_by_prefix(self, ["numeric", *linear, "heads"])

    def no_weight_decay(self) -> set[str]:
        """Scales and biases of the members; they are matrices, (k, width), and so are not seen as biases."""
        return {name for name, _ in self.named_parameters() if name.endswith((".r", ".s", "bias"))}


class Categories(nn.Module):
    """Category columns: one-hot where they have few categories, else vectors.

    Args:
        cardinalities: number of categories of each column.

    Shape:
        int (batch, n_categories) -> (batch, sum of `widths`)

    Example:
        >>> import torch
        >>> Categories([2, 3])(torch.tensor([[1, 2]]))
        tensor([[0., 1., 0., 0., 1.]])
    """

    column: Tensor
    category: Tensor

    def __init__(self, cardinalities: Sequence[int]) -> None:
        super().__init__()
        few = [place for place, count in enumerate(cardinalities) if count <= ONE_HOT_UP_TO]
        self.many = [place for place, count in enumerate(cardinalities) if count > ONE_HOT_UP_TO]
        pairs = [(place, category) for place in few for category in range(cardinalities[place])]
        self.register_buffer("column", torch.tensor([place for place, _ in pairs], dtype=torch.long), persistent=False)
        self.register_buffer("category", torch.tensor([name for _, name in pairs]), persistent=False)
        self.embedding = SizedCategoryEmbedding([cardinalities[place] for place in self.many]) if self.many else None
        self.widths = [cardinalities[place] for place in few]
        if self.embedding is not None:
            self.widths += [
                category_width(cardinalities[place])
                for group in self.embedding.groups
                for place in [self.many[j] for j in group]
            ]

    def forward(self, categorical: Tensor) -> Tensor:
        found = (categorical[:, self.column] == self.category).to(torch.get_default_dtype())
        if self.embedding is None:
            return found
        return torch.cat([found, self.embedding(categorical[:, self.many])], dim=1)


def _linear(d_before: int, d_after: int, k: int, chunks: list[int] | None, embedded: bool) -> Any:
    """A layer with one weight matrix and k scales; only in the first the scales differ at the start (the paper)."""
    if chunks is None:
        return LinearBatchEnsemble(d_before, d_after, k=k, scaling_init="ones")
    start = ("normal" if embedded else "random-signs", "ones")
    return LinearBatchEnsemble(d_before, d_after, k=k, scaling_init=start, first_scaling_init_chunks=chunks)


def _initialise(layer: Any, scheme: str, activation: str) -> None:
    if scheme == "default":
        return
    plain = nn.Linear(layer.in_features, layer.out_features)
    initialise(plain, scheme, activation)
    with torch.no_grad():
        layer.weight.copy_(plain.weight)
        layer.bias.zero_()
