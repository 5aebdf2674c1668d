"""How time and memory grow from ten thousand to five million rows: reading with encoding, and an epoch of batches.

Each size is a CSV of thirty columns; each start is a process of its own and finds nothing in the cache. What a start
costs whatever the size is taken to be what ten thousand rows cost, and is taken off the larger sizes before their cost
a row is compared: 1 is linear. All sizes take the way of the large ones, through the cache: small files are otherwise
read again at each start, and what that takes would be taken off the memory of an epoch that reads nothing.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.ratios import ROUNDS, Result
from benchmarks.tables import BATCH, TARGET, Cost, in_fresh_process, start_zoo, walk, write_table
from zoo.data import tabular
from zoo.data.tabular import TabularDataModule

SIZES = (10_000, 100_000, 1_000_000, 5_000_000)
SMALL_SIZES = (500, 1_000, 2_000, 4_000)
MOST = 1.3  # cost a row at the largest size over that at a fifth of it


def start(file: str, cache: str) -> int:
    """All that happens before the first batch, with a cache for tables of any size."""
    tabular.LEAST_BYTES = 0  # type: ignore[attr-defined]
    return start_zoo(file, cache)


def epoch(file: str, cache: str) -> int:
    """Microseconds of one shuffled epoch; the start before it found its arrays in the cache."""
    os.environ["ZOO_CACHE"] = cache
    tabular.LEAST_BYTES = 0  # type: ignore[attr-defined]
    data = TabularDataModule(file, target=TARGET, batch_size=BATCH)
    loader = data.train_dataloader()
    before = time.perf_counter()
    walk(loader)
    return int(1e6 * (time.perf_counter() - before))


def costs_of(file: Path, cache: Path) -> dict[str, float]:
    """Seconds and MiB of a start, seconds and MiB of an epoch."""
    shutil.rmtree(cache, ignore_errors=True)
    started: Cost = in_fresh_process(start, str(file), str(cache))
    walked = in_fresh_process(epoch, str(file), str(cache))
    return {
        "start, seconds": started.seconds,
        "start, MiB": started.peak / 2**20,
        "epoch, seconds": walked.made / 1e6,
        "epoch, MiB": walked.peak / 2**20,
    }


def run(small: bool) -> list[Result]:
    sizes = SMALL_SIZES if small else SIZES
    rounds = 2 if small else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        files = {size: write_table(Path(folder) / f"{size}.csv", size) for size in sizes}
        measured = [
            {size: costs_of(file, Path(folder) / "cache") for size, file in files.items()} for _ in range(rounds)
        ]
    fixed, _, middle, largest = sizes
    results = []
    for what in measured[0][fixed]:
        for size in sizes:
            middle_of = sorted(costs[size][what] for costs in measured)[rounds // 2]
            print(f"{what}: {middle_of:.3f} of {size} rows, {1e6 * middle_of / size:.2f} a million", file=sys.stderr)
        ratios = [growth({size: costs[size][what] for size in sizes}, fixed, middle, largest) for costs in measured]
        results.append(Result(f"{what}: a row of {largest} over a row of {middle}", ratios, MOST))
    return results


def growth(costs: dict[int, float], fixed: int, middle: int, largest: int) -> float:
    """Cost a row at the largest size over that at the middle one, without what the smallest costs.

    Example:
        >>> growth({10: 2.0, 100: 11.0, 500: 51.0}, 10, 100, 500)
        1.0
    """
    a_row = {size: (costs[size] - costs[fixed]) / (size - fixed) for size in (middle, largest)}
    return a_row[largest] / a_row[middle]


if __name__ == "__main__":
    from benchmarks.ratios import main

    sys.exit(main(run, __doc__))
