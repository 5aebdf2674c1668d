"""Runs of a W&B project, read into the same `Run` as run folders, under the same names.

Config, summary, group and tags come with the list of runs. A run's whole history and its predictions.csv are brought
into the cache folder only when they are asked for, as the files that a run folder would hold.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from zoo.comparing.filters import Filter
from zoo.comparing.runs import Run, group_of
from zoo.errors import InputError
from zoo.tracking.flat_config import flat_config
from zoo.tracking.run_folder import METRICS
from zoo.tracking.wandb_api import one_line_errors, open_api
from zoo.tracking.wandb_settings import PREFIX, STEP

LIMIT = 2 * 2**30  # bytes of runs that are kept in the cache
NOT_SET = ("num_params", "data_fingerprint", "versions", "cli")  # keys of the config that nobody set


def read_project(place: str, filters: Sequence[Filter] = ()) -> list[Run]:
    """The runs of wandb://entity/project, or the one of wandb://entity/project/run-id.

    Args:
        place: The address.
        filters: Of these the server sees group=... and tags=...; whoever calls applies them all.

    Raises:
        InputError: No account, no such project or run, or no answer.
    """
    parts = place.removeprefix(PREFIX).strip("/").split("/")
    if len(parts) not in (2, 3) or not all(parts) or ":" in parts[-1]:
        raise InputError(
            f"{place} is no project of W&B: write wandb://entity/project, or wandb://entity/project/run-id"
        )
    with of(place):
        api = open_api()
        if len(parts) == 3:
            return [run_of(api.run("/".join(parts)))]
        return [run_of(found) for found in api.runs("/".join(parts), filters=_for_server(filters), lazy=False)]


@contextmanager
def of(place: str) -> Iterator[None]:
    """Within, what goes wrong at the server is one line that names the place."""
    try:
        with one_line_errors():
            yield
    except ValueError as error:  # the client's own for a project or run that is not there
        raise InputError(f"{place} cannot be read: {' '.join(str(error).split())[:200]}") from error


def _for_server(filters: Sequence[Filter]) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = []
    for one in filters:
        if one.relation == "=" and not set("*?[") & set(one.value):
            conditions += [{"group": one.value}] if one.key == "group" else []
            conditions += [{"tags": {"$in": [one.value]}}] if one.key == "tags" else []
    return {"$and": conditions} if conditions else {}


def run_of(found: Any) -> Run:
    """A run as the client gives it (`wandb.Api().run(...)`) in the words of a run folder."""
    config = dict(found.config)
    flat = flat_of(config)
    summary = summary_of(found.summary_metrics)
    for name, key in (("parameters", "num_params"), ("data_fingerprint", "data_fingerprint"), ("seed", "seed")):
        if config.get(key) is not None:
            summary.setdefault(name, config[key])
    # The server knows of a crash that the run could not write down, and of a run that goes on.
    summary["status"] = found.state if found.state != "finished" else summary.get("status", "finished")
    name = str(found.name or found.id)
    group = found.group or summary.get("group") or group_of(name, flat)
    folder = _folder(found)
    return Run(
        name=name,
        place=f"{PREFIX}{found.entity}/{found.project}/{found.id}",
        group=str(group),
        config=flat,
        summary=summary,
        folder=folder,
        tags=tuple(map(str, found.tags or ())),
        fetch=partial(bring, found, folder),
    )


def flat_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The flat config among what a W&B config holds; a sweep adds its dotted keys, which say the same again."""
    flat = {
        key: value
        for key, value in config.items()
        if key not in NOT_SET
        and not key.startswith("_")
        and not set("./") & set(key)
        and isinstance(value, str | int | float | bool | list)
    }
    whole = config.get("cli")
    return flat if flat or not isinstance(whole, dict) else flat_config(whole)


def summary_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers and words of a W&B summary; a metric with several summaries counts as its last."""
    summary: dict[str, Any] = {}
    for key, value in found.items():
        one = value.get("last") if isinstance(value, Mapping) else value
        if not key.startswith("_") and isinstance(one, str | int | float | bool):
            summary[key] = number(one) if "/" in key else one
    if "seconds" not in summary and isinstance(found.get("_runtime"), int | float):
        summary["seconds"] = found["_runtime"]
    return summary


def number(value: Any) -> Any:
    """W&B writes what JSON has no number for as NaN, Infinity and -Infinity."""
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def _folder(found: Any) -> Path:
    """The run's place in the cache; another one when the run went on."""
    from zoo.data.cache import cache_folder

    stamp = json.dumps([found.state, found.summary_metrics], sort_keys=True, default=str)
    digest = hashlib.sha256(stamp.encode()).hexdigest()[:8]
    return cache_folder() / "wandb" / str(found.entity) / str(found.project) / f"{found.id}-{digest}"


def bring(found: Any, folder: Path, name: str) -> None:
    """Bring metrics.csv (from the history, every row of it) or a run file into the folder, unless it is there."""
    if (folder / name).exists():
        return
    with of(f"{PREFIX}{found.entity}/{found.project}/{found.id}"), _part(folder) as part:
        if name == METRICS:
            write_history(found.scan_history(), part / name)
        else:
            for file in found.files(names=[name]):
                if file.name == name and file.size:
                    file.download(root=str(part), replace=True).close()
        if (part / name).exists():
            (part / name).replace(folder / name)


@contextmanager
def _part(folder: Path) -> Iterator[Path]:
    """A folder for a file that is not whole yet; what was kept of the run before it went on is dropped."""
    for other in folder.parent.glob("*"):
        if other != folder and other.name.rsplit("-", 1)[0] == folder.name.rsplit("-", 1)[0]:  # ids may hold a "-"
            shutil.rmtree(other, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    make_room(folder)
    with tempfile.TemporaryDirectory(dir=folder) as part:
        yield Path(part)


def make_room(folder: Path) -> None:
    """Of the runs that were brought, drop those brought longest ago but for `LIMIT` bytes; never this one.

    Args:
        folder: Of a run: three below the one that holds all of them (entity, project, run).
    """
    kept = 0
    runs = [other for other in folder.parents[2].glob("*/*/*") if other.is_dir() and other != folder]
    for other in sorted(runs, key=_age, reverse=True):
        kept += sum(file.stat().st_size for file in other.glob("*") if file.is_file())
        if kept > LIMIT:
            shutil.rmtree(other, ignore_errors=True)


def _age(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another process was first
        return 0.0


def write_history(rows: Iterable[Mapping[str, Any]], file: Path) -> None:
    """Rows of a W&B history as a metrics.csv: numbers alone, `step` the optimiser's; rows of one step share a line."""
    merged: dict[float, dict[str, float]] = {}
    for row in rows:
        numbers = {
            key: float(value)
            for key, raw in row.items()
            if not key.startswith("_") and key != STEP
            if isinstance(value := number(raw), int | float) and not isinstance(value, bool)
        }
        if numbers:
            step = row.get(STEP, row.get("_step", 0))
            merged.setdefault(step, {"step": step}).update(numbers)
    columns = list(dict.fromkeys(["step", *(key for row in merged.values() for key in row)]))
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(merged.values())
