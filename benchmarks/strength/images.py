"""Images from scratch: the default config in a fixed time, one run a seed, the test split read at the end.

    python -m benchmarks.strength images --sets cifar10,mnist --seeds 5 --out images.jsonl

Each run is the shipped command, `zoo fit --config configs/cnn.yaml`, in a process of its own; nothing but the data, the
seed and the time is said. The seed is that of the split, of the initialisation and of the order of rows. A line of JSON a
run is appended to `--out`, and the table of all lines of that file is printed.

CIFAR-10 (JPEG) and MNIST are those of `$ZOO_SHARED_DATA` or `../shared/data`.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.__main__ import commit
from benchmarks.photographs import SHARED

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@dataclass(frozen=True)
class Job:
    """A set of images and the training that its bar is for.

    Args:
        prepare: Puts `train.npz` and `test.npz` into an empty folder, or gives a folder that has them.
        max_time: Of the training, DD:HH:MM:SS.
        bar: Accuracy that must be reached, a share.
        flags: Further arguments of `zoo fit`.
    """

    prepare: Callable[[Path], Path]
    max_time: str
    bar: float | None = None
    flags: tuple[str, ...] = ()


def cifar10(folder: Path) -> Path:
    """The JPEG files of CIFAR-10 as arrays, (rows, 32, 32, 3)."""
    for split in ("train", "test"):
        packed = np.load(SHARED / "cifar10" / f"{split}.npz")
        files, ends = packed["jpeg"].tobytes(), packed["offsets"]
        rows = [np.asarray(Image.open(io.BytesIO(files[a:b]))) for a, b in pairwise(ends)]
        np.savez(folder / f"{split}.npz", x=np.stack(rows), y=packed["labels"], classes=packed["classes"])
    return folder


def mnist(folder: Path) -> Path:
    return SHARED / "mnist"


SETS = {
    "cifar10": Job(cifar10, "00:00:10:00", bar=0.88),
    "mnist": Job(mnist, "00:00:03:00", bar=0.994),
}


def fit(path: Path, job: Job, seed: int, place: Path, *, max_time: str | None = None) -> dict[str, Any]:
    """Train by the real command and give its summary.json.

    Args:
        path: `data.path`.
        job: What to train.
        seed: Of the split and of the training.
        place: Folder for the run.
        max_time: In place of the job's own.

    Raises:
        subprocess.CalledProcessError: The command failed; its words are on the terminal.
    """
    command = [sys.executable, "-c", "import sys; from zoo.cli.main import main; sys.exit(main())", "fit"]
    command += ["--config", str(CONFIGS / "cnn.yaml"), "--data.path", str(path), "--name", "run"]
    command += [
        "--seed_everything",
        str(seed),
        "--data.seed",
        str(seed),
        "--trainer.max_time",
        max_time or job.max_time,
    ]
    subprocess.run([*command, "--trainer.logger", "false", *job.flags], cwd=place, stdout=sys.stderr, check=True)
    summary: dict[str, Any] = json.loads((place / "runs" / "run" / "summary.json").read_text())
    return summary


def line(name: str, seed: int, summary: dict[str, Any], at: str) -> dict[str, Any]:
    """What is kept of a run."""
    return {
        "set": name,
        "seed": seed,
        "accuracy": summary["test/accuracy"],
        "log_loss": summary["test/log_loss"],  # of the calibrated answers; test/loss is the smoothed one
        "val_accuracy": summary["best/val/accuracy"],
        "seconds": summary["seconds"],
        "epochs": summary["epochs"],
        "precision": summary["precision"],
        "commit": at,
    }


def spread(values: Iterable[float], digits: int) -> str:
    """Mean ± standard deviation over runs.

    Example:
        >>> spread([0.5, 0.7], 2), spread([0.5], 2)
        ('0.60 ± 0.14', '0.50')
    """
    numbers = list(values)
    mean = f"{statistics.fmean(numbers):.{digits}f}"
    return f"{mean} ± {statistics.stdev(numbers):.{digits}f}" if len(numbers) > 1 else mean


def table(lines: list[dict[str, Any]]) -> str:
    """Markdown, a row a set."""
    rows = [
        "| set | runs | accuracy | log loss | bar | reached | s | epochs | at |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(one["set"] for one in lines):
        runs = [one for one in lines if one["set"] == name]
        bar = SETS[name].bar if name in SETS else None
        reached = "" if bar is None else "yes" if statistics.fmean(one["accuracy"] for one in runs) >= bar else "**no**"
        cells = [
            f"`{name}`",
            str(len(runs)),
            spread((one["accuracy"] for one in runs), 4),
            spread((one["log_loss"] for one in runs), 3),
            "" if bar is None else f"≥ {bar:g}",
            reached,
            spread((one["seconds"] for one in runs), 0),
            spread((one["epochs"] for one in runs), 1),
            ", ".join(dict.fromkeys(one["commit"] for one in runs)),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS), help=f"of {', '.join(SETS)}, with commas between")
    parser.add_argument("--seeds", type=int, default=5, help="how many; they count from 0")
    parser.add_argument("--max_time", help="of each training in place of the set's own, DD:HH:MM:SS")
    parser.add_argument("--out", type=Path, default=Path("images.jsonl"), help="a line a run is appended to it")
    asked = parser.parse_args(arguments)
    names = asked.sets.split(",")
    if unknown := [name for name in names if name not in SETS]:
        parser.error(f"no set {', '.join(unknown)}: there are {', '.join(SETS)}")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            path = SETS[name].prepare(Path(folder))
            for seed in range(asked.seeds):
                with tempfile.TemporaryDirectory() as place:
                    summary = fit(path, SETS[name], seed, Path(place), max_time=asked.max_time)
                with asked.out.open("a") as file:
                    file.write(json.dumps(line(name, seed, summary, commit())) + "\n")
    print(table([json.loads(text) for text in asked.out.read_text().splitlines()]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
