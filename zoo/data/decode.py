"""Image files, arrays and what opens itself -> uint8 pixels of one kind: upright, grey or colour, without alpha."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from zoo.data.image_source import to_uint8
from zoo.data.threads import for_each
from zoo.errors import InputError, did_you_mean

GREY_MODES = ("1", "L", "LA", "La", "I", "F")

Pixels = NDArray[np.uint8]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Fit:
    """How an image is brought to its final size: scaled to cover it, and cut at the centre.

    Args:
        size: Height and width, in pixels.
        channels: 1 or 3.
        interpolation: A name of Pillow's: bicubic, bilinear, lanczos, box, hamming, nearest.
        center_crop: Share of each side that is kept (0-1).

    Raises:
        InputError: A name or share that cannot be.
    """

    size: tuple[int, int]
    channels: int
    interpolation: str = "bicubic"
    center_crop: float = 1.0

    def __post_init__(self) -> None:
        names = [kind.name.lower() for kind in Image.Resampling]
        if self.interpolation not in names:
            raise InputError(
                f"no interpolation {self.interpolation!r} (data.interpolation): {did_you_mean(self.interpolation, names)}"
            )
        if not 0 < self.center_crop <= 1:
            raise InputError(f"data.center_crop must be in (0, 1], got {self.center_crop}")

    @property
    def form(self) -> dict[str, Any]:
        """What tells kept pixels of this form from those of another; what is usual goes without saying."""
        form: dict[str, Any] = {"fitted": list(self.size), "channels": self.channels}
        if self.interpolation != "bicubic":
            form["interpolation"] = self.interpolation
        return form if self.center_crop == 1 else form | {"center_crop": self.center_crop}


def decode(rows: Any, fit: Fit) -> Tensor:
    """Image files or arrays as one uint8 tensor (rows, channels, height, width).

    Raises:
        InputError: Files that are no images or are cut off, naming the first.
    """
    if rows.dtype == np.uint8 and rows.shape[1:] == (fit.channels, *fit.size) and fit.center_crop == 1:
        return torch.from_numpy(np.require(rows, requirements=["C", "W"]))
    pixels = np.empty((len(rows), fit.channels, *fit.size), dtype=np.uint8)
    each_row(lambda place: decode_fitted(rows[place], fit), pixels.__setitem__, rows)
    return torch.from_numpy(pixels)


def decode_fitted(row: Any, fit: Fit) -> Pixels:
    """One image scaled to cover the size and cut at the centre, (channels, height, width)."""
    height, width = fit.size
    side = round(max(fit.size) / fit.center_crop)
    with open_image(row) as image:
        # A JPEG is decoded at half, a quarter, ... of its size where that is still twice what is needed.
        image.draft(image.mode, (2 * side, 2 * side))
        method = Image.Resampling[fit.interpolation.upper()]
        fitted = ImageOps.fit(_plain(image), (width, height), method, bleed=(1 - fit.center_crop) / 2)
        return _pixels(fitted, fit.channels).transpose(2, 0, 1)


def decode_picture(row: Any, size: tuple[int, int], channels: int) -> Pixels:
    """One whole image of a given size, mostly its own, (height, width, channels)."""
    height, width = size
    with open_image(row) as image:
        image.draft(image.mode, (min(size), min(size)))  # at least the size
        picture = _plain(image)
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.BICUBIC)
        return _pixels(picture, channels)


def each_row(read: Callable[[int], Result], put: Callable[[int, Result], None], rows: Any) -> None:
    """Read each row by its place and put away what came, in threads; rows that cannot be read are told of together.

    Raises:
        InputError: Some cannot; the first is named.
    """
    failed: dict[int, Exception] = {}

    def attempt(place: int) -> None:
        try:
            result = read(place)
        except Exception as error:  # Pillow raises whatever its format's plugin meets
            failed[place] = error
        else:
            put(place, result)  # outside: a full disk is no fault of the row

    for_each(attempt, len(rows))
    if failed:
        first = min(failed)
        error = failed[first]
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else " ".join(str(error).split())
        more = f", nor can {len(failed) - 1} more" if len(failed) > 1 else ""
        raise InputError(f"{rows[first]}: cannot be read ({reason}){more}: replace or delete it") from error


def open_image(row: Any) -> Image.Image:
    """An image from a path, from an array (channels, height, width), or from what opens itself."""
    if isinstance(row, str):
        return Image.open(row)
    if isinstance(row, np.ndarray):
        return Image.fromarray(row[0] if len(row) == 1 else np.ascontiguousarray(row.transpose(1, 2, 0)))
    image: Image.Image = row.open()
    return image


def _plain(image: Image.Image) -> Image.Image:
    """Any mode as upright L or RGB, 8 bits: 16-bit greys scaled, transparency over white."""
    is_grey = image.mode in GREY_MODES
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):  # 16 bits; older Pillow gives them as 32
        return Image.fromarray(to_uint8(np.asarray(image).clip(0, 65535).astype(np.uint16)))
    if image.mode == "F":
        return Image.fromarray(to_uint8(np.asarray(image)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return _in_mode(image, "L" if is_grey else "RGB")


def _pixels(image: Image.Image, channels: int) -> Pixels:
    """(height, width, channels)."""
    pixels = np.asarray(_in_mode(image, "L" if channels == 1 else "RGB"))
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)  # convert always copies
