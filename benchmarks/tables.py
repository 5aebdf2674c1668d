"""Tables: batches against TensorDataset, and a CSV of five million rows and thirty columns against pyarrow.

Loading alone: one shuffled epoch of batches of 256, no model, against `DataLoader(TensorDataset(...))` on the same
arrays. Reading: from the file to train, validation and test arrays (types, target, split, statistics, encoding, and
writing them into the cache) against `pyarrow.csv.read_csv`; then the second start, which finds them there. Each start is
a fresh process; its memory is the most it held, less what it held after the imports.
"""

from __future__ import annotations

import csv
import io
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.ratios import ROUNDS, Result, alternate, ratio, seconds
from zoo.data.parts import PARTS
from zoo.data.tabular import TabularDataModule

SHARED_DATA = Path(os.environ.get("ZOO_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
TARGET = "income"
BATCH = 256
AGAIN = ("age", "fnlwgt", "education-num", "hours-per-week", "race")  # of adult, drawn once more: 10 + 5 + 15 columns
_BLOCK = 500_000  # rows written at a time


def write_table(file: Path, n_rows: int) -> Path:
    """A CSV of rows drawn from diamonds (10 columns), from five columns of adult, and from adult (15 columns)."""
    tables = [_cells(SHARED_DATA / "diamonds" / "data.csv"), _cells(SHARED_DATA / "adult" / "train.csv")]
    places = [tables[1][0].index(name) for name in AGAIN]
    again = [[row[place] for place in places] for row in tables[1][1:]]
    tables.insert(1, [[f"{name}.2" for name in AGAIN], *again])
    lines = [pa.array([",".join(row) for row in rows[1:]]) for rows in tables]
    generator = np.random.default_rng(0)
    with file.open("wb") as stream:
        stream.write(",".join(name for rows in tables for name in rows[0]).encode() + b"\n")
        for start in range(0, n_rows, _BLOCK):
            count = min(_BLOCK, n_rows - start)
            drawn = [some.take(pa.array(generator.integers(0, len(some), count))) for some in lines]
            whole = pc.binary_join_element_wise(pc.binary_join_element_wise(*drawn, ","), "\n", "")
            stream.write(whole.buffers()[2][: pc.sum(pc.binary_length(whole)).as_py()])
    return file


def _cells(file: Path) -> list[list[str]]:
    with file.open(newline="") as stream:
        return list(csv.reader(stream))


@dataclass(frozen=True)
class Cost:
    """Of one start in a process of its own.

    Args:
        seconds: Wall clock.
        peak: Bytes held at most, less those held after the imports.
        made: What the work says it made: bytes of the arrays.
    """

    seconds: float
    peak: int
    made: int


def in_fresh_process(work: Callable[..., int], *arguments: object) -> Cost:
    """Run it where nothing but the imports was done before."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pyarrow.csv", "torch.utils.data", "zoo.data.tabular"])  # imports are done once
    with context.Pool(1) as pool:
        return pool.apply(_measured, (work, *arguments))


def _measured(work: Callable[..., int], *arguments: object) -> Cost:
    before, start = _memory("VmRSS"), time.perf_counter()
    with redirect_stderr(io.StringIO()):
        made = work(*arguments)
    return Cost(time.perf_counter() - start, _memory("VmHWM") - before, made)


def _memory(what: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(what))


def start_pyarrow(file: str) -> int:
    return int(pa_csv.read_csv(file).nbytes)


def start_zoo(file: str, cache: str) -> int:
    """All that happens before the first batch."""
    os.environ["ZOO_CACHE"] = cache
    data = TabularDataModule(file, target=TARGET)
    data.setup("fit")
    return sum(array.nbytes for part in PARTS for array in data.dataset(part).arrays.values())


@dataclass
class Starts:
    """First and second starts of zoo on one file, in turn with pyarrow."""

    file: Path
    folder: Path
    first: list[Cost] = field(default_factory=list)
    second: list[Cost] = field(default_factory=list)
    pyarrow: list[Cost] = field(default_factory=list)

    def zoo(self) -> float:
        cache = str(self.folder / "cache")
        shutil.rmtree(cache, ignore_errors=True)
        for costs in (self.first, self.second):
            costs.append(in_fresh_process(start_zoo, str(self.file), cache))
        return self.first[-1].seconds

    def plain(self) -> float:
        self.pyarrow.append(in_fresh_process(start_pyarrow, str(self.file)))
        return self.pyarrow[-1].seconds

    def note(self) -> str:
        mib = 1 << 20
        return (
            f"{self.file.stat().st_size / mib:.0f} MiB of CSV; encoded arrays {self.first[0].made / mib:.0f} MiB; at most "
            f"{max(cost.peak for cost in self.first) / mib:.0f} MiB held by zoo, "
            f"{max(cost.peak for cost in self.pyarrow) / mib:.0f} MiB by pyarrow; "
            f"first {_times(self.first)}, second {_times(self.second)}, pyarrow {_times(self.pyarrow)}"
        )


def _times(costs: list[Cost]) -> str:
    return "/".join(f"{cost.seconds:.2f}" for cost in costs) + " s"


def loading(folder: Path, n_rows: int, rounds: int) -> Result:
    """Seconds of an epoch of a TensorDataset over those of zoo's loader."""
    data = TabularDataModule(str(write_table(folder / "loading.csv", n_rows)), target=TARGET, batch_size=BATCH)
    with redirect_stderr(io.StringIO()):
        zoo = data.train_dataloader()
    plain = DataLoader(TensorDataset(*data.dataset("train").arrays.values()), batch_size=BATCH, shuffle=True)
    costs = alternate({"TensorDataset": seconds(lambda: walk(plain)), "zoo": seconds(lambda: walk(zoo))}, rounds=rounds)
    batches = len(zoo)
    print(f"a batch: {1e6 * min(costs['zoo']) / batches:.0f} us of {batches} batches", file=sys.stderr)
    return ratio(costs, "TensorDataset", "zoo", what="TensorDataset / zoo, an epoch of batches", bar=20, at_most=False)


def walk(batches: Iterable[object]) -> None:
    """An epoch in which nothing is done."""
    for _ in batches:
        pass


def run(small: bool) -> list[Result]:
    rounds = 2 if small else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        loaded = loading(Path(folder), 2_000 if small else 100_000, rounds)
        starts = Starts(write_table(Path(folder) / "table.csv", 5_000 if small else 5_000_000), Path(folder))
        costs = alternate({"pyarrow": starts.plain, "zoo": starts.zoo}, rounds=rounds)
        print(starts.note(), file=sys.stderr)
    return [
        loaded,
        ratio(costs, "zoo", "pyarrow", what="zoo, read and encoded / pyarrow.csv.read_csv", bar=2),
        Result("most memory of a start / encoded arrays", [cost.peak / cost.made for cost in starts.first], 2.5),
        Result(
            "second start / first start",
            [second.seconds / first.seconds for first, second in zip(starts.first, starts.second, strict=True)],
            0.1,
        ),
    ]


if __name__ == "__main__":
    from benchmarks.ratios import main

    sys.exit(main(run, __doc__))
