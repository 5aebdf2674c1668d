"""Random views of a picture: a box of random area and shape, scaled to one size.

The boxes are drawn as torchvision's `RandomResizedCrop` draws them, a whole batch at a time.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

SCALE = (0.08, 1.0)  # of the picture's area
RATIO = (3 / 4, 4 / 3)  # width to height
ATTEMPTS = 10  # boxes drawn before the centre is taken


def draw_boxes(shapes: Tensor) -> Tensor:
    """A box in each picture, from torch's global generator.

    Shape:
        shapes (batch, 2), height and width -> (batch, 4), top, left, height and width; whole pixels.
    """
    n = len(shapes)
    height, width = shapes.long().unsqueeze(-1).unbind(1)  # (batch, 1)
    area, ratio = torch.rand(2, n, ATTEMPTS, dtype=torch.float64).unbind()
    area = (SCALE[0] + (SCALE[1] - SCALE[0]) * area) * (height * width)
    ratio = torch.exp(math.log(RATIO[0]) + (math.log(RATIO[1]) - math.log(RATIO[0])) * ratio)
    wide, tall = (area * ratio).sqrt().round().long(), (area / ratio).sqrt().round().long()  # (batch, attempts)
    fits = (wide > 0) & (wide <= width) & (tall > 0) & (tall <= height)
    first = fits.int().argmax(dim=1, keepdim=True)
    central = _central(shapes)
    found = fits.any(dim=1)
    tall = torch.where(found, tall.gather(1, first)[:, 0], central[:, 0])
    wide = torch.where(found, wide.gather(1, first)[:, 0], central[:, 1])
    free = torch.stack([height[:, 0] - tall, width[:, 0] - wide], dim=1)  # (batch, 2)
    corner = (torch.rand(n, 2, dtype=torch.float64) * (free + 1)).long()
    corner = torch.where(found[:, None], corner, free // 2)
    return torch.cat([corner, torch.stack([tall, wide], dim=1)], dim=1)


def scaled_box(picture: NDArray[np.uint8], box: tuple[int, int, int, int], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The box of a picture at another size: bilinear, over all pixels of the box where it shrinks.

    Shape:
        picture (h, w, c) and box (top, left, height, width) -> (c, height, width), not contiguous.
    """
    top, left, height, width = box
    window = picture[None, top : top + height, left : left + width].copy()  # contiguous, and torch may have it
    # Channels stay last inside: three times as fast as one channel after the other.
    scaled = F.interpolate(torch.from_numpy(window).permute(0, 3, 1, 2), size, mode="bilinear", antialias=True)
    pixels: NDArray[np.uint8] = scaled[0].numpy()
    return pixels


def _central(shapes: Tensor) -> Tensor:
    """The largest box of an allowed ratio, for pictures too long for any: (batch, 2) height and width."""
    height, width = shapes.double().unbind(1)
    ratio = width / height
    tall = torch.where(ratio < RATIO[0], (width / RATIO[0]).round(), height)
    wide = torch.where(ratio > RATIO[1], (height * RATIO[1]).round(), width)
    return torch.stack([tall, wide], dim=1).long()
