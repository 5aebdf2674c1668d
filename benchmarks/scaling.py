"""Data-parallel training: the losses of two processes against those of one, and their samples a second.

`zoo fit` trains a small Transformer on sample:digits, once as one process with two threads and once as two processes
with one thread each and half the batch. Batch normalisation, dropout and augmentation are left out, since processes
draw them for themselves; all else is the same, so each step has the same loss, up to rounding.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml

from benchmarks.ratios import Result, alternate, main, ratio

ROOT = Path(__file__).resolve().parents[1]
GLOBAL_BATCH = 96


def run(small: bool) -> list[Result]:
    curves: dict[str, list[float]] = {}
    with TemporaryDirectory() as folder:
        ways = {
            name: partial(seconds_a_sample, Path(folder), name, processes, curves, small)
            for name, processes in (("two", 2), ("one", 1))
        }
        costs = alternate(ways, rounds=1 if small else 5)
    one, two = (np.array(curves[name]) for name in ("one", "two"))
    off = float(np.abs(two / one - 1).max())
    print(f"{len(one)} steps, loss from {one[0]:.4f} to {one[-1]:.4f}; two processes {two[-1]:.4f}", file=sys.stderr)
    return [
        Result("losses of 2 processes / 1, largest difference, in millionths", [off * 1e6], bar=100),
        ratio(costs, "one", "two", what="samples/s 2 processes x 1 thread / 1 process x 2 threads"),
    ]


def seconds_a_sample(folder: Path, name: str, processes: int, curves: dict[str, list[float]], small: bool) -> float:
    """Train; keep the loss of every step in `curves`."""
    config = folder / f"{name}.yaml"
    log = folder / f"{name}.csv"
    log.unlink(missing_ok=True)
    config.write_text(yaml.safe_dump(settings(processes, log, small)))
    command = [sys.executable, "-W", "ignore", "-m", "zoo.cli.main", "fit", "--config", str(config), "--name", name]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(2 // processes)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"zoo fit failed:\n{done.stderr}")
    runs = sorted((folder / "runs").glob(f"{name}*/summary.json"), key=lambda file: file.stat().st_mtime)
    with log.open(newline="") as stream:
        curves[name] = [float(row["train/loss_step"]) for row in csv.DictReader(stream) if row.get("train/loss_step")]
    return 1 / float(json.loads(runs[-1].read_text())["samples_per_second"])


def settings(processes: int, log: Path, small: bool) -> dict[str, object]:
    """The config of a run."""
    parallel = {"devices": 2, "strategy": "ddp"} if processes == 2 else {"devices": 1}
    network = {"d_model": 16, "n_layers": 1} if small else {"d_model": 128, "n_layers": 2}
    return {
        "model": {
            "class_path": "TransformerClassifier",
            "init_args": network | {"patch": 2, "dropout": 0.0, "lr": 1.0e-3},
        },
        "data": {
            "class_path": "ImageDataModule",
            "init_args": {"path": "sample:digits", "augment": [], "batch_size": GLOBAL_BATCH // processes},
        },
        "trainer": {
            "accelerator": "cpu",
            "max_epochs": 1 if small else 6,
            "log_every_n_steps": 1,
            "logger": {"class_path": "zoo.tracking.metrics_csv.MetricsCSV", "init_args": {"file": str(log)}},
        }
        | parallel,
    }


if __name__ == "__main__":
    sys.exit(main(run, __doc__))
