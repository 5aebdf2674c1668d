"""Augmentations of whole uint8 batches, each image with its own draw. Training only, before normalisation.

Randomness comes from torch's global generator alone, so that a seed reproduces a run.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.data.views import draw_boxes, scaled_box
from zoo.errors import InputError, did_you_mean

Augmentation = Callable[[Tensor], Tensor]
Named = str | Mapping[str, Any]  # a name, or {name: {option: value}}

PHOTO_SIDE = 128  # pixels; from here on a colour image is a photograph that parts of can be recognised
SMALL_SIDE = 16  # pixels; up to here an image is a digit or a glyph rather than a photograph
ERASE_AREA = (0.02, 0.33)  # of the image, as in Zhong et al. 2020, "Random Erasing Data Augmentation"
ERASE_RATIO = 3.3  # longest side to shortest
ALIKE = 4  # neighbours in a shuffled batch that share a draw of `rand_augment`: five times as fast as one each
LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as PIL


def flip(images: Tensor) -> Tensor:
    """Mirror half of the images left to right, (batch, c, h, w)."""
    return torch.where(_each(torch.rand(len(images)) < 0.5), images.flip(-1), images)


def vflip(images: Tensor) -> Tensor:
    """Mirror half of the images top to bottom, (batch, c, h, w)."""
    return torch.where(_each(torch.rand(len(images)) < 0.5), images.flip(-2), images)


def crop(images: Tensor, *, share: float = 0.125) -> Tensor:
    """A random window of the image padded by a share of its side (reflected), (batch, c, h, w).

    The window is gathered by reflected row and column numbers: the padded batch is never built.
    """
    n, channels, height, width = images.shape
    rows = _reflected_window(n, height, share)[:, None, :, None]  # (batch, 1, h, 1)
    columns = _reflected_window(n, width, share)[:, None, None, :]  # (batch, 1, 1, w)
    return images[_each(torch.arange(n)), torch.arange(channels)[None, :, None, None], rows, columns]


def random_resized_crop(images: Tensor) -> Tensor:
    """A random box of each image, scaled to the size of the image, (batch, c, h, w).

    For images that are all of one size already. Photographs give such views of the whole file: `zoo.data.pictures`.
    """
    n, _, height, width = images.shape
    pixels = images.permute(0, 2, 3, 1).numpy()
    boxes = draw_boxes(torch.tensor([[height, width]]).expand(n, -1)).tolist()
    views = [scaled_box(pixels[place], box, (height, width)) for place, box in enumerate(boxes)]
    return torch.from_numpy(np.stack(views))


def rotate(images: Tensor, *, degrees: float = 15.0) -> Tensor:
    """Turn each image by up to so many degrees around its centre; corners are reflected, (batch, c, h, w)."""
    n, _, height, width = images.shape
    angle = (torch.rand(n) * 2 - 1) * math.radians(degrees)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros(n)
    # affine_grid counts in half sides, so a turn of a non-square image needs its aspect.
    first = torch.stack([cos, -sin * height / width, zero], dim=1)
    second = torch.stack([sin * width / height, cos, zero], dim=1)
    grid = F.affine_grid(torch.stack([first, second], dim=1), list(images.shape), align_corners=False)
    return _to_uint8(F.grid_sample(images.float(), grid, padding_mode="reflection", align_corners=False))


def color(images: Tensor, *, strength: float = 0.3) -> Tensor:
    """Brightness, contrast and (of colour images) saturation, each times 1 -+ strength, (batch, c, h, w)."""
    brightness, contrast, saturation = (1 + strength * (2 * torch.rand(3, len(images)) - 1)).unbind()
    changed = (images.float() * _each(brightness)).clamp(0, 255)
    mean = _grey(changed).mean(dim=(1, 2, 3), keepdim=True)
    changed = (mean + (changed - mean) * _each(contrast)).clamp(0, 255)
    grey = _grey(changed)
    return _to_uint8(grey + (changed - grey) * _each(saturation))


def erase(images: Tensor, *, probability: float = 0.5, area: Sequence[float] = ERASE_AREA) -> Tensor:
    """Paint a rectangle of that share of the images with their mean colour; `area` is its least and most share of the
    image, (batch, c, h, w).
    """
    n, _, height, width = images.shape
    chosen, size, ratio, top, left = torch.rand(5, n).unbind()
    size = (area[0] + (area[1] - area[0]) * size) * height * width
    ratio = torch.exp((2 * ratio - 1) * math.log(ERASE_RATIO))
    tall = (size * ratio).sqrt().floor().clamp(1, height)
    wide = (size / ratio).sqrt().floor().clamp(1, width)
    in_rows = _within(height, (top * (height - tall + 1)).floor(), tall)  # (batch, h)
    in_columns = _within(width, (left * (width - wide + 1)).floor(), wide)  # (batch, w)
    hidden = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]  # (batch, 1, h, w)
    mean = _to_uint8(images.float().mean(dim=(2, 3), keepdim=True))
    return torch.where(hidden & _each(chosen < probability), mean, images)


def rand_augment(images: Tensor, *, num_ops: int = 2, magnitude: int = 9) -> Tensor:
    """So many of torchvision's 14 changes of shape and colour, drawn anew for every four images, (batch, c, h, w).

    Cubuk et al. 2020, arXiv:1909.13719; the magnitude is 0 to 30.
    """
    from torchvision.transforms import v2

    if not 0 <= magnitude <= 30:
        raise ValueError(f"magnitude must be 0 to 30, got {magnitude}")
    augment = v2.RandAugment(num_ops=num_ops, magnitude=magnitude)
    return torch.cat([augment(few) for few in torch.split(images, ALIKE)])


AUGMENTATIONS: dict[str, Callable[..., Tensor]] = {
    "flip": flip,
    "vflip": vflip,
    "crop": crop,
    "random_resized_crop": random_resized_crop,
    "rotate": rotate,
    "color": color,
    "erase": erase,
    "rand_augment": rand_augment,
}


@dataclass(frozen=True)
class PerImage:
    """A transform of torchvision, applied to each image by itself."""

    name: str
    transform: Callable[[Tensor], object]

    def __call__(self, images: Tensor) -> Tensor:
        return torch.stack([self._apply(image) for image in images])

    def _apply(self, image: Tensor) -> Tensor:
        changed = self.transform(image)
        if not isinstance(changed, Tensor) or changed.shape != image.shape or changed.dtype != torch.uint8:
            raise InputError(f"data.augment: {self.name} changes the size or kind of an image: it cannot be used here")
        return changed


def build_augmentations(named: Sequence[Named]) -> list[Augmentation]:
    """Augmentations by name, or by name with options: those of this module, then torchvision's (`transforms.v2`).

    Raises:
        InputError: No such name, an option it does not take, or a class of torchvision that needs some.

    Example:
        >>> images = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
        >>> for augment in build_augmentations(["flip", {"rand_augment": {"num_ops": 1}}, {"RandomCrop": {"size": 32}}]):
        ...     images = augment(images)
        >>> images.shape
        torch.Size([4, 3, 32, 32])
    """
    return [_built(*name_and_options(one)) for one in named]


def name_and_options(named: Named) -> tuple[str, dict[str, Any]]:
    """The two parts of an entry of `data.augment`.

    Raises:
        InputError: An entry of another form.

    Example:
        >>> name_and_options("flip"), name_and_options({"erase": {"probability": 0.25}})
        (('flip', {}), ('erase', {'probability': 0.25}))
    """
    if isinstance(named, str):
        return named, {}
    if len(named) == 1:
        ((name, options),) = named.items()
        if isinstance(options, Mapping) or options is None:
            return name, dict(options or {})
    raise InputError(
        f"data.augment: an entry is a name, or a name with its options as {{erase: {{probability: 0.25}}}}, got {named!r}"
    )


def _built(name: str, options: dict[str, Any]) -> Augmentation:
    if name not in AUGMENTATIONS:
        return _from_torchvision(name, options)
    augment = AUGMENTATIONS[name]
    valid = [key for key in inspect.signature(augment).parameters if key != "images"]
    for key in options:
        if key not in valid:
            raise InputError(f"data.augment: {name} takes no {key!r}: {did_you_mean(key, valid)}")
    if not options:
        return augment
    try:
        with torch.random.fork_rng(devices=[]):
            augment(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), **options)
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        raise InputError(f"data.augment: {name} cannot have {options}: {' '.join(str(error).split())}") from error
    return partial(augment, **options)


def default_augmentations(channels: int, height: int, width: int) -> list[str]:
    """Names for images of this kind: digits and glyphs (grey or tiny) are never mirrored, photographs are.

    Example:
        >>> default_augmentations(1, 28, 28), default_augmentations(3, 32, 32), default_augmentations(3, 224, 224)
        (['crop'], ['flip', 'crop'], ['random_resized_crop', 'flip'])
    """
    if channels > 1 and min(height, width) >= PHOTO_SIDE:
        return ["random_resized_crop", "flip"]
    return ["crop"] if channels == 1 or max(height, width) <= SMALL_SIDE else ["flip", "crop"]


def _from_torchvision(name: str, options: dict[str, Any]) -> PerImage:
    from torchvision.transforms import v2

    classes = {
        key: value
        for key, value in vars(v2).items()
        # MixUp and CutMix mix images and their targets: not a matter of one image.
        if isinstance(value, type) and issubclass(value, v2.Transform) and key not in ("MixUp", "CutMix", "Transform")
    }
    if name not in classes:
        raise InputError(f"data.augment has no {name!r}: {did_you_mean(name, [*AUGMENTATIONS, *sorted(classes)])}")
    try:
        transform: Any = classes[name](**options)
    except (TypeError, ValueError) as error:
        valid = ", ".join(inspect.signature(classes[name]).parameters)
        raise InputError(
            f"data.augment: {name} of torchvision takes {valid}; got {options or 'none of them'}"
        ) from error
    return PerImage(name, transform)


def _each(values: Tensor) -> Tensor:
    """(batch,) -> (batch, 1, 1, 1)."""
    return values[:, None, None, None]


def _reflected_window(n: int, side: int, share: float) -> Tensor:
    """Pixel numbers of a window shifted by up to a share of the side, (n, side)."""
    pad = min(max(int(side * share), 1), side - 1)
    where = torch.arange(side) + torch.randint(-pad, pad + 1, (n, 1))
    return (side - 1) - ((side - 1) - where.abs()).abs()


def _within(side: int, start: Tensor, length: Tensor) -> Tensor:
    """Which of the pixels of a side lie in the stretch, (batch, side)."""
    where = torch.arange(side)
    return (where >= start[:, None]) & (where < (start + length)[:, None])


def _grey(images: Tensor) -> Tensor:
    """(batch, c, h, w) -> (batch, 1, h, w)."""
    if images.shape[1] == 1:
        return images
    return (images * torch.tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)


def _to_uint8(images: Tensor) -> Tensor:
    return images.round().clamp(0, 255).to(torch.uint8)
