"""Any image model of timm by its name (Wightman 2019, https://github.com/huggingface/pytorch-image-models).

timm is imported when the first backbone is built, not with this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo.networks.checks import check_all_positive, check_fraction, check_positive
from zoo.networks.hub import Weights, check_name, find_weights, from_hub
from zoo.networks.pretrained import load_file, pretrained_is_wanted


class TimmBackbone(nn.Module):
    """A timm model with `channels` inputs and `d_out` outputs.

    Args:
        name: timm's name of the model, with or without a weights tag (``resnet18``, ``resnet18.a1_in1k``).
        d_out: number of outputs (classes or targets).
        channels: image channels; pretrained colour weights are adapted to other numbers.
        image_size: side in pixels, or (height, width); given to the models that ask for it (ViT, Swin, mixers).
        pretrained: False = random weights. True = timm's weights from the hub; others of them by their tag
            (``a1_in1k``) or as ``hf-hub:OWNER/NAME``. A path (``.pth``, ``.ckpt``, ``.safetensors``) or
            ``package:NAME`` = a local file, which must fit in all but the head; `left_keys` names what was left in it.
            The head always starts afresh.
        drop_rate: fraction (0-1) of features dropped before the head during training.
        drop_path_rate: stochastic depth (0-1).

    Shape:
        (batch, channels, height, width) -> (batch, d_out)

    Raises:
        ValueError: timm has no such model (the message names the nearest), the model has no stochastic depth but
            `drop_path_rate` is set or does not take images of that size, the hub has no weights or is out of reach, or the file does not fit.

    Example:
        >>> import torch
        >>> TimmBackbone("test_resnet", 10, channels=1, image_size=32)(torch.rand(2, 1, 32, 32)).shape
        torch.Size([2, 10])
    """

    def __init__(
        self,
        name: str,
        d_out: int,
        *,
        channels: int,
        image_size: int | Sequence[int],
        pretrained: bool | str | Path = False,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
    ) -> None:
        super().__init__()
        check_name(name)
        check_positive("d_out", d_out)
        check_positive("channels", channels)
        sides = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
        check_all_positive("image_size", sides)
        if len(sides) != 2:
            raise ValueError(f"image_size must be one side or (height, width), got {sides}")
        check_fraction("drop_rate", drop_rate)
        check_fraction("drop_path_rate", drop_path_rate)
        weights = find_weights(name, pretrained) if pretrained and pretrained_is_wanted() else None
        self.model = _create(
            name,
            weights,
            num_classes=d_out,
            in_chans=channels,
            img_size=sides,
            drop_rate=drop_rate,
            drop_path_rate=drop_path_rate,
        )
        self.left_keys: tuple[str, ...] = ()
        if weights is not None and weights.file is not None:
            self.left_keys = tuple(load_file(self.model, weights.file, channels=channels, d_out=d_out))
        if weights is not None:
            # A head as torch makes it: the EfficientNets' own, made for training from scratch, begins with a loss of 5.
            reset: Any = self.model.reset_classifier
            reset(d_out)
        # On a CPU up to half as fast again for depthwise convolutions, the same give or take a twentieth for others.
        self.to(memory_format=torch.channels_last)
        self._try_on(name, torch.zeros(1, channels, *sides))

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.model(image.contiguous(memory_format=torch.channels_last))
        return logits

    def no_weight_decay(self) -> set[str]:
        """Names of parameters that weight decay should spare besides biases and norms, as the timm model lists them."""
        names: set[str] = getattr(self.model, "no_weight_decay", set)()
        return {f"model.{name}" for name in names}

    def _try_on(self, name: str, image: Tensor) -> None:
        """Raise where the model does not take images of this size: patches that do not fit in, nothing left to pool."""
        try:
            with torch.no_grad():
                self.eval()(image)
        except (AssertionError, RuntimeError, ValueError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            height, width = image.shape[2:]
            raise ValueError(
                f"{name} does not take images of {height}x{width} pixels ({reason.strip()[:160]}): "
                "choose another --data.image_size"
            ) from error
        self.train()

    def layer_groups(self) -> list[list[str]]:
        """Names of the parameters by layer, from the first to the head, as timm groups them.

        Example:
            >>> groups = TimmBackbone("test_resnet", 10, channels=1, image_size=32).layer_groups()
            >>> len(groups), groups[-1]
            (6, ['model.fc.weight', 'model.fc.bias'])
        """
        from timm import optim
        from timm.models import group_parameters

        by_place: Any = optim.auto_group_layers  # type: ignore[attr-defined]
        matcher: Any = getattr(self.model, "group_matcher", None)
        layer_of: dict[str, int] = (
            by_place(self.model)
            if matcher is None
            else group_parameters(self.model, matcher(coarse=False), reverse=True)
        )
        groups: list[list[str]] = [[] for _ in range(max(layer_of.values()) + 1)]
        for name, _ in self.model.named_parameters():
            groups[layer_of[name]].append(f"model.{name}")
        return [group for group in groups if group]


def _create(name: str, weights: Weights | None, **options: Any) -> nn.Module:
    """``timm.create_model`` without the optional arguments that this model does not take.

    timm keeps no list of what a model takes, so its refusal is read. Dropping an argument that asks for something would
    be a lie: only the image size, which a convolution does not need, and a rate of zero are left out.
    """
    import timm

    fetched = weights is not None and weights.file is None
    source: dict[str, Any] = {"pretrained": True, "pretrained_cfg": weights.config} if weights and fetched else {}
    while True:
        try:
            with from_hub(weights) if weights and fetched else nullcontext():
                model: nn.Module = timm.create_model(name, **source, **options)
            return model
        except TypeError as refusal:
            refused = [key for key in ("img_size", "drop_rate", "drop_path_rate") if f"'{key}'" in str(refusal)]
            refused = [key for key in refused if key in options]
            if not refused:
                raise
            for key in refused:
                value = options.pop(key)
                if key != "img_size" and value:
                    raise ValueError(f"{name} takes no {key}: expected 0, got {value}") from refusal
