"""What all benchmarks of strength share: the run of `zoo fit`, the lines it leaves, and the public sets' folders.

A run is the shipped command in a process of its own, with both seeds (`--seed_everything`, `--data.seed`: of the
validation rows, where a set has none) and the words of its benchmark; besides, only W&B is off. Test rows are those of
the set's files and the same for all seeds. What the run says of them is read from its summary.json, at the best epoch.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn.model_selection import train_test_split

from benchmarks.strength.bars import CPU, METRICS, Bar, Row, identity, page

ROOT = Path(__file__).resolve().parents[2]
SHARED_DATA = Path(os.environ.get("ZOO_SHARED_DATA", ROOT.parent / "shared" / "data"))
MEASURED = Path(__file__).resolve().parent / "measured"
TEST_SHARE = 0.2  # of a set that has no test rows of its own
SPLIT_SEED = 0  # of those test rows; no seed of a run changes them


@dataclass(frozen=True)
class Benchmark:
    """Runs of zoo on some sets.

    Args:
        name: Of the module.
        about: Its docstring.
        time: Of all its runs with five seeds on two cores, in words.
        sets: Names of the public sets.
        words: What `zoo fit` is told of a set in a way, beside the data's path and the seeds.
        bars: What must be reached; a table each.
        folder: Gives `--data.path` of a set; may write files into the folder that it is given.
        ways: Of training.
        chosen: Ways that run unless others are asked for; all, if empty.
        peers: Figures of peers that are made here, in this process; name of the set, its folder.
    """

    name: str
    about: str
    time: str
    sets: tuple[str, ...]
    words: Callable[[str, str], Sequence[str]]
    bars: tuple[Bar, ...]
    folder: Callable[[str, Path], Path]
    ways: tuple[str, ...] = ("zoo",)
    chosen: tuple[str, ...] = ()
    peers: Callable[[str, Path], Iterable[Row]] | None = None

    def run(
        self, sets: Sequence[str], ways: Sequence[str], seeds: Iterable[int], more: Sequence[str], out: Path
    ) -> None:
        """All runs that `out` does not hold yet; a line each is added to it.

        Raises:
            subprocess.CalledProcessError: A run failed; its words are on the terminal.
        """
        seeds = list(seeds)
        with tempfile.TemporaryDirectory() as temporary:
            for name in sets:
                folder = self.folder(name, Path(temporary) / "data")
                if self.peers and not any("peer" in row and row["set"] == name for row in read_lines([out])):
                    for row in self.peers(name, folder):
                        keep({"set": name, **row}, out)
                for seed in seeds:
                    for way in ways:
                        row = {"benchmark": self.name, "set": name, "way": way, "seed": seed}
                        row |= {"more": " ".join(more), "commit": commit()}
                        if not row["commit"].endswith("+") and held(row, out):
                            continue
                        words = [*self.words(name, way), "--data.path", str(folder), *more]
                        keep(row | fit(words, seed, Path(temporary) / "runs"), out)

    def main(self, argv: Sequence[str]) -> int:
        """The command of this benchmark."""
        out = MEASURED / f"{self.name}.jsonl"
        parser = argparse.ArgumentParser(
            prog=f"python -m benchmarks.strength {self.name}",
            description=self.about,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument("--sets", default=",".join(self.sets), help="some of the sets, with commas between")
        if len(self.ways) > 1:
            chosen = ",".join(self.chosen or self.ways)
            parser.add_argument("--ways", default=chosen, help=f"of {', '.join(self.ways)}, with commas between")
        parser.add_argument("--seeds", type=int, default=5, help="how many")
        parser.add_argument("--first_seed", type=int, default=0, help="where they begin")
        parser.add_argument(
            "--out",
            type=Path,
            help=f"a line of JSON a run is added to it; what it holds of the same commit is not repeated ({out.name})",
        )
        parser.add_argument("--table", type=Path, metavar="FILE", help="no runs: the tables of such a file")
        parser.add_argument("more", nargs="*", help="after --: further words for zoo fit; they are kept in the lines")
        asked = parser.parse_args(list(argv))
        sets = asked.sets.split(",")
        if unknown := [name for name in sets if name not in self.sets]:
            parser.error(f"no set {', '.join(unknown)}: there are {', '.join(self.sets)}")
        ways = asked.ways.split(",") if len(self.ways) > 1 else list(self.ways)
        if unknown := [name for name in ways if name not in self.ways]:
            parser.error(f"no way {', '.join(unknown)}: there are {', '.join(self.ways)}")
        if asked.more and asked.out is None and asked.table is None:
            parser.error(f"further words need an --out of their own: {out} holds runs of the shipped configs")
        if asked.table is None:
            seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
            self.run(sets, ways, seeds, asked.more, asked.out or out)
        print(page(self.bars, read_lines([asked.table or asked.out or out, MEASURED / "peers.jsonl"])))
        return 0


def fit(words: Sequence[str], seed: int, runs: Path, read: Callable[[Row], Row] | None = None) -> Row:
    """One run of `zoo fit`; what is read of its summary (`figures`), and the seconds of the whole command.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    runs.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=runs))
    command = [sys.executable, "-m", "zoo.cli.main", "fit", *words, "--seed_everything", str(seed)]
    command += ["--data.seed", str(seed), "--trainer.default_root_dir", str(place), "--name", "run"]
    began = time.monotonic()
    subprocess.run(
        [*command, "--wandb.enabled", "false"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    seconds = time.monotonic() - began
    summary = json.loads((place / "run" / "summary.json").read_text())
    return (read or figures)(summary) | {"seconds": round(seconds, 1)}


def figures(summary: Row) -> Row:
    """What is kept of a summary.json; of the device, its name where it is no CPU.

    Example:
        >>> figures({"test/accuracy": 0.123456789, "test/loss": 9.0, "test/log_loss": 1.0, "epochs": 3, "precision": "32"})
        {'accuracy': 0.123457, 'log_loss': 1.0, 'epochs': 3, 'precision': '32'}
    """
    told = {metric: round(summary[f"test/{metric}"], 6) for metric in METRICS if f"test/{metric}" in summary}
    told |= {key: summary[key] for key in ("epochs", "precision")}
    device = summary.get("device", CPU)
    return told | ({} if device == CPU else {"device": device})


def commit() -> str:
    """The last one that changed what is measured, with a + where files differ from it; nothing outside a checkout."""
    told = []
    for words in ("log -1 --format=%h", "status --porcelain --untracked-files=no"):
        command = ["git", *words.split(), "--", "zoo", "configs", "benchmarks/strength/*.py"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        told.append(done.stdout.strip() if done.returncode == 0 else "")
    return told[0] + ("+" if told[1] else "")


# ---- lines -------------------------------------------------------------------------------------------------------


def read_lines(files: Iterable[Path]) -> list[Row]:
    """The rows of files of JSON lines; a file that is not there has none."""
    return [json.loads(line) for file in files if file.exists() for line in file.read_text().splitlines()]


def held(row: Row, out: Path) -> bool:
    return any(identity(one) == identity(row) for one in read_lines([out]))


def keep(row: Row, out: Path) -> None:
    """Add a row to a file, and say it; of two of the same run the later one counts."""
    print(json.dumps(row), file=sys.stderr, flush=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a") as file:
        file.write(json.dumps(row) + "\n")


# ---- folders -----------------------------------------------------------------------------------------------------


def csv_folder(name: str, files: Path, target: str, *, stratify: bool = True) -> Path:
    """Where train.csv and test.csv of a set lie; a set without test rows is split 80/20 into `files`, once."""
    folder = SHARED_DATA / name
    if (folder / "train.csv").exists():
        return folder
    made = files / name
    if not (made / "test.csv").exists():
        made.mkdir(parents=True, exist_ok=True)
        with (folder / "data.csv").open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        place = header.index(target)
        for part, chosen in zip(("train", "test"), split(rows, [row[place] for row in rows], stratify), strict=True):
            with (made / f"{part}.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([header, *chosen])
    return made


def image_folder(name: str, files: Path) -> Path:
    """`train/<class>` and `test/<class>` of a set of class folders, split 80/20 into `files`, once."""
    made = files / name
    if not (made / "test").exists():
        images = sorted((SHARED_DATA / name).glob("*/*.jpg"))
        for part, chosen in zip(("train", "test"), split(images, [file.parent.name for file in images]), strict=True):
            for file in chosen:
                copy = made / part / file.parent.name / file.name
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())
    return made


def split(rows: list[Any], labels: Sequence[str], stratify: bool = True) -> tuple[list[Any], list[Any]]:
    """The same train and test rows on every machine and for every seed of a run."""
    strata = labels if stratify else None
    train, test = train_test_split(rows, test_size=TEST_SHARE, random_state=SPLIT_SEED, stratify=strata)
    return train, test
