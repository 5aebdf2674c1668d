"""Test-time flip: the mean of what a network says of an image and of its mirror image.

A photograph and its mirror image show the same thing, and a network is right more often when it is asked both ways. A
model asks so in `forward`, outside training: so validation, `predict`, `zoo.load` and an exported model all do.
"""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn

from zoo.errors import InputError


def asks_mirror(flip_at_test: bool | None, inputs: dict[str, Any]) -> bool:
    """Whether to ask both ways: as told, or where None, whether training mirrors its images.

    Raises:
        InputError: A flip is wanted of what is no image.

    Example:
        >>> asks_mirror(None, {"modality": "image", "mirrored": True}), asks_mirror(None, {"modality": "text"})
        (True, False)
    """
    if flip_at_test and inputs.get("modality") != "image":
        raise InputError(f"model.flip_at_test is for images, the input is {inputs.get('modality')}: leave it out")
    return bool(inputs.get("mirrored", False)) if flip_at_test is None else flip_at_test


def mirrored_mean(network: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
    """Mean of a network's outputs (logits, or numbers) of images and of their mirror images.

    Shape:
        `image` (batch, channels, height, width) -> (batch, outputs)
    """
    mirrored = inputs | {"image": inputs["image"].flip(-1)}
    return cast(Tensor, (network(**inputs) + network(**mirrored)) / 2)
