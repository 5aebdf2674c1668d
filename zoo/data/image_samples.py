"""Image sets by name: `sample:digits` comes with scikit-learn, `torchvision:CIFAR10` is downloaded once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from zoo.data.cache import cache_folder
from zoo.data.image_source import array_source, channels_first
from zoo.data.sklearn_data import sklearn_data
from zoo.data.source import Source
from zoo.errors import InputError, did_you_mean

# How torchvision's sets call their parts, in the order of preference.
SPLIT_NAMES = {"train": ("train", "trainval"), "val": ("val", "valid"), "test": ("test",)}


def read_sample(path: str) -> dict[str, Source]:
    """The set behind `sample:NAME`.

    Raises:
        InputError: There is none of that name.
    """
    name = path.removeprefix("sample:")
    if name not in SAMPLES:
        raise InputError(f"{path}: no such sample of images: {did_you_mean(name, SAMPLES)}")
    return {"all": SAMPLES[name](path)}


def read_torchvision(path: str) -> dict[str, Source]:
    """The parts of `torchvision:NAME`, kept under `$ZOO_CACHE`, else in the user's cache folder.

    Raises:
        InputError: There is no such set, it cannot be downloaded, or it is no set of images with one class each.
    """
    import torchvision.datasets

    name = path.removeprefix("torchvision:")
    known = {key: value for key, value in vars(torchvision.datasets).items() if _has_parts(value)}
    if name not in known:
        raise InputError(f"{path}: no such data set: {did_you_mean(name, sorted(known))}")
    root = cache_folder() / "torchvision" / name
    found = {part: _open_part(known[name], part, root, path) for part in SPLIT_NAMES}
    sources = {part: _set_source(dataset, path) for part, dataset in found.items() if dataset is not None}
    if "train" not in sources:
        raise InputError(f"{path}: this data set has no train part that zoo can ask for: save it as class folders")
    return sources


def _digits(path: str) -> Source:
    """1,797 handwritten digits of 8 x 8 pixels."""
    rows = np.loadtxt(sklearn_data("digits.csv.gz"), delimiter=",")  # (images, 65): pixels 0-16, then the class
    pixels = np.rint(rows[:, :64] * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    return array_source(pixels, (pa.array(rows[:, 64].astype(int).astype(str)),), ("class",), path)


SAMPLES: dict[str, Callable[[str], Source]] = {"digits": _digits}


@dataclass(frozen=True)
class DatasetImage:
    """One image of a torchvision set that keeps files of its own; opened when it is needed."""

    dataset: Any
    row: int

    def __str__(self) -> str:
        return f"image {self.row} of {type(self.dataset).__name__}"

    def open(self) -> Image.Image:
        image: Image.Image = self.dataset[self.row][0]
        return image


def _has_parts(value: object) -> bool:
    if not isinstance(value, type):
        return False
    arguments = inspect.signature(value).parameters
    return {"root", "download"} <= set(arguments) and bool({"train", "split"} & set(arguments))


def _open_part(dataset: Any, part: str, root: Path, path: str) -> Any:
    """A part of the set, downloaded where needed; None where the set has no such part."""
    if "train" in inspect.signature(dataset).parameters:
        return None if part == "val" else _download(dataset, {"train": part == "train"}, root, path)
    for split in SPLIT_NAMES[part]:
        try:
            return _download(dataset, {"split": split}, root, path)
        except ValueError as error:
            # torchvision checks the name of a split before it downloads anything.
            if isinstance(error, InputError) or "split" not in str(error):
                raise
    return None


def _download(dataset: Any, part: dict[str, Any], root: Path, path: str) -> Any:
    try:
        root.mkdir(parents=True, exist_ok=True)
        return dataset(root=str(root), download=True, **part)
    except Exception as error:  # each set fails in its own way: URLError, RuntimeError, OSError, ...
        if isinstance(error, ValueError) and "split" in str(error):
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path}: could not be downloaded to {root} ({reason}): check the network, or put its files there"
        ) from error


def _set_source(dataset: Any, path: str) -> Source:
    labels = np.asarray(_labels(dataset))
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(f"{path}: not a data set of images with one class each")
    target = (pa.array(_class_words(labels, getattr(dataset, "classes", None))),)
    data = getattr(dataset, "data", None)
    if data is not None:
        return array_source(channels_first(np.asarray(data), path), target, ("class",), path)
    rows = np.array([DatasetImage(dataset, row) for row in range(len(labels))], dtype=object)
    return Source(rows, target, ("class",), np.arange(len(rows)), path)


def _labels(dataset: Any) -> Any:
    for name in ("targets", "labels", "_labels"):
        if getattr(dataset, name, None) is not None:
            return getattr(dataset, name)
    return [dataset[row][1] for row in range(len(dataset))]


def _class_words(labels: NDArray[Any], classes: Any) -> list[str]:
    if isinstance(classes, list) and len(classes) > labels.max() and all(isinstance(word, str) for word in classes):
        return [classes[label] for label in labels]
    return [str(label) for label in labels]
