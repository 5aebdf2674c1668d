"""Tables: `configs/mlp.yaml` on public sets, nothing set but the data and the seed, ranked among what users pick instead.

Each run is `zoo fit` in a process of its own. A set with test rows keeps them; another is split 80/20 (classes:
stratified), seed 0; zoo takes its validation rows from the train rows. Figures are of the test rows, at the best epoch.
The peers' figures are read from a file that `benchmarks/peer_scripts/with_tables.py` makes from the same files
(`--files DIR` keeps them there).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn.model_selection import train_test_split

from benchmarks.__main__ import commit

ROOT = Path(__file__).resolve().parents[2]
SHARED_DATA = Path(os.environ.get("ZOO_SHARED_DATA", ROOT.parent / "shared" / "data"))
TEST_SHARE = 0.2  # of a set that has no test file
METRICS = ("accuracy", "auroc", "log_loss", "rmse")
Row = dict[str, Any]


@dataclass(frozen=True)
class Set:
    """A public set: its target, and whether that is a number."""

    target: str
    regression: bool = False


SETS = {
    "adult": Set("income"),
    "bank_marketing": Set("y"),
    "telco_churn": Set("Churn"),
    "credit_g": Set("class"),
    "letter": Set("lettr"),
    "spambase": Set("class"),
    "wine_quality": Set("quality"),
    "nursery": Set("class"),
    "california_housing": Set("median_house_value", regression=True),
    "diamonds": Set("price", regression=True),
}


def folder_of(name: str, files: Path) -> Path:
    """Where train.csv and test.csv of a set lie; a set without test rows is split into `files`."""
    folder = SHARED_DATA / name
    if (folder / "train.csv").exists():
        return folder
    made = files / name
    if not (made / "test.csv").exists():
        made.mkdir(parents=True, exist_ok=True)
        with (folder / "data.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        place = header.index(SETS[name].target)
        labels = None if SETS[name].regression else [row[place] for row in rows]
        parts = train_test_split(rows, test_size=TEST_SHARE, random_state=0, stratify=labels)
        for part, chosen in zip(("train", "test"), parts, strict=True):
            with (made / f"{part}.csv").open("w", newline="") as file:
                csv.writer(file).writerows([header, *chosen])
    return made


def fit(name: str, seed: int, folder: Path, runs: Path, extra: Sequence[str] = ()) -> Row:
    """One run by the command line; what it says of the test rows.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    one, run = SETS[name], f"{name}-{seed}"
    command = [sys.executable, "-m", "zoo.cli.main", "fit", "--config", str(ROOT / "configs" / "mlp.yaml")]
    command += ["--data.path", str(folder), "--data.target", one.target]
    command += ["--model", "MLPRegressor"] if one.regression else ["--data.task", "classification"]
    command += ["--seed_everything", str(seed), "--trainer.default_root_dir", str(runs), "--name", run, *extra]
    began = time.monotonic()
    subprocess.run(
        [*command, "--wandb.enabled", "false"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    seconds = time.monotonic() - began
    summary = json.loads((runs / run / "summary.json").read_text())
    facts: Row = {"set": name, "seed": seed}
    facts |= {metric: summary[f"test/{metric}"] for metric in METRICS if f"test/{metric}" in summary}
    return facts | {"epochs": summary["epochs"], "seconds": round(seconds, 1), "commit": commit()}


def means(rows: Iterable[Row]) -> dict[str, dict[str, Row]]:
    """Set -> peer -> mean of each figure; zoo's own runs have no `peer`."""
    found: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        if "error" not in row:
            found.setdefault(row["set"], {}).setdefault(row.get("peer", "zoo"), []).append(row)
    return {
        name: {
            peer: {key: statistics.fmean(run[key] for run in runs) for key in (*METRICS, "seconds") if key in runs[0]}
            for peer, runs in peers.items()
        }
        for name, peers in found.items()
    }


def mean_ranks(figures: dict[str, dict[str, Row]], metric: str = "log_loss") -> dict[str, float]:
    """Mean over the sets of each one's rank, 1 the lowest figure; a set counts where zoo has it.

    Example:
        >>> mean_ranks({"a": {"zoo": {"log_loss": 0.1}, "x": {"log_loss": 0.2}}})
        {'zoo': 1.0, 'x': 2.0}
    """
    ranks: dict[str, list[int]] = {}
    for peers in figures.values():
        having = {peer: figure[metric] for peer, figure in peers.items() if metric in figure}
        if "zoo" in having:
            for peer, value in having.items():
                ranks.setdefault(peer, []).append(1 + sum(other < value for other in having.values()))
    return {peer: statistics.fmean(found) for peer, found in ranks.items()}


def markdown(rows: Sequence[Row], peers: Sequence[Row]) -> str:
    """Two tables: the runs, mean ± standard deviation over the seeds; and the log loss of all, with mean ranks."""
    lines = ["| set | accuracy | AUROC | log loss | RMSE | seconds | seeds |", "|---" * 7 + "|"]
    for name in dict.fromkeys(row["set"] for row in rows):
        runs = [row for row in rows if row["set"] == name]
        cells = [spread([run[metric] for run in runs if metric in run], metric) for metric in METRICS]
        seconds = statistics.fmean(run["seconds"] for run in runs)
        lines.append(f"| {name} | {' | '.join(cells)} | {seconds:.0f} | {len(runs)} |")
    figures = means([*rows, *peers])
    ranks = mean_ranks(figures)
    who = sorted(ranks, key=lambda peer: ranks[peer])
    lines += ["", f"| log loss | {' | '.join(who)} |", "|---" * (len(who) + 1) + "|"]
    for name in dict.fromkeys(row["set"] for row in rows if "log_loss" in row):
        cells = [format(figures[name].get(peer, {}).get("log_loss", float("nan")), ".4f") for peer in who]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines.append(f"| mean rank | {' | '.join(format(ranks[peer], '.2f') for peer in who)} |")
    return "\n".join(lines)


def spread(values: Sequence[float], metric: str) -> str:
    """Mean ± standard deviation; empty without values.

    Example:
        >>> spread([0.5, 0.6], "accuracy")
        '0.5500 ± 0.0707'
    """
    if not values:
        return ""
    form = ".0f" if metric == "rmse" else ".4f"
    more = f" ± {statistics.stdev(values):{form}}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):{form}}{more}"


def read_lines(file: Path | None) -> list[Row]:
    return [] if file is None or not file.exists() else [json.loads(line) for line in file.read_text().splitlines()]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strength tabular", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0")
    parser.add_argument("--sets", default=",".join(SETS), help="names with commas between")
    parser.add_argument("--out", type=Path, default=None, help="a file that each run's figures are added to, as JSON")
    parser.add_argument("--peers", type=Path, default=None, help="the peers' figures, a JSON line each")
    parser.add_argument("--files", type=Path, default=None, help="where to keep train.csv and test.csv of each set")
    parser.add_argument("--set", dest="extra", nargs="+", default=[], help="further words for zoo fit, for trying")
    parser.add_argument("--table", action="store_true", help="no runs: the table of those that --out holds")
    args = parser.parse_args(list(argv))
    rows = read_lines(args.out) if args.table else []
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(0 if args.table else args.seeds):
            for name in args.sets.split(","):
                folder = folder_of(name, args.files or Path(temporary) / "data")
                rows.append(fit(name, seed, folder, Path(temporary) / "runs", args.extra))
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
                if args.out is not None:
                    with args.out.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
    print(markdown(rows, read_lines(args.peers)))
    return 0
