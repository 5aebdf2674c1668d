"""Comparisons made by hand, with small run folders, for the tests of the page."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from zoo.comparing.comparison import Comparison, Group, Pair
from zoo.comparing.runs import Run

CLASSES = ("cat", "dog", "owl")
Rows = list[dict[str, Any]]


def write_rows(file: Path, rows: Rows) -> None:
    """Rows as a CSV file; a row may lack columns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)


def history(accuracy: float, epochs: int = 4, steps: int = 10) -> Rows:
    """Rows of metrics.csv: a loss every step, val metrics at the end of each epoch."""
    rows: Rows = []
    for step in range(1, epochs * steps + 1):
        epoch = (step - 1) // steps
        row = {"step": step, "epoch": epoch, "samples_seen": 32 * step, "seconds": 0.5 * step, "train/loss": 2 / step}
        if step % steps == 0:
            row |= {"val/accuracy": accuracy - 0.2 / (epoch + 1), "val/loss": 1 / (epoch + 1)}
        rows.append(row)
    return rows


def predictions(mistakes: int, rows: int = 30, classes: tuple[str, ...] = CLASSES) -> Rows:
    """Rows of predictions.csv; the first `mistakes` are wrong by one class."""
    found = []
    for row in range(rows):
        true, predicted = row % len(classes), (row + (row < mistakes)) % len(classes)
        found.append(
            {"index": row, "target": classes[true], "prediction": classes[predicted]}
            | {f"p_{name}": float(place == predicted) for place, name in enumerate(classes)}
        )
    return found


def run(folder: Path, group: str, accuracy: float | None, config: dict[str, Any], **summary: Any) -> Run:
    """A run without files; `folder` gives its name."""
    values = {"status": "finished", "data": "sample:digits", "seconds": 20.0, "parameters": 12_345}
    tested = {} if accuracy is None else {"test/accuracy": accuracy, "test/loss": 1 - accuracy}
    return Run(folder.name, str(folder), group, config, values | tested | summary, folder)


def whole_run(folder: Path, group: str, mistakes: int, config: dict[str, Any]) -> Run:
    """A run of 30 test rows with its metrics.csv and predictions.csv."""
    accuracy = 1 - mistakes / 30
    write_rows(folder / "metrics.csv", history(accuracy))
    write_rows(folder / "predictions.csv", predictions(mistakes))
    return run(folder, group, accuracy, config)


def compared(runs: list[Run], pairs: list[Pair] | None = None, notes: list[str] | None = None) -> Comparison:
    """Runs by test/accuracy, with the groups and differences that follow from them."""
    runs = sorted(runs, key=lambda run: -run.summary.get("test/accuracy", -1))
    keys = dict.fromkeys(key for run in runs for key in run.config)
    groups = []
    for name in dict.fromkeys(run.group for run in runs):
        members = [run for run in runs if run.group == name]
        values = [run.summary["test/accuracy"] for run in members if "test/accuracy" in run.summary]
        mean = sum(values) / len(values) if values else float("nan")
        std = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5 if len(values) > 1 else None
        means = {"test/accuracy": mean} if values else {}
        stds = {} if std is None else {"test/accuracy": std}
        groups.append(Group(name, [run.name for run in members], means, stds))
    return Comparison(
        runs=runs,
        metric="test/accuracy",
        higher_is_better=True,
        differences=[key for key in keys if len({repr(run.config.get(key)) for run in runs}) > 1],
        metrics=["test/accuracy", "test/loss"],
        groups=groups,
        pairs=pairs or [],
        notes=notes or [],
    )


def three_groups(folder: Path) -> Comparison:
    """Three families, two seeds each: mlp, cnn and transformer, in this order from best to worst."""
    runs = [
        whole_run(
            folder / f"{family}-{seed}",
            family,
            mistakes=1 + 4 * place + seed,
            config={"model": f"{family}!", "model_lr": rate, "model_norm": norm, "seed": seed, "max_epochs": 4},
        )
        for place, (family, rate, norm) in enumerate(
            [("mlp", 0.1, "batch"), ("cnn", 0.01, "batch"), ("transformer", 0.001, None)]
        )
        for seed in (0, 1)
    ]
    pairs = [
        Pair("mlp-0", "cnn-0", "accuracy", 0.1333, -0.01, 0.27, 0.07, "McNemar, exact", 30),
        Pair("mlp-0", "transformer-0", "accuracy", 0.2667, 0.08, 0.45, 0.004, "McNemar, exact", 30),
        Pair("cnn-0", "transformer-0", "accuracy", 0.1333, -0.02, 0.3, 0.1, "McNemar, exact", 30),
    ]
    return compared(runs, pairs, ["transformer-1 was left out of the pairs."])
