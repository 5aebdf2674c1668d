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
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmarks.ratios import Result, Way, alternate, main, ratio, seconds
from zoo.data import ImageDataModule
from zoo.data.threads import n_threads

SHARED = Path(os.environ.get("ZOO_SHARED_DATA") or Path(__file__).resolve().parents[1].parent / "shared" / "data")
SIZE = 224
BATCH = 32
CLASSES = 6
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # of ImageNet, as everybody writes


def write_photographs(folder: Path, *, n_train: int, n_val: int) -> Path:
    """`folder/train/<class>/*.jpg` and `folder/val/<class>/*.jpg`: photographs, each copied under several names."""
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


@contextmanager
def environment(name: str, value: str) -> Iterator[None]:
    """A variable of the environment for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name) if before is None else os.environ.update({name: before})


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
    return DataLoader(dataset, BATCH, shuffle=True, num_workers=n_threads(), persistent_workers=True)


def zoo_loader(folder: Path) -> DataLoader[Any]:
    data = ImageDataModule(
        str(folder), image_size=SIZE, augment=["random_resized_crop", "flip"], batch_size=BATCH, test_fraction=0.0
    )
    return data.train_dataloader()


def epoch(loader: Iterable[Any]) -> int:
    """Every batch once; how many there were."""
    return sum(1 for _ in loader)


def first_epoch(make: Callable[[Path], DataLoader[Any]], folder: Path, cache: Path | None) -> Way:
    """From the first look at the folder; with an empty cache where none is given. Tidying up is not counted."""

    def timed() -> float:
        with tempfile.TemporaryDirectory() as empty, environment("ZOO_CACHE", str(cache or empty)):
            start = time.perf_counter()
            loader = make(folder)
            epoch(loader)
            return time.perf_counter() - start  # before the loader is let go and ends its processes

    return timed


def later_epoch(loader: DataLoader[Any]) -> Way:
    epoch(loader)
    return seconds(lambda: epoch(loader))


def note(epochs: str, costs: Mapping[str, Sequence[float]], n_images: int) -> None:
    for way, times in costs.items():
        shown = ", ".join(f"{cost / n_images * 1e3:.2f}" for cost in times)
        print(f"{epochs}, {way}: {shown} ms an image", file=sys.stderr)


def run(small: bool) -> list[Result]:
    rounds, n_train = (2, 48) if small else (5, 960)
    with tempfile.TemporaryDirectory() as place:
        folder = write_photographs(Path(place) / "photographs", n_train=n_train, n_val=CLASSES)
        cache = Path(place) / "cache"
        with environment("ZOO_CACHE", str(cache)):
            loaders = {"zoo": zoo_loader(folder), "torchvision": torchvision_loader(folder)}
        first = alternate(
            {
                "zoo": first_epoch(zoo_loader, folder, None),
                "torchvision": first_epoch(torchvision_loader, folder, None),
                "zoo, next run": first_epoch(zoo_loader, folder, cache),
            },
            rounds=rounds,
        )
        note("first epoch", first, n_train)
        later = alternate({name: later_epoch(loader) for name, loader in loaders.items()}, rounds=rounds)
        note("later epochs", later, n_train)
    return [
        ratio(first, "torchvision", "zoo", what="first epoch: torchvision / zoo", bar=1.0, at_most=False),
        ratio(later, "torchvision", "zoo", what="later epochs: torchvision / zoo", bar=6.0, at_most=False),
        ratio(first, "torchvision", "zoo, next run", what="first epoch of zoo's next run: torchvision / zoo"),
    ]


if __name__ == "__main__":
    sys.exit(main(run, __doc__))
