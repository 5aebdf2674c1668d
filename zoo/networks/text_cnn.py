"""Convolutions over tokens (Kim 2014, arXiv:1408.5882): the network looks for short phrases, wherever they stand."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.activations import build_activation
from zoo.networks.checks import check_all_positive, check_fraction, check_positive
from zoo.networks.embeddings import build_token_embedding
from zoo.networks.initialisation import initialise
from zoo.networks.layers import layers_by_prefix
from zoo.networks.pooling import MaxPooling


class TextCNN(nn.Module):
    """Token embedding, 1-d convolutions of several widths side by side, maximum over the text, linear head.

    Padding changes no logit: its vectors are zero, as beyond the end of a text, and no window centred on it is pooled.

    NOTE[DIFF]: Kim's windows lie inside the text; here they are centred on each token, so a one-word text works.

    Args:
        vocab_size: number of token ids.
        d_out: number of outputs (classes or targets).
        d_embedding: width of a token's vector.
        widths: window of each group of filters, in tokens.
        n_filters: filters of each width.
        activation: name of the activation.
        dropout: fraction (0-1) of pooled features dropped during training.
        pad_id: id of the padding token.
        init: ``default`` (torch's), ``xavier``, ``he``, ``orthogonal`` (their gain fits the activation) or ``trunc_normal``.

    Shape:
        tokens: int64 (batch, length), mask: bool (batch, length), True = real token -> (batch, d_out)

    Raises:
        ValueError: an argument is out of range or a name unknown.

    Example:
        >>> import torch
        >>> tokens = torch.randint(1, 100, (4, 12))
        >>> TextCNN(100, 3)(tokens, tokens != 0).shape
        torch.Size([4, 3])
    """

    def __init__(
        self,
        vocab_size: int,
        d_out: int,
        *,
        d_embedding: int = 128,
        widths: Sequence[int] = (3, 4, 5),
        n_filters: int = 100,
        activation: str = "relu",
        dropout: float = 0.5,
        pad_id: int = 0,
        init: str = "default",
    ) -> None:
        super().__init__()
        check_positive("d_out", d_out)
        check_all_positive("widths", widths)
        check_positive("n_filters", n_filters)
        check_fraction("dropout", dropout)
        if not widths:
            raise ValueError("widths must name at least one window, got none")
        self.widths = tuple(widths)
        # Kim's untrained vectors have about this variance (U[-0.25, 0.25], chosen to match word2vec's).
        self.embedding = build_token_embedding(vocab_size, d_embedding, pad_id=pad_id, std=0.15)
        self.convolutions = nn.ModuleList(nn.Conv1d(d_embedding, n_filters, width) for width in widths)
        self.activation = build_activation(activation)
        self.pooling = MaxPooling()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(n_filters * len(widths), d_out)
        initialise(self, init, activation)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.embedding(tokens) * mask.unsqueeze(-1)  # (batch, length, d_embedding)
        x = x.transpose(1, 2)  # (batch, d_embedding, length)
        pooled = []
        for width, convolution in zip(self.widths, self.convolutions, strict=True):
            windows = convolution(F.pad(x, ((width - 1) // 2, width // 2)))  # (batch, n_filters, length)
            pooled.append(self.pooling(self.activation(windows).transpose(1, 2), mask))
        logits: Tensor = self.head(
            self.dropout(torch.cat(pooled, dim=1))
        )  # (batch, widths * n_filters) -> (batch, d_out)
        return logits

    def layer_groups(self) -> list[list[str]]:
        """Names of the parameters of each layer, the first to the head."""
        return layers_by_prefix(self, ["embedding", "convolutions", "head"])
