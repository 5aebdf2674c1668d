"""A small vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929) for low resolution."""

import torch.nn.functional as F
from torch import Tensor, nn

from zoo.networks.checks import check_all_positive, check_fraction, check_positive
from zoo.networks.embeddings import ClassToken, LearnedPositions
from zoo.networks.initialisation import initialise
from zoo.networks.layers import layers_by_prefix
from zoo.networks.pooling import build_pooling
from zoo.networks.transformer import TransformerEncoder


class SmallViT(nn.Module):
    """Patches as tokens, learned positions, encoder, pooling, linear head.

    An image whose sides are no multiple of the patch is padded with zeros at the right and at the bottom.

    Args:
        channels: image channels.
        height: image height in pixels.
        width: image width in pixels.
        d_out: number of outputs (classes or targets).
        patch: side of a patch in pixels.
        d_model: width of a token, a multiple of `n_heads`.
        n_layers: number of blocks.
        n_heads: number of attention heads.
        d_feedforward: hidden width of the feed-forward part; None = ``4 * d_model``.
        dropout: fraction (0-1) dropped during training, after the embedding and in every block.
        drop_path: stochastic depth (0-1) of the last block.
        pooling: ``mean``, ``max``, ``cls`` (a learned token in front) or ``attention``.
        activation: name of the activation in the feed-forward part.
        init: ``default`` (torch's), ``xavier``, ``he``, ``orthogonal`` or ``trunc_normal``, for linear and convolution layers.

    Shape:
        (batch, channels, height, width) -> (batch, d_out)

    Raises:
        ValueError: an argument is out of range or a name unknown; in `forward`, an image of another size.

    Example:
        >>> import torch
        >>> SmallViT(1, 28, 28, 10)(torch.rand(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        channels: int,
        height: int,
        width: int,
        d_out: int,
        *,
        patch: int = 4,
        d_model: int = 128,
        n_layers: int = 6,
        n_heads: int = 4,
        d_feedforward: int | None = None,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        pooling: str = "mean",
        activation: str = "gelu",
        init: str = "default",
    ) -> None:
        super().__init__()
        check_all_positive("channels, height and width", [channels, height, width])
        check_positive("d_out", d_out)
        check_positive("patch", patch)
        check_positive("d_model", d_model)
        check_fraction("dropout", dropout)
        self.size = (channels, height, width)
        self.padding = (0, -width % patch, 0, -height % patch)  # left, right, top, bottom, in pixels
        n_patches = -(-height // patch) * -(-width // patch)
        self.patches = nn.Conv2d(channels, d_model, kernel_size=patch, stride=patch)
        self.positions = LearnedPositions(n_patches, d_model)
        self.dropout = nn.Dropout(dropout)
        self.class_token = ClassToken(d_model) if pooling == "cls" else None
        self.encoder = TransformerEncoder(
            d_model,
            n_layers,
            n_heads,
            d_feedforward=d_feedforward,
            dropout=dropout,
            drop_path=drop_path,
            activation=activation,
        )
        self.pooling = build_pooling(pooling, d_model)
        self.head = nn.Linear(d_model, d_out)
        for part in (self.patches, self.encoder, self.head):
            initialise(part, init, activation)

    def forward(self, image: Tensor) -> Tensor:
        if image.shape[1:] != self.size:
            raise ValueError(f"image must be (batch, {', '.join(map(str, self.size))}), got {tuple(image.shape)}")
        grid = self.patches(F.pad(image, self.padding))  # (batch, d_model, rows, columns)
        x = self.dropout(self.positions(grid.flatten(2).transpose(1, 2)))  # (batch, rows * columns, d_model)
        if self.class_token is not None:
            x, _ = self.class_token(x)  # (batch, 1 + rows * columns, d_model)
        logits: Tensor = self.head(self.pooling(self.encoder(x)))  # (batch, d_model) -> (batch, d_out)
        return logits

    def no_weight_decay(self) -> set[str]:
        """Names of parameters that weight decay should spare besides biases and norms (timm's convention)."""
        return {"positions.weight", "class_token.weight"}

    def layer_groups(self) -> list[list[str]]:
        """Names of the parameters of each layer, the first to the head."""
        return layers_by_prefix(
            self, ["patches", *(f"encoder.blocks.{i}" for i in range(len(self.encoder.blocks))), "head"]
        )
