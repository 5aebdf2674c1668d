"""Images: decoded once to uint8 of one size, then augmented and normalised a whole batch at a time.

file or array -> `decode` -> uint8 (rows, c, h, w) in memory -> gather -> augment (train) -> float, mean 0 and std 1
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from zoo.data.arrays import ArrayDataset, Batch
from zoo.data.augment import Augmentation, build_augmentations, default_augmentations
from zoo.data.base import DataModule
from zoo.data.image_source import read_images, to_uint8
from zoo.data.source import Source
from zoo.errors import InputError
from zoo.messages import say

LARGEST_DEFAULT_SIDE = 96  # pixels; small enough to train from scratch on a laptop
GREY_MODES = ("1", "L", "LA", "La", "I", "F")
SIDES_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap height and width
ORIENTATION = 0x0112  # EXIF tag

Result = TypeVar("Result")


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
        channels: 1 (grey) or 3 (colour); None takes 1 where every train image is grey.
        augment: Names for train: flip, vflip, crop, rotate, color, erase, or a class of `torchvision.transforms.v2`.
            None takes crop, and flip for colour photographs; an empty list is none.
        batch_size: Images a batch; None sizes it by the number of images.
        num_workers: Loader processes; None chooses.
        seed: Of the split, and of the order of train rows.

    Shape:
        A batch holds `image` float32 (batch, channels, height, width), `target`, and `index` (batch,).

    Example:
        >>> data = ImageDataModule("sample:digits", batch_size=32)
        >>> data.inputs
        {'modality': 'image', 'channels': 1, 'height': 8, 'width': 8}
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
        augment: list[str] | None = None,
        batch_size: int | None = None,
        num_workers: int | None = None,
        seed: int = 0,
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
        )
        self.save_hyperparameters()
        if channels not in (None, 1, 3):
            raise InputError(f"data.channels must be 1 or 3, got {channels}")
        if target is not None:
            say(f"data.target is not used for images ({target!r}): the class is the folder, or y of an .npz")
        self.image_size = None if image_size is None else _height_width(image_size)
        self.channels = channels
        self.augment = augment
        build_augmentations(augment or ())  # a wrong name is told before anything is read
        self._size = (0, 0)
        self._channels = 0
        self._mean: list[float] = []
        self._std: list[float] = []
        self._decoded: tuple[Source, Tensor] | None = None

    def read(self, path: str, *, with_target: bool = True) -> dict[str, Source]:
        found = read_images(path, with_target=with_target)
        return found if with_target else {part: self._known_target_only(source) for part, source in found.items()}

    def fit_encoder(self, source: Source) -> None:
        self._size, self._channels = self._choose_form(source)
        pixels = decode(source.rows, self._size, self._channels)
        self._mean, self._std = channel_statistics(pixels)
        self._decoded = (source, pixels)

    def encode(self, source: Source) -> Batch:
        decoded, self._decoded = self._decoded, None  # train was decoded for its statistics
        if decoded is not None and decoded[0] is source:
            return {"image": decoded[1]}
        return {"image": decode(source.rows, self._size, self._channels)}

    @property
    def encoder_inputs(self) -> dict[str, Any]:
        height, width = self._size
        return {"modality": "image", "channels": self._channels, "height": height, "width": width}

    def encoder_state(self) -> dict[str, Any]:
        return {"size": list(self._size), "channels": self._channels, "mean": self._mean, "std": self._std}

    def load_encoder_state(self, state: dict[str, Any]) -> None:
        self._size = (state["size"][0], state["size"][1])
        self._channels = state["channels"]
        self._mean, self._std = list(state["mean"]), list(state["std"])
        self._decoded = None

    def make_dataset(self, arrays: Batch, *, training: bool) -> ArrayDataset:
        names = default_augmentations(self._channels, *self._size) if self.augment is None else self.augment
        return ArrayDataset(
            arrays, ImageTransform(self._mean, self._std, build_augmentations(names if training else ()))
        )

    def _choose_form(self, source: Source) -> tuple[tuple[int, int], int]:
        """Height and width, and channels: as given, else by the train images."""
        if self.image_size is not None and self.channels is not None:
            return self.image_size, self.channels
        headers = _headers(source.rows)
        size = self.image_size or default_size([(header.height, header.width) for header in headers])
        return size, self.channels or (1 if all(header.is_grey for header in headers) else 3)

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

    def __call__(self, batch: Batch) -> Batch:
        image = batch["image"]
        for augmentation in self.augmentations:
            image = augmentation(image)
        return batch | {"image": torch.addcmul(self.shift, image.float(), self.scale)}


class _Header(NamedTuple):
    height: int
    width: int
    is_grey: bool


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


def decode(rows: Any, size: tuple[int, int], channels: int) -> Tensor:
    """Image files or arrays as one uint8 tensor (rows, channels, height, width).

    Raises:
        InputError: Files that are no images or are cut off, naming the first.
    """
    if rows.dtype == np.uint8 and rows.shape[1:] == (channels, *size):
        return torch.from_numpy(np.require(rows, requirements=["C", "W"]))
    height, width = size
    pixels = np.empty((len(rows), height, width, channels), dtype=np.uint8)

    def decode_one(place: int) -> None:
        with _open(rows[place]) as image:
            # A JPEG is decoded at half, a quarter, ... of its size where that is still twice what is needed.
            image.draft(image.mode, (2 * max(size), 2 * max(size)))
            fitted = ImageOps.fit(_plain(image), (width, height), Image.Resampling.BICUBIC)
        pixels[place] = np.asarray(fitted.convert("L" if channels == 1 else "RGB")).reshape(height, width, channels)

    _in_threads(decode_one, rows)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def _headers(rows: Any) -> list[_Header]:
    """Size and colour of each image; of files only the header is read."""
    if rows.dtype == np.uint8:
        _, channels, height, width = rows.shape
        return [_Header(height, width, channels == 1)]

    def read_one(place: int) -> _Header:
        with _open(rows[place]) as image:
            width, height = image.size
            if image.getexif().get(ORIENTATION) in SIDES_TURNED:
                width, height = height, width
            return _Header(height, width, image.mode in GREY_MODES or image.mode.startswith("I;16"))

    return _in_threads(read_one, rows)


def _open(row: Any) -> Image.Image:
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
    return image.convert("L" if is_grey else "RGB")


def _in_threads(read_one: Callable[[int], Result], rows: Any) -> list[Result]:
    """Apply to each row's place, in threads (Pillow decodes outside the lock); tell of unreadable rows together."""

    failed: dict[int, Exception] = {}

    def attempt(place: int) -> Result | None:
        try:
            return read_one(place)
        except Exception as error:  # Pillow raises whatever its format's plugin meets
            failed[place] = error
            return None

    with ThreadPoolExecutor() as pool:
        results = list(pool.map(attempt, range(len(rows))))
    if failed:
        first = min(failed)
        error = failed[first]
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else " ".join(str(error).split())
        more = f", nor can {len(failed) - 1} more" if len(failed) > 1 else ""
        raise InputError(f"{rows[first]}: cannot be read ({reason}){more}: replace or delete it") from error
    return cast(list[Result], results)


def _height_width(image_size: int | Sequence[int]) -> tuple[int, int]:
    sides = [image_size, image_size] if isinstance(image_size, int) else list(image_size)
    if len(sides) != 2 or min(sides) < 1:
        raise InputError(f"data.image_size must be one number of pixels, or height and width, got {image_size}")
    return sides[0], sides[1]
