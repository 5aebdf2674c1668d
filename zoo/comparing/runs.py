"""Runs as `zoo compare` and notebooks read them: from their folders, without torch.

A run of W&B is read into the same class by `zoo.comparing.wandb_runs`, under the same names.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from zoo.comparing.stored_predictions import read_predictions
from zoo.errors import InputError
from zoo.tracking.flat_config import default_group, flat_config
from zoo.tracking.history import read_metrics
from zoo.tracking.run_folder import CONFIG, METRICS, PREDICTIONS, SUMMARY, default_name

if TYPE_CHECKING:
    import pyarrow as pa

UNFINISHED = "unfinished"  # no summary.json: it runs now, or was killed
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where libyaml is


@dataclass(frozen=True)
class Run:
    """What is known of one run.

    Args:
        name: Of its folder, or its display name in W&B.
        place: Where it was read from: a folder, or wandb://entity/project/id.
        group: As the user named it, of anything; else that of runs that differ in their seed alone.
        config: What was set, under the flat keys of `flat_config`.
        summary: What it ended at and what it took, under the names of summary.json.
        folder: Where metrics.csv and predictions.csv lie.
        tags: As given for W&B.
        fetch: Called with the name of a file before it is read, to bring it into the folder if there is one.
    """

    name: str
    place: str
    group: str
    config: dict[str, Any]
    summary: dict[str, Any] = field(repr=False)
    folder: Path = field(repr=False)
    tags: tuple[str, ...] = ()
    fetch: Callable[[str], object] | None = field(default=None, repr=False, compare=False)

    @property
    def status(self) -> str:
        """finished, interrupted, failed; unfinished where nothing says how it ended."""
        return str(self.summary.get("status") or UNFINISHED)

    @cached_property
    def history(self) -> list[dict[str, float]]:
        """The rows of metrics.csv: step, epoch, samples_seen, seconds, and the metrics logged at that step."""
        file = self._file(METRICS)
        return read_metrics(file) if file.is_file() else []

    @cached_property
    def predictions(self) -> pa.Table | None:
        """predictions.csv of the test split, as `read_predictions` gives it; None where the run was not tested."""
        file = self._file(PREDICTIONS)
        return read_predictions(file) if file.is_file() else None

    def _file(self, name: str) -> Path:
        if self.fetch is not None:
            self.fetch(name)
        return self.folder / name


def read_run(folder: str | Path) -> Run:
    """The run in a folder, finished or not.

    Raises:
        InputError: No run folder, or one whose files are damaged.
    """
    place = Path(folder)
    if not (place / CONFIG).is_file():
        raise InputError(f"{folder} is no run folder: it holds no {CONFIG}")
    try:
        config = yaml.load((place / CONFIG).read_text(), Loader=_LOADER)
        summary = json.loads((place / SUMMARY).read_text()) if (place / SUMMARY).is_file() else {}
        if not isinstance(config, dict) or not isinstance(summary, dict):
            raise TypeError(f"{CONFIG} or {SUMMARY} holds something else than keys and values")
        flat = flat_config(config)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, OSError) as error:
        raise InputError(f"{folder} cannot be read: {' '.join(str(error).split())[:200]}") from error
    name = place.resolve().name
    told = config.get("wandb")
    wandb: dict[str, Any] = told if isinstance(told, dict) else {}
    group = summary.get("group") or wandb.get("group") or group_of(name, flat)
    tags = wandb.get("tags") or summary.get("tags") or ()
    words = tags.split(",") if isinstance(tags, str) else map(str, tags)
    return Run(name, str(folder), str(group), flat, summary, place, tuple(words))


def group_of(name: str, flat: dict[str, Any]) -> str:
    """The group of a run that says none: of runs that differ in their seed alone, or its own name.

    Args:
        name: Of the run.
        flat: Its flat config.
    """
    if not {"model", "data_path"} <= set(flat):
        return name
    return default_group(default_name(str(flat["model"]), str(flat["data_path"])), flat)


def with_best_so_far(run: Run) -> Run:
    """A run that has not ended, with `best/val/...` and `val/...` from its history; any other as it is.

    The best epoch is that of the monitored metric where the run says which, else that of val/loss or val/rmse.
    """
    if any(name.startswith(("best/", "test/")) for name in run.summary):
        return run
    monitor = str(run.summary.get("monitor") or "val/loss")
    for name, sign in ((monitor, -1 if run.summary.get("monitor_mode") == "max" else 1), ("val/rmse", 1)):
        rows = [row for row in run.history if not math.isnan(row.get(name, math.nan))]
        if rows:
            best = min(rows, key=lambda row: sign * row[name])
            known: dict[str, Any] = {key: rows[-1][key] for key in ("epoch", "seconds") if key in rows[-1]}
            known |= {key: value for key, value in rows[-1].items() if key.startswith("val/")}
            known |= {f"best/{key}": value for key, value in best.items() if key.startswith("val/")}
            return replace(run, summary=known | run.summary)
    return run
