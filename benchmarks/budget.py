"""What a third of the training time costs when the schedule knows the time: error on validation rows of CIFAR-10.

Three fits of the same small network, by Muon, which gets furthest in few steps here: all the time, a third of it, and
a third of it cut out of the schedule of the whole (which is what stopping a training early amounts to). One figure a
way: it is accuracy that is compared, not speed, so rounds are not taken; another seed moves each by about a hundredth.
ZOO_BUDGET_SECONDS is all the time: 90 seconds unless it is set, in which a third is a few hundred steps; 600 are the
ten minutes of a real training.

The images are the public JPEG pack `cifar10/train.npz` in the folder that ZOO_SHARED_DATA names (or ../shared/data);
validation rows are split from its train part. Without it the digits that ship with scikit-learn stand in.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Timer
from PIL import Image

from benchmarks.ratios import Result, main
from zoo.callbacks import Budget
from zoo.cli.precision import choose
from zoo.cli.quiet import quiet
from zoo.data import ImageDataModule
from zoo.models import CNNClassifier

SHARED = Path(os.environ.get("ZOO_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
ROWS, VAL_ROWS = 45_000, 5_000
SECONDS = float(os.environ.get("ZOO_BUDGET_SECONDS", "90"))
WIDTHS = [16, 32, 64]  # a third of the time is some epochs too


def cifar10(file: Path, folder: str) -> str:
    """Unpack the first rows of the JPEG pack into an .npz of `x`, `y`, and return its path."""
    packed = np.load(file)
    jpeg, ends, n = packed["jpeg"], packed["offsets"], ROWS + VAL_ROWS
    images = [np.asarray(Image.open(io.BytesIO(jpeg[ends[i] : ends[i + 1]].tobytes()))) for i in range(n)]
    np.savez(Path(folder, "cifar10.npz"), x=np.stack(images), y=packed["labels"][:n])
    return str(Path(folder, "cifar10.npz"))


def error(path: str, precision: Any, clocks: list[Callback]) -> float:
    """Share of validation rows that the last weights get wrong after a fit that the clocks end."""
    torch.manual_seed(0)
    data = ImageDataModule(path, val_fraction=VAL_ROWS / (ROWS + VAL_ROWS), test_fraction=0.0, batch_size=128)
    model = CNNClassifier(data.inputs, data.num_classes, widths=WIDTHS, optimizer="muon", lr=0.02)
    started = time.perf_counter()
    trainer = Trainer(
        max_epochs=-1,
        accelerator="cpu",
        devices=1,
        precision=precision,
        gradient_clip_val=1.0,
        callbacks=clocks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(model, datamodule=data)
    accuracy = float(trainer.callback_metrics["val/accuracy"])
    print(
        f"accuracy {accuracy:.4f} after {time.perf_counter() - started:.1f} s, {trainer.global_step} steps, "
        f"last rate {trainer.optimizers[0].param_groups[0]['lr']:.2g}",
        file=sys.stderr,
    )
    return 1 - accuracy


def run(small: bool) -> list[Result]:
    seconds = 3.0 if small else SECONDS
    file = SHARED / "cifar10" / "train.npz"
    with tempfile.TemporaryDirectory() as folder, quiet():
        path = "sample:digits" if small or not file.is_file() else cifar10(file, folder)
        data = ImageDataModule(path, batch_size=128)
        precision, why = choose("cpu", CNNClassifier(data.inputs, data.num_classes, widths=WIDTHS), data)
        print(f"{path.rsplit('/', 1)[-1]}, {precision} ({why})", file=sys.stderr)
        whole, third = timedelta(seconds=seconds), timedelta(seconds=seconds / 3)
        print(f"{seconds:.0f} s, annealed over {seconds:.0f} s:", file=sys.stderr)
        long = error(path, precision, [Budget(whole)])
        print(f"{seconds / 3:.0f} s, annealed over {seconds / 3:.0f} s:", file=sys.stderr)
        short = error(path, precision, [Budget(third)])
        print(f"{seconds / 3:.0f} s, cut out of a schedule of {seconds:.0f} s:", file=sys.stderr)
        cut = error(path, precision, [Budget(whole), Timer(third, verbose=False)])
    return [
        Result(f"error of {seconds / 3:.0f} s annealed by time / of {seconds:.0f} s", [short / max(long, 1e-3)]),
        Result(
            f"error of {seconds / 3:.0f} s cut out of {seconds:.0f} s / of {seconds:.0f} s", [cut / max(long, 1e-3)]
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(run, __doc__))
