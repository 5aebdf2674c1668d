"""The run folder: unique, never overwritten."""

from __future__ import annotations

import re
from pathlib import Path

from zoo.errors import InputError

CONFIG, SUMMARY, METRICS, PREDICTIONS = "config.yaml", "summary.json", "metrics.csv", "predictions.csv"
OLD_PREDICTIONS = "predictions-before.csv"  # of a run that was trained on since, and not tested again
# In predictions.csv:
PROBABILITY = "p_"  # begins the column of a class; predicted numbers have none
SEPARATOR = "|"  # between several labels of a row
UNKNOWN = ""  # a target of a class that train rows did not have


def new_run_folder(root: str | Path, name: str) -> Path:
    """Make `root/name`, or `root/name-2`, `root/name-3`, ... where that is taken.

    Two runs that start at once get two folders: making the folder is what claims the name.
    """
    if not name or "/" in name or name in (".", ".."):
        raise InputError(f"--name must be the name of a folder, got {name!r}")
    base = Path(root)
    base.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = base / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def default_name(model: str, data_path: str) -> str:
    """From model class and data path, e.g. `cnn-digits`.

    Example:
        >>> default_name("CNNClassifier", "sample:digits"), default_name("zoo.models.mlp.MLPRegressor", "my/houses.csv")
        ('cnn-digits', 'mlp-houses')
    """
    family = re.sub(r"(Classifier|Regressor)$", "", model.rsplit(".", 1)[-1]).lower() or "model"
    source = data_path.rsplit(":", 1)[-1].rstrip("/")
    stem = re.sub(r"\..*$", "", Path(source).name) or "data"
    if stem in ("train", "data") and Path(source).parent.name:
        stem = Path(source).parent.name
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{family}-{stem}").strip("-").lower()
