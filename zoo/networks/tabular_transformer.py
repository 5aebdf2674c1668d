"""FT-Transformer (Gorishniy et al. 2021, arXiv:2106.11959): every column of a table becomes a token."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.category_embedding import CategoryEmbedding
from zoo.networks.checks import check_positive
from zoo.networks.embeddings import ClassToken
from zoo.networks.initialisation import initialise
from zoo.networks.layers import layers_by_prefix
from zoo.networks.mlp import check_columns
from zoo.networks.numeric_embedding import build_numeric_embedding
from zoo.networks.transformer import TransformerEncoder


class FeatureTokenizer(nn.Module):
    """One token a column: ``x_j W_j + b_j`` or its embedding for a number, ``table_j[x_j] + b_j`` for a category.

    Args:
        n_numeric: number of numeric columns, may be 0.
        cardinalities: number of categories of each category column, may be empty.
        d_model: width of a token.
        numeric_embedding: of a number: ``none``, ``piecewise_linear`` or ``periodic``.

    Shape:
        numeric: (batch, n_numeric), categorical: int64 (batch, n_categories)
        -> (batch, n_numeric + n_categories, d_model)

    Raises:
        ValueError: there is no column at all, or an argument is out of range.

    Example:
        >>> import torch
        >>> FeatureTokenizer(4, [3, 7], 16)(torch.rand(8, 4), torch.zeros(8, 2, dtype=torch.long)).shape
        torch.Size([8, 6, 16])
    """

    def __init__(
        self, n_numeric: int, cardinalities: Sequence[int], d_model: int, *, numeric_embedding: str = "none"
    ) -> None:
        super().__init__()
        check_columns(n_numeric, cardinalities)
        check_positive("d_model", d_model)
        self.numeric = build_numeric_embedding(numeric_embedding, n_numeric, d_model)
        self.weight = nn.Parameter(torch.empty(n_numeric if self.numeric is None else 0, d_model))
        self.bias = nn.Parameter(torch.empty(n_numeric + len(cardinalities), d_model))
        self.categories = CategoryEmbedding(cardinalities, d_model) if cardinalities else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1.0 / math.sqrt(self.bias.size(1))
        for parameter in (self.weight, self.bias):
            if parameter.numel():
                nn.init.uniform_(parameter, -bound, bound)

    def forward(self, numeric: Tensor, categorical: Tensor) -> Tensor:
        # (batch, n_numeric, 1) * (n_numeric, d_model) -> (batch, n_numeric, d_model)
        tokens: Tensor = numeric.unsqueeze(-1) * self.weight if self.numeric is None else self.numeric(numeric)
        if self.categories is not None:
            tokens = torch.cat([tokens, self.categories(categorical)], dim=1)  # (batch, n_columns, d_model)
        return tokens + self.bias


class TabularTransformer(nn.Module):
    """FT-Transformer: feature tokens, a [CLS] token in front, encoder, head on [CLS].

    NOTE[DIFF]: the paper's feed-forward part is ReGLU of width ``4/3 d_model``; here it has one activation by name and
    width ``2 d_model``, which is the same number of weights. The paper also leaves the first norm out; the shared
    encoder keeps it.

    Args:
        n_numeric: number of numeric columns, may be 0.
        cardinalities: number of categories of each category column, may be empty.
        d_out: number of outputs (classes or targets).
        d_model: width of a token, a multiple of `n_heads`.
        n_layers: number of blocks.
        n_heads: number of attention heads.
        d_feedforward: hidden width of the feed-forward part; None = ``2 * d_model``.
        dropout: fraction (0-1) dropped during training, in every block.
        drop_path: stochastic depth (0-1) of the last block.
        activation: name of the activation in the feed-forward part.
        init: ``default`` (torch's), ``xavier``, ``he``, ``orthogonal`` or ``trunc_normal``, for the linear layers.
        numeric_embedding: as in `FeatureTokenizer`.

    Shape:
        numeric: (batch, n_numeric), categorical: int64 (batch, n_categories) -> (batch, d_out)

    Raises:
        ValueError: there is no column at all, or an argument is out of range.

    Example:
        >>> import torch
        >>> network = TabularTransformer(4, [3, 7], 2, d_model=32)
        >>> network(torch.rand(8, 4), torch.zeros(8, 2, dtype=torch.long)).shape
        torch.Size([8, 2])
    """

    def __init__(
        self,
        n_numeric: int,
        cardinalities: Sequence[int],
        d_out: int,
        *,
        d_model: int = 192,
        n_layers: int = 3,
        n_heads: int = 8,
        d_feedforward: int | None = None,
        dropout: float = 0.1,
        drop_path: float = 0.0,
        activation: str = "gelu",
        init: str = "default",
        numeric_embedding: str = "none",
    ) -> None:
        super().__init__()
        check_positive("d_out", d_out)
        self.tokenizer = FeatureTokenizer(n_numeric, cardinalities, d_model, numeric_embedding=numeric_embedding)
        self.class_token = ClassToken(d_model)
        self.encoder = TransformerEncoder(
            d_model,
            n_layers,
            n_heads,
            d_feedforward=2 * d_model if d_feedforward is None else d_feedforward,
            dropout=dropout,
            drop_path=drop_path,
            activation=activation,
        )
        self.head = nn.Linear(d_model, d_out)
        initialise(self.encoder, init, activation)
        initialise(self.head, init, activation)

    def forward(self, numeric: Tensor, categorical: Tensor) -> Tensor:
        x, _ = self.class_token(self.tokenizer(numeric, categorical))  # (batch, 1 + n_columns, d_model)
        summary = self.encoder(x)[:, 0]  # (batch, d_model)
        logits: Tensor = self.head(F.relu(summary))  # the paper's head: norm (the encoder's last), ReLU, linear
        return logits

    def no_weight_decay(self) -> set[str]:
        """Names of parameters that weight decay should spare besides biases and norms (the paper's choice)."""
        tokenizer = {f"tokenizer.{name}" for name, _ in self.tokenizer.named_parameters()}
        return tokenizer | {"class_token.weight"}

    def layer_groups(self) -> list[list[str]]:
        """Names of the parameters of each layer, the first to the head."""
        return layers_by_prefix(
            self, ["tokenizer", *(f"encoder.blocks.{i}" for i in range(len(self.encoder.blocks))), "head"]
        )
