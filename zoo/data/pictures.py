"""Whole pictures of their own sizes, kept once decoded, and random views of them for training.

`RandomViews` gives a batch for row numbers, as a tensor of images would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.data.cache import Cache
from zoo.data.decode import Pixels, decode_picture, each_row
from zoo.data.headers import Header
from zoo.data.pixel_store import keep_pixels, map_pixels
from zoo.data.views import draw_boxes, scaled_box

ENOUGH = 2  # a picture's short side is kept up to this many times the size that views have
THUMBNAIL = 64  # pixels
SAMPLED_ROWS = 512  # for statistics


class Pictures(Protocol):
    """Whole pictures; `shapes` are heights and widths, (rows, 2)."""

    rows: Any
    shapes: NDArray[np.int64]
    channels: int

    def __getitem__(self, row: int) -> Pixels:
        """One picture, (height, width, channels)."""
        ...


@dataclass
class KeptPictures:
    """Pictures in memory or mapped from the cache.

    Args:
        rows: What they were decoded from.
        shapes: Height and width of each, (rows, 2).
        channels: 1 or 3.
        pixels: All of them, one after the other.
    """

    rows: Any
    shapes: NDArray[np.int64]
    channels: int
    pixels: Pixels

    def __post_init__(self) -> None:
        self.offsets = offsets_of(self.shapes, self.channels)

    def __getitem__(self, row: int) -> Pixels:
        height, width = self.shapes[row]
        return self.pixels[self.offsets[row] : self.offsets[row + 1]].reshape(height, width, self.channels)

    def __getstate__(self) -> dict[str, Any]:
        """A loader process that is not forked maps the file again instead of getting a copy of it."""
        mapped = self.pixels.filename if isinstance(self.pixels, np.memmap) else None
        return vars(self) | {"pixels": mapped or self.pixels}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if isinstance(state["pixels"], str | Path):
            self.pixels = map_pixels(Path(state["pixels"]))


@dataclass
class DecodedPictures:
    """Pictures that are decoded whenever one is asked for."""

    rows: Any
    shapes: NDArray[np.int64]
    channels: int

    def __getitem__(self, row: int) -> Pixels:
        height, width = self.shapes[row].tolist()
        return decode_picture(self.rows[row], (height, width), self.channels)


def open_pictures(rows: Any, headers: Sequence[Header], channels: int, side: int, cache: Cache) -> Pictures:
    """The pictures of files for views of `side` pixels: kept where there is room.

    Raises:
        InputError: A file cannot be read.
    """
    shapes = np.array([_kept_shape(header, ENOUGH * side) for header in headers], dtype=np.int64).reshape(-1, 2)
    on_demand = DecodedPictures(rows, shapes, channels)
    form = {"short side": ENOUGH * side, "channels": channels}
    pixels = keep_pixels(on_demand.__getitem__, offsets_of(shapes, channels), rows, cache=cache, form=form)
    return on_demand if pixels is None else KeptPictures(rows, shapes, channels, pixels)


class RandomViews:
    """A random box of each picture, scaled to one size.

    Args:
        pictures: Whole pictures.
        size: Height and width of the views.
        mirrored: Whether half of the views are turned left to right. It costs nothing here.

    Shape:
        Row numbers (batch,) -> uint8 (batch, channels, height, width).
    """

    def __init__(self, pictures: Pictures, size: tuple[int, int], *, mirrored: bool) -> None:
        self.pictures = pictures
        self.size = size
        self.mirrored = mirrored

    def __len__(self) -> int:
        return len(self.pictures.shapes)

    def __getitem__(self, where: Tensor) -> Tensor:
        rows = where.numpy()
        boxes = draw_boxes(torch.from_numpy(self.pictures.shapes[rows])).tolist()
        turned = (torch.rand(len(rows)) < 0.5).tolist() if self.mirrored else [False] * len(rows)
        views = np.empty((len(rows), self.pictures.channels, *self.size), dtype=np.uint8)

        def put(place: int, picture: Pixels) -> None:
            view = scaled_box(picture, boxes[place], self.size)
            views[place] = view[:, :, ::-1] if turned[place] else view

        each_row(lambda place: self.pictures[rows[place]], put, self.pictures.rows[rows])
        return torch.from_numpy(views)

    def sample(self) -> Tensor:
        """Pixels for statistics: a grid over every picture, or over some of many, (rows, channels, grid, grid)."""
        rows = some_rows(len(self), SAMPLED_ROWS)
        grids = np.empty((len(rows), self.pictures.channels, THUMBNAIL, THUMBNAIL), dtype=np.uint8)

        def put(place: int, picture: Pixels) -> None:
            down, across = (np.arange(THUMBNAIL) * side // THUMBNAIL for side in picture.shape[:2])
            grids[place] = picture[down[:, None], across].transpose(2, 0, 1)

        each_row(lambda place: self.pictures[rows[place]], put, self.pictures.rows[rows])
        return torch.from_numpy(grids)


def some_rows(n: int, at_most: int) -> NDArray[np.int64]:
    """All row numbers, or as many as allowed: always the same ones, in order."""
    return np.arange(n) if n <= at_most else np.sort(np.random.default_rng(0).choice(n, at_most, replace=False))


def offsets_of(shapes: NDArray[np.int64], channels: int) -> NDArray[np.int64]:
    """Where each picture begins in the flat array, and where the last ends, (rows + 1,)."""
    return np.concatenate([[0], np.cumsum(shapes.prod(axis=1) * channels)]).astype(np.int64)


def _kept_shape(header: Header, short_side: int) -> tuple[int, int]:
    """Height and width with a short side of at most so many pixels."""
    share = min(1.0, short_side / min(header.height, header.width))
    return max(1, round(header.height * share)), max(1, round(header.width * share))
