"""Images: decoded once to uint8, then augmented and normalised a whole batch at a time.

file or array -> uint8 (rows, c, h, w), kept -> gather -> augment (train) -> float, mean 0 and std 1
photograph, for train -> whole picture, kept -> random view of it (c, h, w) -> augment -> float, mean 0 and std 1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from zoo.data.arrays import ArrayDataset, Batch
from zoo.data.augment import Named, build_augmentations, default_augmentations, name_and_options
from zoo.data.base import DataModule
from zoo.data.decode import Fit
from zoo.data.fitted import FittedMapped, FittedOnDemand, open_fitted
from zoo.data.headers import Header, find_headers
from zoo.data.image_source import read_images
from zoo.data.normalise import ImageTransform, channel_statistics
from zoo.data.pictures import SAMPLED_ROWS, RandomViews, open_pictures, some_rows
from zoo.data.source import Source
from zoo.errors import InputError
from zoo.messages import say

LARGEST_DEFAULT_SIDE = 96  # pixels; small enough to train from scratch on a laptop
MIRRORING = ("flip", "RandomHorizontalFlip")
IN_VIEWS = ("random_resized_crop", "flip")  # augmentations that random views bring with them
SAMPLED_BYTES = 256 * 2**20  # statistics of more pixels than this are taken from some of the images

Images = Tensor | FittedMapped | FittedOnDemand | RandomViews


class ImageDataModule(DataModule):
    """Images with classes, several labels or numbers.

    Args:
        path: Class folders (`path/<class>/*.jpg`), a folder of `train`, `val` and `test` with class folders in each,
            an .npz of `x` and `y` (or a folder of `train.npz`, `val.npz`, `test.npz`), `sample:digits`, or
            `torchvision:NAME` (`torchvision:CIFAR10`).
        target: Not used: the folder, or `y`, is the target.
        val_path: Images of their own for validation.
        test_path: Images of their own for test.
        val_fraction: Share of images for validation (0-1) where none are given.
        test_fraction: Share of images for test (0-1) where none are given.
        task: `auto`, `classification` or `regression`.
        image_size: Pixels: one number for squares, or height and width. None takes the size of the images where it
            is one and at most 96, else a square of at most 96. Images are scaled to cover it and cut at the centre.
            A pretrained backbone brings its own (on the command line; in Python `zoo.networks.data_settings`), as it
            does for channels, mean, std, interpolation and center_crop.
        channels: 1 (grey) or 3 (colour); None takes 1 where every train image is grey.
        mean: Of each channel, on 0-1; it is subtracted. None takes that of the train images.
        std: Of each channel, on 0-1; divided by it. None takes that of the train images.
        interpolation: How images are scaled: bicubic, bilinear, lanczos, box, hamming or nearest; None is bicubic.
            Views of random_resized_crop are bilinear.
        center_crop: Share of each side that is kept where images are cut at the centre, 0-1; None is 1.
        augment: Names for train: random_resized_crop, flip, vflip, crop, rotate, color, erase, rand_augment, or a
            class of `torchvision.transforms.v2`; with options as `{erase: {probability: 0.25}}`. None takes crop,
            and flip for colour photographs, and random_resized_crop
            in place of crop for those of 128 pixels and more; an empty list is none. Pictures for
            random_resized_crop are kept at twice the size of a view: a crop of less than a quarter of the area is
            enlarged from there, a little softer than from the original.
        batch_size: Images a batch; None sizes it by the number of images.
        num_workers: Loader processes; None chooses. 0 decodes and cuts in threads, which mostly is fastest.
        seed: Of the split, and of the order of train rows.
        cache_limit: GiB that decoded images may take on disk (in the user's cache folder, or `ZOO_CACHE`);
            the oldest go first. Without room there each epoch decodes them again; 0 keeps none.

    Shape:
        A batch holds `image` float32 (batch, channels, height, width), `target`, and `index` (batch,).

    Example:
        >>> data = ImageDataModule("sample:digits", batch_size=32)
        >>> data.inputs
        {'modality': 'image', 'channels': 1, 'height': 8, 'width': 8, 'mirrored': False}
        >>> next(iter(data.train_dataloader()))["image"].shape
        torch.Size([32, 1, 8, 8])
    """

    modality: ClassVar[str] = "image"

    def __init__(
        self,
        path: str,
        *,
        target: str | None = None,
        val_path: str | None = None,
        test_path: str | None = None,
        val_fraction: float = 0.15,
        test_fraction: float = 0.15,
        task: str = "auto",
        image_size: int | list[int] | None = None,
        channels: int | None = None,
        mean: list[float] | None = None,
        std: list[float] | None = None,
        interpolation: str | None = None,
        center_crop: float | None = None,
        augment: list[str | dict[str, Any]] | None = None,
        batch_size: int | None = None,
        num_workers: int | None = None,
        seed: int = 0,
        cache_limit: float = 50.0,
    ) -> None:
        super().__init__(
            path,
            target=target,
            val_path=val_path,
            test_path=test_path,
            val_fraction=val_fraction,
            test_fraction=test_fraction,
            task=task,
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
            cache_limit=cache_limit,
        )
        self.save_hyperparameters()
        if channels not in (None, 1, 3):
            raise InputError(f"data.channels must be 1 or 3, got {channels}")
        if target is not None:
            say(f"data.target is not used for images ({target!r}): the class is the folder, or y of an .npz")
        self.image_size = None if image_size is None else _height_width(image_size)
        self.channels = channels
        _check_statistics(mean, std)
        self.mean, self.std = mean, std
        # Size and channels are found in the train images.
        self._fit_to = Fit((0, 0), 0, interpolation or "bicubic", 1.0 if center_crop is None else center_crop)
        self.augment = augment
        build_augmentations(augment or ())  # a wrong name is told before anything is read
        self._mean: list[float] = []
        self._std: list[float] = []
        self._opened: tuple[Any, Images] | None = None

    def read(self, path: str, *, with_target: bool = True) -> dict[str, Source]:
        found = read_images(path, with_target=with_target)
        return found if with_target else {part: self._known_target_only(source) for part, source in found.items()}

    def fit_encoder(self, source: Source) -> None:
        headers = None
        if self.image_size is None or self.channels is None:
            headers = find_headers(source.rows, self.cache)
            size = self.image_size or default_size([(header.height, header.width) for header in headers])
            channels = self.channels or (1 if all(header.is_grey for header in headers) else 3)
        else:
            size, channels = self.image_size, self.channels
        self._fit_to = replace(self._fit_to, size=size, channels=channels)
        images = self._open(source.rows, training=True, headers=headers)
        self._opened = (source.rows, images)  # the train data set is made of it
        if self.mean is None or self.std is None:
            self._mean, self._std = channel_statistics(_sample(images))
        elif len(self.mean) == channels:
            self._mean, self._std = list(self.mean), list(self.std)
        else:
            raise InputError(
                f"data.mean and data.std must be {channels} numbers, one a channel, got {len(self.mean)}; "
                "or say data.channels"
            )

    def encode(self, source: Source) -> Batch:
        return {"image": source.rows}  # decoded by `make_dataset`: train images are kept in another form

    @property
    def encoder_inputs(self) -> dict[str, Any]:
        height, width = self._fit_to.size
        names = [name_and_options(named)[0] for named in self._augmentations()]
        mirrored = any(name in MIRRORING for name in names)  # a model may then ask both ways at test
        return {
            "modality": "image",
            "channels": self._fit_to.channels,
            "height": height,
            "width": width,
            "mirrored": mirrored,
        }

    def encoder_state(self) -> dict[str, Any]:
        fit = self._fit_to
        return {
            "size": list(fit.size),
            "channels": fit.channels,
            "interpolation": fit.interpolation,
            "center_crop": fit.center_crop,
            "mean": self._mean,
            "std": self._std,
        }

    def load_encoder_state(self, state: dict[str, Any]) -> None:
        size = (state["size"][0], state["size"][1])
        self._fit_to = Fit(size, state["channels"], state["interpolation"], state["center_crop"])
        self._mean, self._std = list(state["mean"]), list(state["std"])
        self._opened = None

    def make_dataset(self, arrays: Batch, *, training: bool) -> ArrayDataset:
        rows = cast(Any, arrays["image"])
        if self._opened is not None and self._opened[0] is rows:
            images, self._opened = self._opened[1], None
        else:
            images = self._open(rows, training=training)
        names = self._augmentations() if training else []
        if isinstance(images, RandomViews):
            names = [named for named in names if named not in IN_VIEWS]
        transform = ImageTransform(self._mean, self._std, build_augmentations(names))
        return ArrayDataset(arrays | {"image": cast(Tensor, images)}, transform)

    def _open(self, rows: Any, *, training: bool, headers: list[Header] | None = None) -> Images:
        """Decoded images: whole pictures where random views of them are wanted, else all of the final size."""
        names = self._augmentations() if training else []
        if "random_resized_crop" not in names or rows.dtype == np.uint8:
            return open_fitted(rows, self._fit_to, self.cache)
        size, channels = self._fit_to.size, self._fit_to.channels
        pictures = open_pictures(rows, headers or find_headers(rows, self.cache), channels, max(size), self.cache)
        return RandomViews(pictures, size, mirrored="flip" in names)

    def _augmentations(self) -> Sequence[Named]:
        if self.augment is not None:
            return self.augment
        return default_augmentations(self._fit_to.channels, *self._fit_to.size)

    def _known_target_only(self, source: Source) -> Source:
        """Images to predict keep a target only where the fitted target knows it: a subfolder may be no class."""
        encoder = self._target_encoder
        if encoder is None or not source.target:
            known = False
        elif encoder.task == "classification":
            known = len(source.target) == 1 and bool(
                (encoder.encode(source.target, source.target_names, source.path) >= 0).all()
            )
        else:
            known = list(source.target_names) == encoder.class_names
        return source if known else Source(source.rows, (), (), source.index, source.path, source.names)


def default_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Height and width: the common size up to 96, else a square of the median short side up to 96.

    Example:
        >>> default_size([(28, 20), (28, 20)]), default_size([(150, 150)]), default_size([(40, 60), (50, 30), (44, 70)])
        ((28, 20), (96, 96), (40, 40))
    """
    if len(set(sizes)) == 1 and max(sizes[0]) <= LARGEST_DEFAULT_SIDE:
        return sizes[0]
    side = min(LARGEST_DEFAULT_SIDE, int(np.median([min(size) for size in sizes])))
    return side, side


def _height_width(image_size: int | Sequence[int]) -> tuple[int, int]:
    sides = [image_size, image_size] if isinstance(image_size, int) else list(image_size)
    if len(sides) != 2 or min(sides) < 1:
        raise InputError(f"data.image_size must be one number of pixels, or height and width, got {image_size}")
    return sides[0], sides[1]


def _check_statistics(mean: Sequence[float] | None, std: Sequence[float] | None) -> None:
    if (mean is None) != (std is None):
        raise InputError("data.mean and data.std belong together: give both, or neither")
    if mean is not None and std is not None:
        if len(mean) != len(std):
            raise InputError(f"data.mean has {len(mean)} numbers and data.std {len(std)}: give one a channel")
        if not all(0 <= value <= 1 for value in mean) or not all(0 < value <= 1 for value in std):
            raise InputError(f"data.mean and data.std are of pixels on 0-1, std above 0; got {mean} and {std}")


def _sample(images: Images) -> Tensor:
    """Pixels to take statistics of, (rows, channels, height, width): all, or those of a fixed sample of the images."""
    if isinstance(images, RandomViews):
        return images.sample()
    if isinstance(images, Tensor) and images.numel() <= SAMPLED_BYTES:
        return images
    one = images[torch.tensor([0])].numel()
    at_most = SAMPLED_ROWS if isinstance(images, FittedOnDemand) else max(1, SAMPLED_BYTES // one)
    return images[torch.from_numpy(some_rows(len(images), at_most))]
