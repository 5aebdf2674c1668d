"""Training on blends of two images: mixup (Zhang et al. 2018, arXiv:1710.09412), CutMix (Yun et al. 2019,
arXiv:1905.04899). Both are torchvision's; the target of a blend is the same blend of the two targets.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.errors import InputError

Blend = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Mixing:
    """Blend each image of a batch with its neighbour; where both kinds are on, one is drawn for each batch.

    Args:
        mixup: Alpha of mixup, the weights of both images drawn from Beta(alpha, alpha); 0 is off.
        cutmix: Alpha of CutMix, the share of the pasted box drawn likewise; 0 is off.
        num_classes: Number of classes.

    Shape:
        image float (batch, c, h, w), target int64 (batch,) or float (batch, classes)
        -> image, target float (batch, classes)

    Raises:
        InputError: When it is called, of a batch without images.
    """

    def __init__(self, mixup: float, cutmix: float, num_classes: int) -> None:
        self.mixup = mixup
        self.cutmix = cutmix
        self.num_classes = num_classes
        self._blends: list[Blend] = []

    def __bool__(self) -> bool:
        return self.mixup > 0 or self.cutmix > 0

    def check(self, modality: str) -> None:
        """Raises: InputError where the data is no image."""
        if modality != "image":
            raise InputError(f"model.mixup and model.cutmix blend images, and the data is {modality}: leave them out")

    def __call__(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        self.check("image" if "image" in batch else ", ".join(batch))
        blends = self._built()
        blend = blends[int(torch.randint(len(blends), ()))] if len(blends) > 1 else blends[0]
        image, target = blend(batch["image"], batch["target"])
        return batch | {"image": image, "target": target}

    def _built(self) -> list[Blend]:
        from torchvision.transforms import v2

        if not self._blends:
            kinds = ((v2.MixUp, self.mixup), (v2.CutMix, self.cutmix))
            self._blends = [kind(alpha=alpha, num_classes=self.num_classes) for kind, alpha in kinds if alpha > 0]
        return self._blends
