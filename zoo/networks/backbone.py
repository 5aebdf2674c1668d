"""Any image model of timm by its name (Wightman 2019, https://github.com/huggingface/pytorch-image-models).

timm is imported when the first backbone is built, not with this file.
"""

import logging
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo.networks.checks import check_all_positive, check_fraction, check_positive

_logger = logging.getLogger(__name__)


class TimmBackbone(nn.Module):
    """A timm model with `channels` inputs and `d_out` outputs.

    Args:
        name: timm's name of the model, with or without a weights tag (``resnet18``, ``resnet18.a1_in1k``).
        d_out: number of outputs (classes or targets).
        channels: image channels; pretrained colour weights are adapted to other numbers.
        image_size: side in pixels, or (height, width); given to the models that ask for it (ViT, Swin, mixers).
        pretrained: False = random weights, True = timm's weights from the hub, a path = a local file of weights
            (``.pth``, ``.ckpt``, ``.safetensors``). A file must fit in every key but the head's, which starts afresh;
            `left_keys` names what was left in the file.
        drop_rate: fraction (0-1) of features dropped before the head during training.
        drop_path_rate: stochastic depth (0-1).

    Shape:
        (batch, channels, height, width) -> (batch, d_out)

    Raises:
        ValueError: timm has no such model (the message names the nearest), the model has no stochastic depth but
            `drop_path_rate` is set, the hub has no weights or is out of reach, or the file does not fit.

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
        self.model = _create(
            name,
            pretrained=pretrained is True,
            num_classes=d_out,
            in_chans=channels,
            img_size=sides,
            drop_rate=drop_rate,
            drop_path_rate=drop_path_rate,
        )
        self.left_keys: tuple[str, ...] = ()
        if not isinstance(pretrained, bool):
            self.left_keys = _load_file(self.model, Path(pretrained), channels)
        # On a CPU up to half as fast again for depthwise convolutions, the same give or take a twentieth for others.
        self.to(memory_format=torch.channels_last)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.model(image.contiguous(memory_format=torch.channels_last))
        return logits

    def no_weight_decay(self) -> set[str]:
        """Names of parameters that weight decay should spare besides biases and norms, as the timm model lists them."""
        names: set[str] = getattr(self.model, "no_weight_decay", set)()
        return {f"model.{name}" for name in names}


def check_name(name: str) -> None:
    """Raise ``ValueError`` unless timm has a model called `name`; the message gives the nearest names.

    Example:
        >>> check_name("resnet_18")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: timm has no model 'resnet_18'; nearest: resnet18, ...
    """
    import timm

    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        nearest = get_close_matches(architecture, timm.list_models(), n=3, cutoff=0.4)
        raise ValueError(f"timm has no model {architecture!r}; nearest: {', '.join(nearest) or 'none'}")
    tagged = timm.list_models(f"{architecture}.*", include_tags=True) if tag else [name]
    if name not in tagged:
        raise ValueError(f"timm has no weights {tag!r} for {architecture}; it has: {', '.join(tagged) or 'none'}")


def _create(name: str, *, pretrained: bool, **options: Any) -> nn.Module:
    """``timm.create_model`` without the optional arguments that this model does not take.

    timm keeps no list of what a model takes, so its refusal is read. Dropping an argument that asks for something would
    be a lie: only the image size, which a convolution does not need, and a rate of zero are left out.
    """
    import timm

    while True:
        try:
            model: nn.Module = timm.create_model(name, pretrained=pretrained, **options)
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
        except (OSError, RuntimeError) as failure:  # no network, or timm knows of no weights
            if not pretrained:
                raise
            raise ValueError(
                f"pretrained must be False or a file of weights for {name} here; the hub gave none: {failure}"
            ) from failure


def _load_file(model: nn.Module, path: Path, channels: int) -> tuple[str, ...]:
    """Load weights from `path` into all of `model` but its head; return the keys of the head left in the file."""
    weights = _read_weights(path)
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if convert is not None:  # timm's own: renames old keys, resizes position tables to this image size
        weights = convert(weights, model)
    config: Any = getattr(model, "pretrained_cfg", {})
    _adapt_channels(weights, _as_tuple(config.get("first_conv")), channels)
    head = tuple(f"{layer}." for layer in _as_tuple(config.get("classifier")))
    left = tuple(key for key in weights if key.startswith(head))
    try:
        result = model.load_state_dict({key: weights[key] for key in weights if key not in left}, strict=False)
    except RuntimeError as mismatch:  # shapes
        raise ValueError(f"weights in {path} do not fit: {' '.join(str(mismatch).split())}") from mismatch
    missing = [key for key in result.missing_keys if not key.startswith(head)]
    if missing or result.unexpected_keys:
        raise ValueError(
            f"weights in {path} do not fit: {len(missing)} keys missing {missing[:3]}, "
            f"{len(result.unexpected_keys)} unexpected {result.unexpected_keys[:3]}"
        )
    _logger.info("loaded %d weights from %s; left %s", len(weights) - len(left), path, ", ".join(left) or "none")
    return left


def _read_weights(path: Path) -> dict[str, Tensor]:
    """Weights by name from a file of timm, of a `TimmBackbone`, or of a training run that holds one."""
    from timm.models import load_state_dict

    if not path.is_file():
        raise ValueError(f"pretrained must be True, False or an existing file, got {str(path)!r}")
    weights: dict[str, Tensor] = load_state_dict(str(path), weights_only=True)
    for prefix in ("network.model.", "model."):
        inside = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        if inside:
            return inside
    return weights


def _adapt_channels(weights: dict[str, Tensor], layers: tuple[str, ...], channels: int) -> None:
    """Sum or repeat the colour filters of the first convolution, as timm does for its own weights."""
    from timm.models import adapt_input_conv

    for key in (f"{layer}.weight" for layer in layers):
        if key in weights and weights[key].ndim == 4 and weights[key].size(1) == 3 and channels != 3:
            adapted: torch.Tensor = adapt_input_conv(channels, weights[key])
            weights[key] = adapted


def _as_tuple(names: str | Sequence[str] | None) -> tuple[str, ...]:
    """timm's configs hold one name, several or none."""
    if names is None:
        return ()
    return (names,) if isinstance(names, str) else tuple(names)
