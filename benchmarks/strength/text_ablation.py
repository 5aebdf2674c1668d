"""What each ingredient of the shipped text config is worth: accuracy on validation rows, with it and without.

Each run is `zoo fit --config configs/transformer.yaml --data.path SET` with one setting changed; the accuracy is that
of the best epoch on its validation rows. Test rows are never read.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.strength.bars import Row
from benchmarks.strength.runs import csv_folder
from benchmarks.strength.runs import fit as fit_zoo

SETS = ("trec6", "banking77", "mr_rt_polarity", "sst2", "ag_news_small")
INGREDIENTS = {
    "as shipped": [],
    "no n-grams": ["--data.ngrams", "false"],
    "no convolution beside": ["--model.phrases", "false"],
    "no convolution before": ["--model.window", "1"],
    "no token dropout": ["--model.token_dropout", "0"],
    "no head dropout": ["--model.head_dropout", "0"],
    "no label smoothing": ["--model.label_smoothing", "0"],
    "two blocks": ["--model.n_layers", "2"],
    "d_model 64": ["--model.d_model", "64"],
    "no averaged weights": ["--ema.enabled", "false"],
}


def fit(ingredient: str, folder: Path, seed: int, runs: Path) -> Row:
    """One run; what its summary says of the validation rows.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    words = ["--config", "configs/transformer.yaml", "--data.path", str(folder), *INGREDIENTS[ingredient]]
    words += ["--trainer.logger", "false", "--trainer.limit_test_batches", "0", "--figures.enabled", "false"]
    return {"set": folder.name, "model": ingredient, "seed": seed, **fit_zoo(words, seed, runs, validation)}


def validation(summary: Row) -> Row:
    return {"accuracy": round(summary["best/val/accuracy"], 6), "log_loss": round(summary["best/val/log_loss"], 6)}


def markdown(rows: Sequence[Row]) -> str:
    """Mean accuracy over the seeds, an ingredient a line and a set a column."""
    sets, ingredients = (list(dict.fromkeys(row[key] for row in rows)) for key in ("set", "model"))
    lines = [f"| | {' | '.join(sets)} |", "|---" * (len(sets) + 1) + "|"]
    for ingredient in ingredients:
        cells = []
        for name in sets:
            found = [row["accuracy"] for row in rows if row["set"] == name and row["model"] == ingredient]
            cells.append(f"{statistics.mean(found):.3f}" if found else "")
        lines.append(f"| {ingredient} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strength text_ablation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="runs a cell, with the seeds 0, 1, ...")
    parser.add_argument("--sets", default=",".join(SETS), help="some of the sets, by name")
    parser.add_argument("--ingredients", default=",".join(INGREDIENTS), help="some of the rows, by name")
    chosen = parser.parse_args(argv)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        for name in chosen.sets.split(","):
            folder = csv_folder(name, Path(temporary) / "data", "label")
            for ingredient in chosen.ingredients.split(","):
                for seed in range(chosen.seeds):
                    rows.append(fit(ingredient, folder, seed, Path(temporary) / "runs"))
                    print(json.dumps(rows[-1]), flush=True)
    print(markdown(rows))
    return 0
