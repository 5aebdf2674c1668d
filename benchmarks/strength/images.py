"""Images from scratch: `configs/cnn.yaml` in a fixed time, nothing else set but the data and the seeds.

The seeds are those of the validation rows, of the initialisation and of the order of rows. CIFAR-10 (JPEG) and MNIST are
those of `$ZOO_SHARED_DATA` or `../shared/data`; their test files are read at the end.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.strength import runs
from benchmarks.strength.bars import Bar
from benchmarks.strength.runs import Benchmark

MAX_TIME = {"cifar10": "00:00:10:00", "mnist": "00:00:03:00"}  # DD:HH:MM:SS


def words(name: str, way: str) -> Sequence[str]:
    return ["--config", "configs/cnn.yaml", "--trainer.max_time", MAX_TIME[name]]


def folder(name: str, files: Path) -> Path:
    """train.npz and test.npz with `x` and `y`; the JPEG files of CIFAR-10 become arrays, (rows, 32, 32, 3), once."""
    shared, made = runs.SHARED_DATA / name, files / name
    if name != "cifar10":
        return shared
    for split in ("train", "test"):
        if not (made / f"{split}.npz").exists():
            packed = np.load(shared / f"{split}.npz")
            jpegs, ends = packed["jpeg"].tobytes(), packed["offsets"]
            rows = [np.asarray(Image.open(io.BytesIO(jpegs[a:b]))) for a, b in pairwise(ends)]
            made.mkdir(parents=True, exist_ok=True)
            np.savez(made / f"{split}.npz", x=np.stack(rows), y=packed["labels"], classes=packed["classes"])
    return made


BENCHMARK = Benchmark(
    name="images",
    about=__doc__,
    time="5 fits of 10 minutes and 5 of 3: about 70 minutes",
    sets=tuple(MAX_TIME),
    words=words,
    folder=folder,
    bars=(
        Bar("Images from scratch, 10 minutes", "images", ("cifar10",), limits={"cifar10": 0.88}),
        Bar("Images from scratch, 3 minutes", "images", ("mnist",), limits={"mnist": 0.994}),
    ),
)
main = BENCHMARK.main
