"""Transformer encoder over tokens, for classifying and scoring text."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.checks import check_choice, check_fraction, check_positive
from zoo.networks.dropout import Dropout
from zoo.networks.embeddings import ClassToken, LearnedPositions, SinusoidalPositions, build_token_embedding
from zoo.networks.initialisation import initialise
from zoo.networks.layers import layers_by_prefix
from zoo.networks.pooling import MaxPooling, build_pooling
from zoo.networks.token_dropout import TokenDropout
from zoo.networks.transformer import TransformerEncoder

STD = 0.02  # of a token's vector at the start
POSITIONS = ("learned", "sinusoidal", "rotary")


class LocalMixing(nn.Module):
    """Add to each token what a convolution finds in it and its neighbours: ``x + gelu(conv(norm(x)))``.

    A phrase is found at once, which attention alone learns from many rows only (Wu et al. 2021, arXiv:2103.15808).

    Args:
        d_model: width of a token.
        window: tokens seen at once, odd.

    Shape:
        x: (batch, length, d_model), mask: bool (batch, length), True = real token -> (batch, length, d_model)

    Raises:
        ValueError: `window` is even.

    Example:
        >>> import torch
        >>> LocalMixing(16, 3)(torch.rand(2, 5, 16), torch.ones(2, 5, dtype=torch.bool)).shape
        torch.Size([2, 5, 16])
    """

    def __init__(self, d_model: int, window: int) -> None:
        super().__init__()
        if window % 2 == 0:
            raise ValueError(f"window must be odd, got {window}")
        self.norm = nn.LayerNorm(d_model)
        self.convolution = nn.Conv1d(d_model, d_model, window, padding=window // 2)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        seen = self.norm(x) * mask.unsqueeze(-1)  # hidden tokens are zero, as beyond the end of a text
        found = self.convolution(seen.transpose(1, 2)).transpose(1, 2)  # (batch, length, d_model)
        return x + F.gelu(found)


class MaskedNormMax(nn.Module):
    """Layer norm, then the maximum over the real tokens.

    Shape:
        x: (batch, length, d_model), mask: bool (batch, length), True = real token -> (batch, d_model)

    Example:
        >>> import torch
        >>> MaskedNormMax(8)(torch.rand(2, 5, 8), torch.ones(2, 5, dtype=torch.bool)).shape
        torch.Size([2, 8])
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(d_model)
        self.pooling = MaxPooling()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        pooled: Tensor = self.pooling(self.norm(x), mask)
        return pooled


