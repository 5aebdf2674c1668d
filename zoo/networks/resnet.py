"""A small residual network made for speed at low resolution: good pictures of little time on a CPU.

image -> Haar stem -> stages (3x3 convolution, pooling, residual layers) -> global average pooling -> linear head

Sources: Jordan 2024, arXiv:2404.00498 (a fixed whitening stem of 2x2 patches, both signs, pooling after the first
convolution of each stage); He et al. 2016, arXiv:1512.03385 (the shortcut).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zoo.networks.activations import build_activation
from zoo.networks.checks import check_all_positive, check_fraction, check_positive
from zoo.networks.initialisation import initialise
from zoo.networks.layers import layers_by_prefix
from zoo.networks.stochastic_depth import StochasticDepth

# Sum, left to right, top to bottom, diagonal: the two-dimensional Haar basis of a 2x2 patch, rows of length 1.
HAAR = [[[0.5, 0.5], [0.5, 0.5]], [[0.5, -0.5], [0.5, -0.5]], [[0.5, 0.5], [-0.5, -0.5]], [[0.5, -0.5], [-0.5, 0.5]]]
# Brightness, red against blue, green against both: nearly the principal axes of the colours of photographs.
OPPONENT = [[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]]
LEAST_VARIANCE = 5e-4  # of an axis, of images with variance 1: what is rarer than this is noise, and is not raised


class HaarStem(nn.Module):
    """2x2 patches in a fixed orthonormal basis, each axis normalised to variance 1, with both signs, activated.

    Haar's basis times opponent colours is close to the principal axes of patches of natural images, so that the
    normalisation makes of it a whitening.

    NOTE[DIFF] Jordan takes the axes from the train images before training; these are fixed, and a batch norm without
    weights finds their variances, so that a network is whole without data.

    Args:
        channels: image channels; three are taken as red, green, blue.
        stride: 1, or 2 for patches that do not overlap, at half of the size with nothing lost.
        activation: name of the activation.

    Shape:
        (batch, channels, height, width) -> (batch, 8 * channels, height - 1, width - 1);
        with stride 2 (batch, 8 * channels, height // 2, width // 2)

    Example:
        >>> import torch
        >>> HaarStem(3)(torch.rand(2, 3, 32, 32)).shape, HaarStem(1, stride=2)(torch.rand(2, 1, 32, 32)).shape
        (torch.Size([2, 24, 31, 31]), torch.Size([2, 8, 16, 16]))
    """

    basis: Tensor

    def __init__(self, channels: int, *, stride: int = 1, activation: str = "silu") -> None:
        super().__init__()
        self.stride = stride
        self.register_buffer("basis", haar_basis(channels), persistent=False)
        self.norm = nn.BatchNorm2d(4 * channels, eps=LEAST_VARIANCE, affine=False)
        self.activation = build_activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        axes = self.norm(nn.functional.conv2d(x, self.basis, stride=self.stride))
        output: Tensor = self.activation(torch.cat([axes, -axes], dim=1))
        return output


def haar_basis(channels: int) -> Tensor:
    """Orthonormal filters of 2x2 patches, (4 * channels, channels, 2, 2)."""
    colours = torch.tensor(OPPONENT) if channels == 3 else torch.eye(channels)
    colours = colours / colours.norm(dim=1, keepdim=True)
    filters = torch.einsum("ahw,bc->abchw", torch.tensor(HAAR), colours)
    return filters.reshape(-1, channels, 2, 2)


class ResidualLayer(nn.Module):
    """A 3x3 convolution, batch normalisation and a shortcut around both, then the activation.

    Args:
        d: channels.
        activation: name of the activation.
        drop_path: chance (0-1) that a row takes the shortcut alone during training.

    Shape:
        (batch, d, height, width) -> (batch, d, height, width)

    Example:
        >>> import torch
        >>> ResidualLayer(8)(torch.rand(2, 8, 7, 7)).shape
        torch.Size([2, 8, 7, 7])
    """

    def __init__(self, d: int, *, activation: str = "silu", drop_path: float = 0.0) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(d, d, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(d)
        self.drop_path = StochasticDepth(drop_path)
        self.activation = build_activation(activation)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.activation(x + self.drop_path(self.norm(self.convolution(x))))
        return output


def stage(d_in: int, d_out: int, *, activation: str, drop_paths: Sequence[float]) -> nn.Sequential:
    """A convolution to `d_out` channels, halved by max pooling (rounded up), then a residual layer for each drop path."""
    return nn.Sequential(
        nn.Conv2d(d_in, d_out, 3, padding=1, bias=False),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.BatchNorm2d(d_out),
        build_activation(activation),
        *(ResidualLayer(d_out, activation=activation, drop_path=rate) for rate in drop_paths),
    )


class SmallResNet(nn.Module):
    """Haar stem, stages that halve the size and widen, global average pooling, linear head.

    Works on any size from 8x8 pixels up, and on sizes that change from batch to batch. Its weights and features are kept
    channels-last.

    Args:
        channels: image channels.
        d_out: number of outputs (classes or targets).
        widths: channels of each stage.
        n_blocks: residual layers a stage.
        stem_stride: stride of the stem: 1, or 2 for images of 48 pixels and more.
        activation: name of the activation.
        dropout: fraction (0-1) of pooled features dropped during training.
        drop_path: stochastic depth (0-1) of the last residual layer; layer l of L has l / L of it (arXiv:1603.09382).
        init: ``default`` (torch's), ``xavier``, ``he``, ``orthogonal`` (their gain fits the activation) or ``trunc_normal``.

    Shape:
        (batch, channels, height, width) -> (batch, d_out)

    Raises:
        ValueError: an argument is out of range or a name unknown.

    Example:
        >>> import torch
        >>> SmallResNet(1, 10)(torch.rand(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        channels: int,
        d_out: int,
        *,
        widths: Sequence[int] = (64, 128, 128),
        n_blocks: int = 1,
        stem_stride: int = 1,
        activation: str = "silu",
        dropout: float = 0.0,
        drop_path: float = 0.0,
        init: str = "he",
    ) -> None:
        super().__init__()
        check_positive("channels", channels)
        check_positive("d_out", d_out)
        check_all_positive("widths", widths)
        check_positive("n_blocks", n_blocks)
        check_fraction("dropout", dropout)
        check_fraction("drop_path", drop_path)
        if not widths:
            raise ValueError("widths must name at least one stage, got none")
        if stem_stride not in (1, 2):
            raise ValueError(f"stem_stride must be 1 or 2, got {stem_stride}")
        self.stem = HaarStem(channels, stride=stem_stride, activation=activation)
        inner = [8 * channels, *widths[:-1]]
        n_layers = len(widths) * n_blocks
        rates = [drop_path * depth / n_layers for depth in range(1, n_layers + 1)]
        self.stages = nn.Sequential(
            *(
                stage(before, width, activation=activation, drop_paths=rates[place * n_blocks :][:n_blocks])
                for place, (before, width) in enumerate(zip(inner, widths, strict=True))
            )
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths[-1], d_out)
        initialise(self, init, activation)
        self.to(memory_format=torch.channels_last)  # a third faster on a CPU at 32 pixels, the same numbers

    def forward(self, image: Tensor) -> Tensor:
        image = image.contiguous(memory_format=torch.channels_last)
        features = self.stages(self.stem(image))  # (batch, widths[-1], rows, columns)
        pooled = features.mean(dim=(2, 3))  # (batch, widths[-1])
        logits: Tensor = self.head(self.dropout(pooled))
        return logits

    def layer_groups(self) -> list[list[str]]:
        """Names of the parameters of each layer, the first to the head."""
        return layers_by_prefix(self, [*(f"stages.{i}" for i in range(len(self.stages))), "head"])
