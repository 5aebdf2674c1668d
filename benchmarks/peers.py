"""zoo against fastai, skorch and pytorch-tabular: the same network on the same rows of the public table `adult`.

Each is trained in a process of its own with two threads, one epoch in turn; an epoch is all batches of the train rows
and the validation after it, with each library's own loss and accuracy. Progress bars, loggers and checkpoints are off
in each. The first epoch does not count.

The peers are installed once into an environment of their own, kept in the user's cache folder;
`--environment FOLDER` names another place. `ZOO_SHARED_DATA` names the folder of the public tables.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.peer_scripts import environment
from benchmarks.peer_scripts.task import THREADS, Task
from benchmarks.ratios import Result, alternate, main, ratio
from zoo.data import TabularDataModule
from zoo.data.source import flat_array
from zoo.networks.category_embedding import category_width

ROOT = Path(__file__).resolve().parents[1]
TARGET = "income"
BAR = 2.0
EPOCHS = 18  # an epoch takes a fraction of a second: more rounds than elsewhere against the noise


class Way:
    """A process that trains an epoch when it is told to.

    Args:
        name: Of the script, `with_NAME.py`.
        python: The interpreter that has the library.
        task: What to train.
    """

    def __init__(self, name: str, python: str | Path, task: Task) -> None:
        self.name = name
        self.log = Path(task.folder) / f"{name}.log"
        threads = {name: str(THREADS) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(python), "-m", f"benchmarks.peer_scripts.with_{name}", str(task.save())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=task.folder,  # for what a library writes where it is started
                env=os.environ | threads | {"PYTHONPATH": str(ROOT)},
            )

    def answer(self) -> dict[str, Any]:
        """The next thing that the process tells; what a library prints is passed over."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                told: dict[str, Any] = json.loads(line)
                return told
        raise RuntimeError(f"{self.name} ended early:\n{self.log.read_text()[-3000:]}")

    def epoch(self) -> float:
        """Train one epoch; the seconds it took."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.answer()["seconds"])

    def __enter__(self) -> Way:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()


def plain(table: pa.Table) -> pa.Table:
    """Words and numbers in the types in which others read them."""
    columns = {name: flat_array(table[name]) for name in table.column_names}
    return pa.table({n: c.cast(pa.int64()) if pa.types.is_integer(c.type) else c for n, c in columns.items()})


def write_task(source: Path, folder: Path, *, epochs: int, rows: int | None = None) -> Task:
    """Split as zoo does, and write the rows of each part for all to read."""
    data = TabularDataModule(str(source), target=TARGET)
    for part, kept in data.sources.items():
        table = plain(kept.rows.take(pa.array(kept.index))).append_column(TARGET, flat_array(kept.target[0]))
        pq.write_table(table.slice(0, rows), folder / f"{part}.parquet")
    learned = TabularDataModule(str(folder), target=TARGET)
    cardinalities = learned.inputs["cardinalities"]
    names = learned.encoder.category_names
    widths = {name: category_width(size) for name, size in zip(names, cardinalities, strict=True)}
    return Task(str(folder), TARGET, learned.encoder.numeric_names, widths, epochs)


def train_in_turn(pythons: dict[str, str | Path], task: Task) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Seconds of each epoch but the first, and what each way says of itself, by name."""
    with ExitStack() as stack:
        ways = {name: stack.enter_context(Way(name, python, task)) for name, python in pythons.items()}
        about = {name: way.answer() for name, way in ways.items()}
        for way in ways.values():
            way.epoch()
        seconds = alternate({name: way.epoch for name, way in ways.items()}, rounds=task.epochs - 1)
        for name, way in ways.items():
            about[name] |= way.answer()
        return seconds, about


def adult() -> Path:
    folder = Path(os.environ.get("ZOO_SHARED_DATA", ROOT.parent / "shared" / "data")) / "adult"
    if not folder.is_dir():
        sys.exit(f"the public table is not at {folder}: ZOO_SHARED_DATA names the folder that holds adult/train.csv")
    return folder


def measure(peers: Sequence[str], python: Path, *, small: bool) -> list[Result]:
    """Ratios of each peer to zoo; what was trained, and how well, goes to standard error."""
    pythons: dict[str, str | Path] = {"zoo": sys.executable} | dict.fromkeys(peers, python)
    with tempfile.TemporaryDirectory() as folder:
        task = write_task(adult(), Path(folder), epochs=3 if small else EPOCHS, rows=2_000 if small else None)
        seconds, about = train_in_turn(pythons, task)
    for name, told in about.items():
        print(
            f"{told['library']}: {told['parameters']:,} parameters, {min(seconds[name]):.3f} s an epoch at best, "
            f"test accuracy {told['accuracy']:.4f}, log loss {told['log_loss']:.4f} after {task.epochs} epochs",
            file=sys.stderr,
        )
    return [
        ratio(seconds, peer, "zoo", what=f"{peer} / zoo, seconds an epoch", bar=BAR, at_most=False) for peer in peers
    ]


def run(small: bool) -> list[Result]:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--environment", type=Path, default=environment.default_folder())
    folder: Path = parser.parse_known_args()[0].environment
    return measure(environment.make(folder), environment.python_of(folder), small=small)


if __name__ == "__main__":
    sys.exit(main(run, __doc__))
