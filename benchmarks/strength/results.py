"""The page of results: every bar's table from lines of JSON, as they stand in benchmarks/RESULTS.md.

Without files it takes those of benchmarks/strength/measured, where each benchmark leaves its lines.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.strength import finetune, images, ingredients, pretrained, tabular, text
from benchmarks.strength.bars import page
from benchmarks.strength.runs import MEASURED, Benchmark, read_lines

BENCHMARKS: tuple[Benchmark, ...] = tuple(module.BENCHMARK for module in (tabular, images, finetune, text, pretrained))
PAGE = MEASURED.parents[1] / "RESULTS.md"
HEADING = """\
# Strength

What the shipped configs reach on the test rows of public sets: mean ± standard deviation over the seeds, nothing tuned
for a set. `seconds` is of the whole command: images from scratch had two cores, all others one, with another run on the
second; `at` is the last commit that changed zoo, its configs or these benchmarks, and the GPU where there was one. The
peers have one run each, seed 0, with their own defaults; those of tables are run by
`benchmarks/peer_scripts/strength_of_tables.py`, RealMLP with one thread. HistGradientBoosting's log loss on wine_quality
and nursery is no slip: where classes have a few rows its default diverges, with each of five seeds.

The lines of all runs lie in `benchmarks/strength/measured/`. The command under a heading makes its runs and adds their
lines; `python -m benchmarks.strength results > benchmarks/RESULTS.md` makes this page of them.
"""


def written(files: Sequence[Path]) -> str:
    """The whole page."""
    bars = [bar for benchmark in BENCHMARKS for bar in benchmark.bars]
    rows = read_lines(files)
    return "\n".join([HEADING, page(bars, rows), "", ingredients.page(rows)]).rstrip() + "\n"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.strength results",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", type=Path, help="lines of JSON, a run each")
    asked = parser.parse_args(list(argv))
    print(written(asked.files or sorted(MEASURED.glob("*.jsonl"))), end="")
    return 0
