"""Run folders as a fit leaves them behind, written directly: comparing needs no training."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

CLASSES = ("no", "yes")


def fake_run(
    root: Path,
    name: str,
    *,
    model: str = "MLPClassifier",
    seed: int = 0,
    lr: float = 0.001,
    skill: float = 2.0,
    n_rows: int = 60,
    fingerprint: str = "abc",
    group: str | None = None,
    tags: Sequence[str] = (),
    options: dict[str, Any] | None = None,
    summary: dict[str, Any] | None = None,
) -> Path:
    """A finished, tested run of two classes.

    Args:
        root: Where to make its folder.
        name: Of the folder.
        model: Name of its class.
        seed: Of the run, and of its predictions.
        lr: Learning rate.
        skill: How far the logits lie on the right side.
        n_rows: Of the test split.
        fingerprint: Of the data.
        group: Left out, what model and settings say.
        tags: For W&B.
        options: More settings of the model.
        summary: Values that replace those of summary.json; None takes one out.
    """
    folder = root / name
    folder.mkdir(parents=True)
    write_config(folder, model=model, seed=seed, lr=lr, tags=tags, options=options or {})
    target = np.random.default_rng(0).integers(0, 2, n_rows)
    noise = np.random.default_rng([seed, *name.encode()]).normal(size=n_rows)
    p = 1 / (1 + np.exp(-(skill * (target * 2 - 1) + 2 * noise)))
    write_predictions(folder, target, p)
    p_right = np.where(target == 1, p, 1 - p)
    accuracy, loss = float(np.mean(p_right > 0.5)), float(-np.log(p_right).mean())
    history = [
        {"step": 10 * (epoch + 1), "epoch": epoch, "samples_seen": 320 * (epoch + 1), "seconds": epoch + 1.5}
        | {"train/loss": loss + 0.3 - 0.1 * epoch, "val/loss": loss + 0.2 - 0.1 * epoch, "val/accuracy": accuracy}
        for epoch in range(3)
    ]
    write_history(folder, history)
    content: dict[str, Any] = {
        "status": "finished",
        "name": name,
        "model": f"zoo.models.{model}",
        "seed": seed,
        "data_fingerprint": fingerprint,
        "rows_test": n_rows,
        "seconds": 3.5,
        "parameters": 67_598,
        "best_epoch": 2,
        "val/loss": loss,
        "val/accuracy": accuracy,
        "best/val/loss": loss,
        "best/val/accuracy": accuracy,
        "test/loss": loss,
        "test/accuracy": accuracy,
    }
    if group is not None:
        content["group"] = group
    content |= summary or {}
    (folder / "summary.json").write_text(json.dumps({key: v for key, v in content.items() if v is not None}))
    return folder


def fake_regression(root: Path, name: str, *, spread: float, seed: int = 0, n_rows: int = 80) -> Path:
    """A finished, tested run that predicts a number, off by as much as `spread`."""
    folder = root / name
    folder.mkdir(parents=True)
    write_config(folder, model="MLPRegressor", seed=seed, lr=0.001, tags=(), options={})
    target = np.random.default_rng(0).normal(size=n_rows)
    found = target + spread * np.random.default_rng([seed, 1]).normal(size=n_rows)
    lines = [f'"{i}",{t!r},{p!r}' for i, (t, p) in enumerate(zip(target.tolist(), found.tolist(), strict=True))]
    (folder / "predictions.csv").write_text('"index","target","prediction"\n' + "\n".join(lines) + "\n")
    error = found - target
    content = {"status": "finished", "data_fingerprint": "abc", "seconds": 2.0, "parameters": 1000}
    metrics = {"rmse": float(np.sqrt(np.mean(error**2))), "mae": float(np.abs(error).mean())}
    for split in ("test", "best/val"):
        content |= {f"{split}/{key}": value for key, value in metrics.items()}
    (folder / "summary.json").write_text(json.dumps(content))
    return folder


def write_config(
    folder: Path, *, model: str, seed: int, lr: float, tags: Sequence[str], options: dict[str, Any]
) -> None:
    config = {
        "seed_everything": seed,
        "trainer": {"max_epochs": 3},
        "model": {"class_path": f"zoo.models.{model}", "init_args": {"lr": lr, **options}},
        "data": {"class_path": "zoo.data.TabularDataModule", "init_args": {"path": "my.csv", "seed": 0}},
        "wandb": {"tags": list(tags)},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def write_predictions(folder: Path, target: Any, p: Any) -> None:
    """Two classes: the target's ids and the probability of the second, both (rows,)."""
    with (folder / "predictions.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["index", "target", "prediction", *(f"p_{name}" for name in CLASSES)])
        for i, (truth, chance) in enumerate(zip(target.tolist(), p.tolist(), strict=True)):
            writer.writerow([i, CLASSES[truth], CLASSES[int(chance > 0.5)], 1 - chance, chance])


def write_history(folder: Path, rows: Sequence[dict[str, float]]) -> None:
    with (folder / "metrics.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)
