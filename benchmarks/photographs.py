"""Photographs: zoo's image batches against torchvision's ImageFolder in a DataLoader.

Both give random resized crops of 224 pixels, mirrored at random, normalised, in batches of 32, with no model. ImageFolder
has as many loader processes as there are cores, zoo as many threads. The first epoch counts from the first look at the
folder, for zoo with an empty cache; later epochs follow in the same loaders.

The photographs are `trashnet512_sub` (384x512, in `$ZOO_SHARED_DATA` or `../shared/data`) under several names; without
it, cuttings of scikit-learn's two sample photographs.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmarks.ratios import Result, Way, alternate, main, ratio, seconds
from zoo.data import ImageDataModule

SHARED = Path(os.environ.get("ZOO_SHARED_DATA") or Path(__file__).resolve().parents[1].parent / "shared" / "data")
SIZE = 224
BATCH = 32
CLASSES = 6
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # of ImageNet, as everybody writes


def write_photographs(folder: Path, *, n_train: int, n_val: int) -> Path:
    """`folder/train/<class>/*.jpg` and `folder/val/<class>/*.jpg`: links to photographs, each under several names."""
    originals = sorted((SHARED / "trashnet512_sub").glob("*/*.jpg")) or cuttings(folder.with_name("originals"))
    for part, n in (("train", n_train), ("val", n_val)):
        for number, original in enumerate(islice(cycle(originals), n)):
            file = folder / part / f"class{number % CLASSES}" / f"{number:05}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(original.read_bytes())
    return folder


def cuttings(folder: Path) -> list[Path]:
    """Photographs of 384x512 from those that scikit-learn brings."""
    from sklearn.datasets import load_sample_images

    print("trashnet512_sub is not here: cuttings of scikit-learn's photographs take its place", file=sys.stderr)
    folder.mkdir(parents=True)
    corners = np.random.default_rng(0)
    for number in range(60):
        photograph = Image.fromarray(load_sample_images().images[number % 2])  # 640x427
        left, top = corners.integers(0, (photograph.width - 512, photograph.height - 384))
        photograph.crop((left, top, left + 512, top + 384)).save(folder / f"{number}.jpg", quality=95)
    return sorted(folder.glob("*.jpg"))


def torchvision_loader(folder: Path) -> DataLoader[Any]:
    pipeline = transforms.Compose(
        [
            transforms.RandomResizedCrop(SIZE),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    dataset = datasets.ImageFolder(str(folder / "train"), pipeline)
    workers = len(os.sched_getaffinity(0))
    return DataLoader(dataset, BATCH, shuffle=True, num_workers=workers, persistent_workers=True)


def zoo_loader(folder: Path) -> DataLoader[Any]:
    data = ImageDataModule(
        str(folder), image_size=SIZE, augment=["random_resized_crop", "flip"], batch_size=BATCH, test_fraction=0.0
    )
    return data.train_dataloader()


def epoch(loader: Iterable[Any]) -> int:
    """Every batch once; how many there were."""
    return sum(1 for _ in loader)


def zoo_first_epoch(folder: Path) -> Way:
    """With an empty cache each time; taking the last one away is not counted."""

    def timed() -> float:
        with tempfile.TemporaryDirectory() as cache:
            os.environ["ZOO_CACHE"] = cache
            return seconds(lambda: epoch(zoo_loader(folder)))()

    return timed


def run(small: bool) -> list[Result]:
    rounds = 2 if small else 5
    n_train = 48 if small else 1440
    cache_before = os.environ.get("ZOO_CACHE")
    with tempfile.TemporaryDirectory() as place:
        folder = write_photographs(Path(place) / "photographs", n_train=n_train, n_val=CLASSES)
        try:
            first = alternate(
                {"zoo": zoo_first_epoch(folder), "torchvision": seconds(lambda: epoch(torchvision_loader(folder)))},
                rounds=rounds,
            )
            os.environ["ZOO_CACHE"] = str(Path(place) / "cache")
            loaders = {"zoo": zoo_loader(folder), "torchvision": torchvision_loader(folder)}
            for loader in loaders.values():
                epoch(loader)
            later = alternate(
                {name: seconds(lambda loader=loader: epoch(loader)) for name, loader in loaders.items()}, rounds=rounds
            )
            again = alternate({"zoo": seconds(lambda: epoch(zoo_loader(folder)))}, rounds=rounds)
        finally:
            os.environ.pop("ZOO_CACHE")
            if cache_before is not None:
                os.environ["ZOO_CACHE"] = cache_before
    for name, costs in (("first epoch", first), ("later epoch", later), ("first epoch, cache found", again)):
        for way, times in costs.items():
            shown = ", ".join(f"{cost / n_train * 1e3:.2f}" for cost in times)
            print(f"{name}, {way}: {shown} ms an image", file=sys.stderr)
    return [
        ratio(first, "torchvision", "zoo", what="first epoch: torchvision / zoo", bar=1.0, at_most=False),
        ratio(later, "torchvision", "zoo", what="later epochs: torchvision / zoo", bar=6.0, at_most=False),
        ratio(
            {"torchvision": first["torchvision"], "zoo": again["zoo"]},
            "torchvision",
            "zoo",
            what="first epoch of the next run: torchvision / zoo",
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(run, __doc__))
