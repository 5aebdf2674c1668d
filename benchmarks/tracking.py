"""What it costs that a run is tracked: metrics.csv, TensorBoard, W&B (offline), and all they show at the end.

`zoo fit` of a small MLP for 2,000 steps as a command of its own, with all that is on by default, against the same with
`--trainer.logger false`: from Enter to the prompt, with W&B's start and finish, 200 logged steps, the test, tables,
pictures and the checkpoint's artifact. Both write checkpoints, summary.json, predictions.csv and figures/. What W&B alone
takes of it is shown by a third way, `--wandb.enabled false`.

    python -m benchmarks.tracking
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.ratios import ROUNDS, Result, alternate, main, ratio, seconds

ROOT = Path(__file__).resolve().parent.parent
ROWS, COLUMNS, CLASSES = 51_200, 32, 10  # 200 batches of 256 in an epoch
STEPS = 2000
WAYS: dict[str, list[str]] = {
    "tracked": [],
    "without W&B": ["--wandb.enabled", "false"],
    "logger false": ["--trainer.logger", "false"],
}


def table(folder: Path, rows: int) -> Path:
    """Rows whose class follows from their numbers; every fifth row is for validation or test."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(rows, COLUMNS)).astype(np.float32)
    y = (x @ draw.normal(size=(COLUMNS, CLASSES))).argmax(axis=1)
    columns = {f"x{i}": pa.array(x[:, i]) for i in range(COLUMNS)} | {"y": pa.array([f"c{i}" for i in y])}
    pq.write_table(pa.table(columns), folder / "table.parquet")
    return folder / "table.parquet"


def fit(file: Path, steps: int, words: list[str]) -> None:
    """Run the command in a folder of its own.

    Raises:
        RuntimeError: It fails.
    """
    call = [sys.executable, "-m", "zoo.cli.main", "fit", "--model", "MLPClassifier", "--model.ensemble", "1",
            "--model.hidden", "[128, 128]", "--data", "TabularDataModule", "--data.path", str(file),
            "--data.batch_size", "256",
            "--data.val_fraction", "0.1", "--data.test_fraction", "0.1", "--trainer.accelerator", "cpu",
            "--trainer.max_steps", str(steps), "--early_stopping.enabled", "false", *words]  # fmt: skip
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # W&B's service may still write
        done = subprocess.run(call, cwd=folder, env=environment(folder), capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(call)} exited with {done.returncode}:\n{done.stderr}")


def environment(folder: str) -> dict[str, str]:
    """This checkout first, and nothing of the user's W&B."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    own = {f"WANDB_{name}": folder for name in ("DATA_DIR", "CACHE_DIR", "CONFIG_DIR")}
    return kept | own | {"PYTHONPATH": str(ROOT), "WANDB_MODE": "offline", "ZOO_CACHE": folder}


def run(small: bool) -> list[Result]:
    steps = 20 if small else STEPS
    with tempfile.TemporaryDirectory() as folder:
        file = table(Path(folder), 2000 if small else int(ROWS / 0.8))
        ways = {name: seconds(lambda words=words: fit(file, steps, words)) for name, words in WAYS.items()}  # type: ignore[misc]
        costs = alternate(ways, rounds=1 if small else ROUNDS)
    for name, taken in costs.items():
        print(f"{name}: {' '.join(f'{cost:.2f}' for cost in taken)} s", file=sys.stderr)
    return [
        ratio(costs, "tracked", "logger false", what=f"zoo fit, {steps} steps: all loggers / logger false", bar=1.10),
        ratio(costs, "without W&B", "logger false", what=f"zoo fit, {steps} steps: without W&B / logger false"),
    ]


if __name__ == "__main__":
    sys.exit(main(run, __doc__))
