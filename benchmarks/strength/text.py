"""Texts from scratch: the shipped config of a family on public sets, beside TF-IDF with a linear model.

Each run is `zoo fit --config configs/transformer.yaml --data.path SET`, in a process of its own; nothing else is set
but the seed. Its accuracy and log loss on the test rows are read from summary.json. The peers are scikit-learn's
TF-IDF of words and pairs of words with a linear SVM and with logistic regression. Both train on all rows that are not
test rows; zoo takes its validation rows from these where a set has none of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from benchmarks.__main__ import commit

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SHARED_DATA = Path(os.environ.get("ZOO_SHARED_DATA", ROOT.parent / "shared" / "data"))
SETS = ("sst2", "sst2_glue", "trec6", "banking77", "ag_news_small", "sms_spam", "mr_rt_polarity")
FAMILIES = ("transformer", "cnn", "mlp")
TEST_SHARE = 0.2  # of a set that has no test file
OPTIONS = pa_csv.ParseOptions(newlines_in_values=True)
AS_TEXT = pa_csv.ConvertOptions(column_types={"text": pa.string(), "label": pa.string()}, strings_can_be_null=False)
Row = dict[str, Any]


def folder_of(name: str, temporary: Path) -> Path:
    """Where the parts of a set lie; a set without test rows is split 80/20, stratified, seed 0, into `temporary`."""
    folder = SHARED_DATA / name
    if (folder / "train.csv").exists():
        return folder
    made = temporary / name
    if not made.exists():
        made.mkdir(parents=True)
        table = read(folder / "data.csv")
        rows = list(range(len(table)))
        train, test = train_test_split(
            rows, test_size=TEST_SHARE, random_state=0, stratify=table["label"].to_numpy(zero_copy_only=False)
        )
        for part, chosen in (("train", train), ("test", test)):
            pa_csv.write_csv(table.take(chosen), made / f"{part}.csv")
    return made


def read(file: Path) -> pa.Table:
    return pa_csv.read_csv(file, parse_options=OPTIONS, convert_options=AS_TEXT)


def peers(folder: Path) -> dict[str, Row]:
    """Accuracy (and log loss, where there are probabilities) of the peers on the test rows."""
    train, test = read(folder / "train.csv"), read(folder / "test.csv")
    texts, labels = train["text"].to_pylist(), train["label"].to_pylist()
    truth = test["label"].to_pylist()
    found: dict[str, Row] = {}
    for name, head in (("TF-IDF + SVM", LinearSVC()), ("TF-IDF + logistic", LogisticRegression(max_iter=2000, C=10))):
        began = time.monotonic()
        model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), head).fit(texts, labels)
        found[name] = {
            "accuracy": float(model.score(test["text"].to_pylist(), truth)),
            "seconds": round(time.monotonic() - began, 1),
        }
        if hasattr(head, "predict_proba"):
            shares = model.predict_proba(test["text"].to_pylist())
            found[name]["log_loss"] = float(log_loss(truth, shares, labels=list(head.classes_)))
    return found


def fit(family: str, folder: Path, seed: int, runs: Path) -> Row:
    """One run of the shipped config; what its summary says of the test rows.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    name = f"{family}-{folder.name}-{seed}"
    command = [sys.executable, "-m", "zoo.cli.main", "fit", "--config", str(ROOT / "configs" / f"{family}.yaml")]
    command += ["--data", "TextDataModule"] if family != "transformer" else []
    command += ["--data.path", str(folder), "--seed_everything", str(seed)]
    command += ["--trainer.default_root_dir", str(runs), "--name", name, "--wandb.enabled", "false"]
    began = time.monotonic()
    subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    seconds = time.monotonic() - began
    summary = json.loads((runs / name / "summary.json").read_text())
    return {
        "set": folder.name,
        "model": family,
        "seed": seed,
        "accuracy": summary["test/accuracy"],
        "log_loss": log_loss_of(runs / name / "predictions.csv"),
        "epochs": summary["epochs"],
        "seconds": round(seconds, 1),
        "commit": commit(),
    }


def log_loss_of(predictions: Path) -> float:
    """Mean negative log of the probability that the true class got, in a run's predictions.csv."""
    table = pa_csv.read_csv(predictions, parse_options=OPTIONS)
    classes = [name.removeprefix("p_") for name in table.column_names if name.startswith("p_")]
    shares = [table[f"p_{name}"].to_pylist() for name in classes]
    place = {name: at for at, name in enumerate(classes)}
    truth = [place[str(label)] for label in table["target"].to_pylist()]
    return float(log_loss(truth, list(zip(*shares, strict=True)), labels=range(len(classes))))


def markdown(rows: Iterable[Row]) -> str:
    """A table: sets down, models across; mean ± standard deviation over the seeds, in points of accuracy.

    Example:
        >>> print(markdown([{"set": "a", "model": "m", "accuracy": 0.5}, {"set": "a", "model": "m", "accuracy": 0.6}]))
        | set | m |
        |---|---|
        | a | 55.0 ± 7.1 (2) |
    """
    rows = list(rows)
    sets, models = (list(dict.fromkeys(row[key] for row in rows)) for key in ("set", "model"))
    lines = ["| set | " + " | ".join(models) + " |", "|---" * (len(models) + 1) + "|"]
    for name in sets:
        cells = [cell([row["accuracy"] for row in rows if (row["set"], row["model"]) == (name, m)]) for m in models]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(values: Sequence[float]) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return f"{100 * values[0]:.1f}"
    return f"{100 * statistics.mean(values):.1f} ± {100 * statistics.stdev(values):.1f} ({len(values)})"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strength text", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="runs a set, with the seeds 0, 1, ...")
    parser.add_argument("--sets", default=",".join(SETS), help="some of the sets, by name")
    parser.add_argument("--model", default="transformer", choices=FAMILIES, help="family; its config is used")
    parser.add_argument("--out", type=Path, help="a file to which a JSON line a run is added")
    parser.add_argument("--table", type=Path, help="train nothing: make the table of such a file")
    chosen = parser.parse_args(argv)
    if chosen.table is not None:
        print(markdown(json.loads(line) for line in chosen.table.read_text().splitlines()))
        return 0
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        for name in chosen.sets.split(","):
            folder = folder_of(name, Path(temporary))
            rows += [{"set": name, "model": peer, **figures} for peer, figures in peers(folder).items()]
            for seed in range(chosen.seeds):
                rows.append(fit(chosen.model, folder, seed, Path(temporary) / "runs"))
                print(json.dumps(rows[-1]), flush=True)
                if chosen.out is not None:
                    with chosen.out.open("a") as stream:
                        stream.write(json.dumps(rows[-1]) + "\n")
    print(markdown(rows))
    return 0
