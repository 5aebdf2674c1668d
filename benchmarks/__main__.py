"""Run the benchmarks one after the other, each in a process of its own, and write their rows into benchmarks/SPEED.md.

python -m benchmarks [NAME...]
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.ratios import Result, shown

HERE = Path(__file__).resolve().parent
NOT_BENCHMARKS = {"__init__", "__main__", "first_step", "ratios"}
TABLE = HERE / "SPEED.md"
HEADING = """\
# Speed

Made by `make bench`, {cores} cores ({kind}). Each ratio is of times taken in the same run, in alternation, on a machine
with nothing else to do; `python -m benchmarks NAME` remakes the rows of one benchmark. The last columns: seconds that
the whole benchmark took, and the commit it was run at.

| benchmark | ratio | min | median | max | bar | reached | s | at |
|---|---|---|---|---|---|---|---|---|
"""


def names() -> list[str]:
    return sorted(file.stem for file in HERE.glob("*.py") if file.stem not in NOT_BENCHMARKS)


def results_of(name: str) -> list[Result]:
    """Run one benchmark; its notes go to the terminal.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json"]
    done = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=True)
    return [Result(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]


def commit() -> str:
    """Of the checkout, with a + where files differ from it; nothing outside a checkout."""
    told = []
    for words in ("rev-parse --short HEAD", "status --porcelain --untracked-files=no -- zoo benchmarks/*.py"):
        done = subprocess.run(["git", *words.split()], cwd=HERE.parent, capture_output=True, text=True, check=False)
        told.append(done.stdout.strip() if done.returncode == 0 else "")
    return told[0] + ("+" if told[1] else "")


def row(name: str, result: Result, seconds: float, at: str) -> str:
    bar = "" if result.bar is None else f"{'≤' if result.at_most else '≥'} {result.bar:g}"
    verdict = {True: "yes", False: "**no**", None: ""}[result.reached]
    figures = f"{shown(min(result.ratios))} | **{shown(result.median)}** | {shown(max(result.ratios))}"
    return f"| `{name}` | {result.what} | {figures} | {bar} | {verdict} | {seconds:.0f} | {at} |"


def write(table: dict[str, list[str]]) -> None:
    """The rows of all benchmarks, in the order of their names."""
    rows = [line for name in names() for line in table.get(name, [])]
    TABLE.write_text(HEADING.format(cores=os.cpu_count(), kind=platform.machine()) + "\n".join(rows) + "\n")


def written() -> dict[str, list[str]]:
    """The rows that are there, by benchmark."""
    lines = TABLE.read_text().splitlines() if TABLE.exists() else []
    return {name: [line for line in lines if line.startswith(f"| `{name}` |")] for name in names()}


def main() -> int:
    failed = []
    for name in sys.argv[1:] or names():
        started, at = time.monotonic(), commit()
        try:
            results = results_of(name)
        except subprocess.CalledProcessError:
            failed.append(name)
            continue
        if not results:
            failed.append(name)  # its rows stand as they are
            continue
        for result in results:
            print(f"{name}: {result.line()}", flush=True)
        write(written() | {name: [row(name, result, time.monotonic() - started, at) for result in results]})
    if failed:
        print(f"did not finish: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
