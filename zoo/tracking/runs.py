"""Runs as `zoo compare` and notebooks read them: from their folders, without torch.

A run of W&B is read into the same class by `zoo.tracking.wandb_runs`, under the same names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from zoo.errors import InputError
from zoo.tracking.flat_config import flat_config
from zoo.tracking.history import read_metrics
from zoo.tracking.run_folder import CONFIG, METRICS, PREDICTIONS, SUMMARY

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Run:
    """What is known of one run.

    Args:
        name: Of its folder, or its display name in W&B.
        place: Where it was read from: a folder, or wandb://entity/project/id.
        group: Runs of one group differ in their seed alone.
        config: What was set, under the flat keys of `flat_config`.
        summary: What it ended at and what it took, under the names of summary.json.
        folder: Where metrics.csv and predictions.csv lie.
    """

    name: str
    place: str
    group: str
    config: dict[str, Any]
    summary: dict[str, Any] = field(repr=False)
    folder: Path = field(repr=False)

    @cached_property
    def history(self) -> list[dict[str, float]]:
        """The rows of metrics.csv: step, epoch, samples_seen, seconds, and the metrics logged at that step."""
        file = self.folder / METRICS
        return read_metrics(file) if file.is_file() else []

    @cached_property
    def predictions(self) -> pa.Table | None:
        """predictions.csv of the test split; None where the run was not tested."""
        import pyarrow as pa
        from pyarrow import csv

        file = self.folder / PREDICTIONS
        if not file.is_file():
            return None
        columns = csv.open_csv(file).schema.names
        words = {name: pa.string() for name in columns if name in ("index", "target", "prediction")}
        return csv.read_csv(file, convert_options=csv.ConvertOptions(column_types=words, strings_can_be_null=False))


def read_run(folder: str | Path) -> Run:
    """The run in a folder, finished or not.

    Raises:
        InputError: No run folder, or one whose files are damaged.
    """
    place = Path(folder)
    if not (place / CONFIG).is_file():
        raise InputError(f"{folder} is no run folder: it holds no {CONFIG}")
    try:
        config = yaml.safe_load((place / CONFIG).read_text())
        summary = json.loads((place / SUMMARY).read_text()) if (place / SUMMARY).is_file() else {}
    except (yaml.YAMLError, json.JSONDecodeError) as error:
        raise InputError(f"{folder} cannot be read: {' '.join(str(error).split())[:200]}") from error
    name = place.resolve().name
    return Run(name, str(folder), summary.get("group") or name, flat_config(config), summary, place)
