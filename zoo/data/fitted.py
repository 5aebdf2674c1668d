"""Images of one size, scaled to cover it and cut at the centre: in memory, mapped from the cache, or decoded on demand.

Each gives a batch for row numbers, as a tensor does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data.cache import Cache
from zoo.data.decode import decode, decode_fitted
from zoo.data.pixel_store import keep_pixels, map_pixels


class FittedMapped:
    """Images of one size in a file of the cache.

    Shape:
        Row numbers (batch,) -> uint8 (batch, channels, height, width).
    """

    def __init__(self, file: Path, shape: tuple[int, int, int, int]) -> None:
        self.file = file
        self.shape = shape
        self._pixels = map_pixels(file).reshape(shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, where: Tensor) -> Tensor:
        return torch.from_numpy(np.asarray(self._pixels[where.numpy()]))

    def __reduce__(self) -> tuple[Any, ...]:
        return FittedMapped, (self.file, self.shape)


class FittedOnDemand:
    """Images decoded to one size whenever a batch is asked for.

    Shape:
        Row numbers (batch,) -> uint8 (batch, channels, height, width).
    """

    def __init__(self, rows: Any, size: tuple[int, int], channels: int) -> None:
        self.rows = rows
        self.size = size
        self.channels = channels

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, where: Tensor) -> Tensor:
        return decode(self.rows[where.numpy()], self.size, self.channels)


def open_fitted(
    rows: Any, size: tuple[int, int], channels: int, cache: Cache
) -> Tensor | FittedMapped | FittedOnDemand:
    """Images scaled to cover the size and cut at the centre, (rows, channels, height, width): kept where there is room.

    Raises:
        InputError: A file cannot be read.
    """
    if rows.dtype == np.uint8:
        return decode(rows, size, channels)
    shape = (len(rows), channels, *size)
    offsets = np.arange(len(rows) + 1, dtype=np.int64) * (channels * size[0] * size[1])
    form = {"fitted": list(size), "channels": channels}
    pixels = keep_pixels(
        lambda place: decode_fitted(rows[place], size, channels), offsets, rows, cache=cache, form=form
    )
    if pixels is None:
        return FittedOnDemand(rows, size, channels)
    if isinstance(pixels, np.memmap):
        return FittedMapped(Path(str(pixels.filename)), shape)
    return torch.from_numpy(pixels).reshape(shape)
