"""The end of an image's way: a uint8 batch is augmented, then float32 with mean 0 and std 1 a channel over train."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.data.arrays import Batch
from zoo.data.augment import Augmentation
from zoo.data.threads import for_each

HELD = 3  # one that is trained on, one that is made, one that waits
LARGE = 2**21  # values of a batch; from here on threads write it image by image

_ASKED = [np.empty(0)]
UNUSED = sys.getrefcount(_ASKED[0])  # of an array in a list that nobody else holds


class ImageTransform:
    """A gathered batch: augmented as uint8, then float32 with mean 0 and std 1 a channel.

    Args:
        mean: Of each channel, on 0-1.
        std: Of each channel, on 0-1.
        augmentations: Applied in turn, for train only.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], augmentations: Sequence[Augmentation]) -> None:
        # One multiplication and one addition: (x / 255 - mean) / std
        self.scale = (1 / (255 * torch.tensor(std)))[:, None, None]
        self.shift = (-torch.tensor(mean) / torch.tensor(std))[:, None, None]
        self.augmentations = list(augmentations)
        self._memory = UsedAgain()

    def __call__(self, batch: Batch) -> Batch:
        image = batch["image"]
        for augmentation in self.augmentations:
            image = augmentation(image)
        return batch | {"image": self.normalised(image)}

    def normalised(self, image: Tensor) -> Tensor:
        """uint8 (batch, channels, height, width) -> float32."""
        if image.numel() < LARGE:
            return torch.addcmul(self.shift, image.float(), self.scale)
        result = self._memory.floats(tuple(image.shape))
        # An image stays in a core's own memory between the two steps; torch would pass over the whole batch twice.
        pixels, floats, scale, shift = image.numpy(), result.numpy(), self.scale.numpy(), self.shift.numpy()

        def write(place: int) -> None:
            np.multiply(pixels[place], scale, out=floats[place])
            floats[place] += shift

        for_each(write, len(image))
        return result


class UsedAgain:
    """Memory of large batches, used again once nobody holds the batch: new memory costs as much as filling it.

    A batch, or any view of it, keeps its memory for as long as it lives; at most `HELD` wait to be used again.
    """

    def __init__(self) -> None:
        self._arrays: list[NDArray[np.float32]] = []
        self._choosing = threading.Lock()

    def floats(self, shape: tuple[int, ...]) -> Tensor:
        """A tensor of this shape with any content."""
        with self._choosing:
            for place in range(len(self._arrays)):
                # Held by the list and by the question itself, so by no tensor.
                if self._arrays[place].shape == shape and sys.getrefcount(self._arrays[place]) == UNUSED:
                    return torch.from_numpy(self._arrays[place])
            array = np.empty(shape, dtype=np.float32)
            self._arrays = [array, *self._arrays[: HELD - 1]]
            return torch.from_numpy(array)

    def __getstate__(self) -> dict[str, object]:
        return {}  # another process has memory of its own

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__init__()  # type: ignore[misc]


def channel_statistics(pixels: Tensor) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel on 0-1; a constant channel has std 1.

    From counts of the 256 values, so exact and without a float copy of the images.
    """
    values = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in pixels.unbind(dim=1):
        share = torch.bincount(channel.flatten(), minlength=256).double() / channel.numel()
        mean = (share * values).sum()
        std = float((share * (values - mean).square()).sum().sqrt())
        means.append(float(mean))
        stds.append(std if std > 1e-6 else 1.0)
    return means, stds
