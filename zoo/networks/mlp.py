"""Multi-layer perceptrons: the plain one, and one for each modality."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.activations import build_activation
from zoo.networks.category_embedding import CategoryEmbedding, SizedCategoryEmbedding
from zoo.networks.checks import check_all_positive, check_choice, check_fraction, check_positive
from zoo.networks.dropout import Dropout
from zoo.networks.embeddings import build_token_embedding
from zoo.networks.initialisation import initialise
from zoo.networks.layers import layers_by_prefix
from zoo.networks.numeric_embedding import D_NUMBER, build_numeric_embedding

NORMS = ("none", "batch", "layer")


class MLP(nn.Module):
    """Linear layers with an activation in between.

    One hidden layer is linear, norm, activation, dropout; what is switched off is not built. With neither norm nor
    dropout this is exactly ``nn.Sequential(Linear, activation, ..., Linear)``, weights from the same seed included.

    Args:
        d_in: number of input features.
        d_out: number of outputs (classes or targets).
        hidden: width of each hidden layer; empty = a linear model.
        activation: ``relu``, ``gelu``, ``silu``, ``sigmoid``, ``tanh`` or ``leaky_relu``.
        dropout: fraction (0-1) of hidden units dropped during training.
        norm: ``none``, ``batch`` (Ioffe & Szegedy 2015, arXiv:1502.03167) or ``layer`` (Ba et al. 2016,
            arXiv:1607.06450), before the activation.
        init: ``default`` (torch's), ``xavier``, ``he``, ``orthogonal`` (their gain fits the activation) or ``trunc_normal``.

    Shape:
        (batch, d_in) -> (batch, d_out)

    Raises:
        ValueError: an argument is out of range, or a name is unknown.

    Example:
        >>> import torch
        >>> MLP(4, 3, hidden=[32])(torch.rand(8, 4)).shape
        torch.Size([8, 3])
    """

    def __init__(
        self,
        d_in: int,
        d_out: int,
        *,
        hidden: Sequence[int] = (256, 256),
        activation: str = "relu",
        dropout: float = 0.0,
        norm: str = "none",
        init: str = "default",
    ) -> None:
        super().__init__()
        check_positive("d_in", d_in)
        check_positive("d_out", d_out)
        check_all_positive("hidden", hidden)
        check_fraction("dropout", dropout)
        check_choice("norm", norm, NORMS)
        layers: list[nn.Module] = []
        for d_before, d_after in zip([d_in, *hidden], hidden, strict=False):
            layers.append(nn.Linear(d_before, d_after))
            if norm != "none":
                layers.append(nn.BatchNorm1d(d_after) if norm == "batch" else nn.LayerNorm(d_after))
            layers.append(build_activation(activation))
            if dropout:
                layers.append(Dropout(dropout))
        layers.append(nn.Linear([d_in, *hidden][-1], d_out))
        self.layers = nn.Sequential(*layers)
        initialise(self, init, activation)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(x)
        return logits

    def layer_groups(self) -> list[list[str]]:
        """Names of the parameters of each layer, the first to the head."""
        return layers_by_prefix(self, linear_layers(self))


class TabularMLP(nn.Module):
    """MLP over numeric columns and embedded category columns.

    Without category columns it draws the random numbers of `MLP`, no more and no fewer.

    Args:
        n_numeric: number of numeric columns, may be 0.
        cardinalities: number of categories of each category column, may be empty.
        d_out: number of outputs (classes or targets).
        hidden, activation, dropout, norm, init: as in `MLP`.
        d_embedding: width of every category's vector; None = by cardinality, see `SizedCategoryEmbedding`.
        numeric_embedding: ``none``, ``piecewise_linear`` or ``periodic``.

    Shape:
        numeric: (batch, n_numeric), categorical: int64 (batch, n_categories) -> (batch, d_out)

    Raises:
        ValueError: there is no column at all, or an argument is out of range.

    Example:
        >>> import torch
        >>> TabularMLP(4, [3, 7], 2)(torch.rand(8, 4), torch.zeros(8, 2, dtype=torch.long)).shape
        torch.Size([8, 2])
    """

    def __init__(
        self,
        n_numeric: int,
        cardinalities: Sequence[int],
        d_out: int,
        *,
        hidden: Sequence[int] = (256, 256),
        activation: str = "relu",
        dropout: float = 0.0,
        norm: str = "none",
        init: str = "default",
        d_embedding: int | None = None,
        numeric_embedding: str = "none",
    ) -> None:
        super().__init__()
        check_columns(n_numeric, cardinalities)
        self.numeric = build_numeric_embedding(numeric_embedding, n_numeric)
        self.embedding: nn.Module | None = None
        d_categories = 0
        if cardinalities and d_embedding is None:
            self.embedding = SizedCategoryEmbedding(cardinalities)
            d_categories = self.embedding.d_out
        elif cardinalities and d_embedding is not None:
            self.embedding = CategoryEmbedding(cardinalities, d_embedding)
            d_categories = len(cardinalities) * d_embedding
        self.mlp = MLP(
            n_numeric * (1 if self.numeric is None else D_NUMBER) + d_categories,
            d_out,
            hidden=hidden,
            activation=activation,
            dropout=dropout,
            norm=norm,
            init=init,
        )

    def forward(self, numeric: Tensor, categorical: Tensor) -> Tensor:
        features = numeric if self.numeric is None else self.numeric(numeric).flatten(1)  # (batch, n_numeric * width)
        if self.embedding is not None:
            vectors = self.embedding(categorical).flatten(1)  # (batch, d_categories)
            features = torch.cat([features, vectors], dim=1)  # (batch, n_numeric * width + d_categories)
        logits: Tensor = self.mlp(features)
        return logits

    def layer_groups(self) -> list[list[str]]:
        """Names of the parameters of each layer, the first to the head."""
        return layers_by_prefix(self, ["embedding", *linear_layers(self)])


class ImageMLP(nn.Module):
    """MLP over flattened pixels.

    Args:
        channels: image channels.
        height: image height in pixels.
        width: image width in pixels.
        d_out: number of outputs (classes or targets).
        hidden, activation, dropout, norm, init: as in `MLP`.

    Shape:
        (batch, channels, height, width) -> (batch, d_out)

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> import torch
        >>> ImageMLP(1, 8, 8, 10)(torch.rand(4, 1, 8, 8)).shape
        torch.Size([4, 10])
    """

    def __init__(
        self,
        channels: int,
        height: int,
        width: int,
        d_out: int,
        *,
        hidden: Sequence[int] = (256, 256),
        activation: str = "relu",
        dropout: float = 0.0,
        norm: str = "none",
        init: str = "default",
    ) -> None:
        super().__init__()
        check_all_positive("channels, height and width", [channels, height, width])
        self.mlp = MLP(
            channels * height * width,
            d_out,
            hidden=hidden,
            activation=activation,
            dropout=dropout,
            norm=norm,
            init=init,
        )

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.mlp(image.flatten(1))  # (batch, channels * height * width)
        return logits

    def layer_groups(self) -> list[list[str]]:
        """Names of the parameters of each layer, the first to the head."""
        return layers_by_prefix(self, linear_layers(self))


class TextMLP(nn.Module):
    """MLP over the mean of the token embeddings (deep averaging network, Iyyer et al. 2015, ACL P15-1162).

    Args:
        vocab_size: number of token ids.
        d_out: number of outputs (classes or targets).
        hidden, activation, dropout, norm, init: as in `MLP`.
        d_embedding: width of a token's vector.
        pad_id: id of the padding token; its vector is zero and is never trained.

    Shape:
        tokens: int64 (batch, length), mask: bool (batch, length), True = real token -> (batch, d_out)

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> import torch
        >>> tokens = torch.randint(1, 100, (4, 12))
        >>> TextMLP(100, 3)(tokens, tokens != 0).shape
        torch.Size([4, 3])
    """

    def __init__(
        self,
        vocab_size: int,
        d_out: int,
        *,
        hidden: Sequence[int] = (256, 256),
        activation: str = "relu",
        dropout: float = 0.0,
        norm: str = "none",
        init: str = "default",
        d_embedding: int = 128,
        pad_id: int = 0,
    ) -> None:
        super().__init__()
        # Unit variance, not less: the mean over n tokens shrinks the standard deviation by sqrt(n).
        self.embedding = build_token_embedding(vocab_size, d_embedding, pad_id=pad_id, std=1.0)
        self.mlp = MLP(d_embedding, d_out, hidden=hidden, activation=activation, dropout=dropout, norm=norm, init=init)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        # Summed while it gathers: the (batch, length, d_embedding) tensor never exists, ten times faster on a CPU.
        weight = self.embedding.weight
        summed = mask & (tokens != self.embedding.padding_idx)  # adding the zero vector would train it
        total = F.embedding_bag(tokens, weight, mode="sum", per_sample_weights=summed.to(weight.dtype))
        count = mask.sum(dim=1, keepdim=True).clamp(min=1)  # (batch, 1)
        logits: Tensor = self.mlp(total / count)  # (batch, d_embedding) -> (batch, d_out)
        return logits

    def layer_groups(self) -> list[list[str]]:
        """Names of the parameters of each layer, the first to the head."""
        return layers_by_prefix(self, ["embedding", *linear_layers(self)])


def check_columns(n_numeric: int, cardinalities: Sequence[int]) -> None:
    """Raise ``ValueError`` unless a table has at least one column and every category column a category."""
    check_all_positive("cardinalities", cardinalities)
    if n_numeric < 0:
        raise ValueError(f"n_numeric must not be negative, got {n_numeric}")
    if n_numeric == 0 and not cardinalities:
        raise ValueError("n_numeric and cardinalities must name at least one column, got none of either")


def linear_layers(module: nn.Module) -> list[str]:
    """Names of the linear layers inside a module, in their order."""
    return [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)]
