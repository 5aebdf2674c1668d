"""The front door: how long from Enter to help, and from Enter to the first training step.

Help, version, lists and a mistyped command against an interpreter that does nothing. `zoo fit --config configs/mlp.yaml`
of one MLP, else with all its defaults (run folder, TensorBoard, W&B offline, ...), in an empty folder, up to the end of
the first training step, against an interpreter that imports what every LightningCLI begins with.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.ratios import Result, Way, alternate, main, ratio, seconds

ROOT = Path(__file__).resolve().parent.parent
ZOO = (sys.executable, "-m", "zoo.cli.main")
# What is typed -> its exit code.
LIGHT = {
    "--help": 0,
    "--version": 0,
    "list": 0,
    "list models --json": 0,
    "list configs": 0,
    "list backbones": 0,
    "fit --help": 0,
    "tset": 2,
}
MOST_SECONDS = 0.15  # over the interpreter
FIT = ("fit", "--config", "configs/mlp.yaml", "--model.ensemble", "1")  # an ensemble imports scikit-learn, a second
STOP = ("--trainer.callbacks+=benchmarks.first_step.FirstStep", "--trainer.callbacks.file=first_step")
IMPORT = "import lightning.pytorch.cli"
# For orientation: the same import as zoo does it, and the process ended as the benchmark ends zoo's.
BARE_IMPORT = f"import gc, os; gc.disable(); {IMPORT}; os._exit(0)"


def process(*command: str, expected: int = 0) -> None:
    """Run a command of its own process in an empty folder.

    Raises:
        RuntimeError: It does not exit as expected.
    """
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    if done.returncode != expected:
        raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}:\n{done.stderr}")


def first_step() -> float:
    """Seconds from starting `zoo fit` to the end of its first training step."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # W&B's service may still write
        start = time.time()
        done = subprocess.run([*ZOO, *FIT, *STOP], cwd=folder, env=environment(), capture_output=True, text=True)
        noted = Path(folder) / "first_step"
        if not noted.is_file():
            raise RuntimeError(f"zoo fit made no step:\n{done.stderr}")
        return float(noted.read_text()) - start


def environment() -> dict[str, str]:
    """This checkout first, and nothing of the user's W&B."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    return kept | {"PYTHONPATH": str(ROOT), "WANDB_MODE": "offline"}


def light(rounds: int) -> list[Result]:
    """Seconds over the interpreter, of each word of the front door."""
    ways: dict[str, Way] = {"pass": seconds(lambda: process(sys.executable, "-c", "pass"))}
    for words, code in LIGHT.items():
        ways[words] = seconds(lambda words=words, code=code: process(*ZOO, *words.split(), expected=code))  # type: ignore[misc]
    costs = alternate(ways, rounds=rounds)
    return [
        Result(f"seconds over `python -c pass`: zoo {words}", differences(costs[words], costs["pass"]), MOST_SECONDS)
        for words in LIGHT
    ]


def differences(over: Sequence[float], under: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(over, under, strict=True)]


def run(small: bool) -> list[Result]:
    results = light(2 if small else 5)
    ways: dict[str, Way] = {"zoo fit": first_step, "import": seconds(lambda: process(sys.executable, "-c", IMPORT))}
    if not small:
        ways["bare import"] = seconds(lambda: process(sys.executable, "-c", BARE_IMPORT))
    costs = alternate(ways, rounds=1 if small else 5)
    for name, taken in costs.items():
        print(f"{name}: {' '.join(f'{cost:.2f}' for cost in taken)} s", file=sys.stderr)
    results.append(ratio(costs, "zoo fit", "import", what=f"zoo fit to its first step / `{IMPORT}`", bar=1.15))
    if not small:
        what = "zoo fit to its first step / the same import, collector off, no clean-up at the end"
        results.append(ratio(costs, "zoo fit", "bare import", what=what))
    return results


if __name__ == "__main__":
    sys.exit(main(run, __doc__))
