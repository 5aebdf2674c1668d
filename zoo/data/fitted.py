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
from zoo.data.decode import Fit, decode, decode_fitted
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

    def __init__(self, rows: Any, fit: Fit) -> None:
        self.rows = rows
        self.fit = fit

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, where: Tensor) -> Tensor:
        return decode(self.rows[where.numpy()], self.fit)


def open_fitted(rows: Any, fit: Fit, cache: Cache) -> Tensor | FittedMapped | FittedOnDemand:
    """Images scaled to cover the size and cut at the centre, (rows, channels, height, width): kept where there is room.

    Raises:
        InputError: A file cannot be read.
    """
    if rows.dtype == np.uint8:
        return decode(rows, fit)
    shape = (len(rows), fit.channels, *fit.size)
    offsets = np.arange(len(rows) + 1, dtype=np.int64) * (fit.channels * fit.size[0] * fit.size[1])
    pixels = keep_pixels(lambda place: decode_fitted(rows[place], fit), offsets, rows, cache=cache, form=fit.form)
    if pixels is None:
        return FittedOnDemand(rows, fit)
    if isinstance(pixels, np.memmap):
        return FittedMapped(Path(str(pixels.filename)), shape)
    return torch.from_numpy(pixels).reshape(shape)