class TextTransformer(nn.Module):
    """Token embedding, positions, local mixing, encoder, pooling, linear head (Vaswani et al. 2017, arXiv:1706.03762).

    Padding stands at the end of a row and changes no logit.

    Args:
        vocab_size: number of token ids.
        d_out: number of outputs (classes or targets).
        max_length: longest text in tokens; a limit for learned positions only.
        d_model: width of a token, a multiple of `n_heads`.
        n_layers: number of blocks.
        n_heads: number of attention heads.
        d_feedforward: hidden width of the feed-forward part; None = ``4 * d_model``.
        dropout: fraction (0-1) dropped during training, after the embedding and in every block.
        token_dropout: fraction (0-1) of real tokens hidden during training, never all of a row.
        head_dropout: fraction (0-1) of pooled features dropped during training.
        drop_path: stochastic depth (0-1) of the last block.
        window: tokens (odd) that a convolution before the blocks sees at once; what it finds is also pooled (maximum)
            beside the blocks. 1 = no convolution.
        position: ``learned`` (added), ``sinusoidal`` (added, fixed) or ``rotary`` (in the attention).
        pooling: ``mean``, ``max``, ``cls`` (a learned token in front) or ``attention``.
        activation: name of the activation in the feed-forward part.
        pad_id: id of the padding token.
        init: ``default`` (torch's), ``xavier``, ``he``, ``orthogonal`` or ``trunc_normal``, for the linear layers.

    Shape:
        tokens: int64 (batch, length), mask: bool (batch, length), True = real token -> (batch, d_out)

    Raises:
        ValueError: an argument is out of range or a name unknown; in `forward`, learned positions and a text of more
            than `max_length` tokens.

    Example:
        >>> import torch
        >>> tokens = torch.randint(1, 100, (4, 12))
        >>> TextTransformer(100, 3, max_length=16)(tokens, tokens != 0).shape
        torch.Size([4, 3])
    """

    def __init__(
        self,
        vocab_size: int,
        d_out: int,
        *,
        max_length: int,
        d_model: int = 128,
        n_layers: int = 2,
        n_heads: int = 4,
        d_feedforward: int | None = None,
        dropout: float = 0.1,
        token_dropout: float = 0.0,
        head_dropout: float = 0.0,
        drop_path: float = 0.0,
        window: int = 1,
        position: str = "learned",
        pooling: str = "mean",
        activation: str = "gelu",
        pad_id: int = 0,
        init: str = "default",
    ) -> None:
        super().__init__()
        check_positive("d_out", d_out)
        check_positive("max_length", max_length)
        check_positive("d_model", d_model)
        check_positive("window", window)
        check_fraction("dropout", dropout)
        check_fraction("head_dropout", head_dropout)
        check_choice("position", position, POSITIONS)
        # Small, as BERT draws them: a word that training rows hardly show says next to nothing, as it should.
        self.embedding = build_token_embedding(vocab_size, d_model, pad_id=pad_id, std=STD)
        # Sines and cosines have variance 1/2, and section 3.4 of the paper lifts the embedding to the same size.
        self.embedding_scale = 1.0 / (STD * math.sqrt(2)) if position == "sinusoidal" else 1.0
        self.positions: nn.Module = nn.Identity()
        if position == "learned":
            self.positions = LearnedPositions(max_length, d_model)
        elif position == "sinusoidal":
            self.positions = SinusoidalPositions(d_model, max_length=max_length)
        self.token_dropout = TokenDropout(token_dropout)
        self.dropout = Dropout(dropout)
        self.class_token = ClassToken(d_model) if pooling == "cls" else None
        self.mixing = LocalMixing(d_model, window) if window > 1 else None
        self.encoder = TransformerEncoder(
            d_model,
            n_layers,
            n_heads,
            d_feedforward=d_feedforward,
            dropout=dropout,
            drop_path=drop_path,
            activation=activation,
            rotary=position == "rotary",
        )
        self.pooling = build_pooling(pooling, d_model)
        self.head_dropout = nn.Dropout(head_dropout)
        # What the convolution found is also pooled by itself: few rows train it well, and the blocks above it less so.
        self.phrases = MaskedNormMax(d_model) if window > 1 else None
        self.head = nn.Linear(d_model if self.phrases is None else 2 * d_model, d_out)
        initialise(self.encoder, init, activation)
        initialise(self.head, init, activation)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        kept = self.token_dropout(mask)
        visible: Tensor | None = kept
        x = self.dropout(self.positions(self.embedding(tokens) * self.embedding_scale))  # (batch, length, d_model)
        found: list[Tensor] = []
        if self.mixing is not None and self.phrases is not None:
            x = self.mixing(x, kept)
            found.append(self.phrases(x, kept))
        if self.class_token is not None:
            x, visible = self.class_token(x, visible)  # (batch, 1 + length, d_model)
        x = self.encoder(x, visible)
        features = torch.cat([self.pooling(x, visible), *found], dim=1)  # (batch, d_model or twice that)
        logits: Tensor = self.head(self.head_dropout(features))
        return logits

    def no_weight_decay(self) -> set[str]:
        """Names of parameters that weight decay should spare besides biases and norms (timm's convention)."""
        return {"positions.weight", "class_token.weight"}

    def layer_groups(self) -> list[list[str]]:
        """Names of the parameters of each layer, the first to the head."""
        return layers_by_prefix(
            self, ["embedding", *(f"encoder.blocks.{i}" for i in range(len(self.encoder.blocks))), "head"]
        )
