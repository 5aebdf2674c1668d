"""Run the benchmarks one after the other, each in a process of its own, and write benchmarks/SPEED.md.

python -m benchmarks [NAME...]
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from benchmarks.ratios import Result

HERE = Path(__file__).resolve().parent
NOT_BENCHMARKS = {"__init__", "__main__", "first_step", "ratios"}
TABLE = HERE / "SPEED.md"


def names() -> list[str]:
    return sorted(file.stem for file in HERE.glob("*.py") if file.stem not in NOT_BENCHMARKS)


def results_of(name: str) -> Iterator[Result]:
    """Run one benchmark; its table rows, its notes go to the terminal."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json"]
    done = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            result = Result(**json.loads(line))
            print(f"{name}: {result.line()}", flush=True)
            yield result


def row(name: str, result: Result) -> str:
    bar = "" if result.bar is None else f"{'≤' if result.at_most else '≥'} {result.bar:g}"
    verdict = {True: "yes", False: "**no**", None: ""}[result.reached]
    figures = f"{min(result.ratios):.2f} | **{result.median:.2f}** | {max(result.ratios):.2f}"
    return f"| `{name}` | {result.what} | {figures} | {bar} | {verdict} |"


def main() -> int:
    chosen = sys.argv[1:] or names()
    rows = [row(name, result) for name in chosen for result in results_of(name)]
    if sys.argv[1:]:
        return 0  # the table stands for all of them, from one run
    heading = (
        f"# Speed\n\nMade by `make bench` on {date.today()}, {os.cpu_count()} cores ({platform.machine()}). Each ratio is of "
        "times taken in the same run, in alternation; `python -m benchmarks.NAME` remakes one.\n\n"
        "| benchmark | ratio | min | median | max | bar | reached |\n|---|---|---|---|---|---|---|\n"
    )
    TABLE.write_text(heading + "\n".join(rows) + "\n")
    print(f"written: {TABLE.relative_to(Path.cwd())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
