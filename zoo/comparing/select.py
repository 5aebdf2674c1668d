"""From what the user typed to runs: folders, folders of run folders, globs, checkpoints, wandb://entity/project."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from zoo.comparing.filters import Filter, keep, parse_filter
from zoo.comparing.runs import Run, read_run
from zoo.errors import InputError, did_you_mean
from zoo.tracking.run_folder import CONFIG
from zoo.tracking.wandb_settings import PREFIX

DEPTH = 3  # folders below the one that was named, e.g. runs/study/trial-3
UNREADABLE = "unreadable"


def select_runs(places: Sequence[str | Path | Run], filters: Sequence[str] = ()) -> tuple[list[Run], list[str]]:
    """The runs at the places that pass the filters, each once and under a name of its own; and notes on damaged ones.

    Raises:
        InputError: Nothing at a place, or nothing that passes.
    """
    conditions = [parse_filter(text) for text in filters]
    runs: list[Run] = []
    notes: list[str] = []
    for place in places:
        runs += [place] if isinstance(place, Run) else _at(str(place), conditions, notes)
    once = _each_once(runs)
    kept = keep(once, conditions)
    if not kept:
        where = ", ".join(str(place.place if isinstance(place, Run) else place) for place in places)
        there = f"{len(once)} are there, " if once else ""  # the server leaves out what does not pass
        said = f": {there}none passes {' '.join(filters)}" if filters else ""
        raise InputError(f"no runs to compare in {where or 'nothing'}{said}")
    return _named_apart(kept), notes


def _each_once(runs: Sequence[Run]) -> list[Run]:
    """Of a run that was named twice, or as a folder and in W&B, one; that of the folder, which needs no server."""
    places = {run.place if run.place.startswith(PREFIX) else str(Path(run.place).resolve()): run for run in runs}
    local = {run.summary.get("wandb_run_id") for run in places.values() if not run.place.startswith(PREFIX)} - {None}
    return [
        run for place, run in places.items() if not (place.startswith(PREFIX) and place.rsplit("/", 1)[-1] in local)
    ]


def _at(place: str, filters: Sequence[Filter], notes: list[str]) -> list[Run]:
    if place.startswith(PREFIX):
        from zoo.comparing.wandb_runs import read_project

        return read_project(place, filters)
    path = Path(place).expanduser()
    if path.exists():
        found = run_folders(path)
        if not found:
            raise InputError(f"{place} holds no run folder (one with {CONFIG}), also not in the folders below")
        return [_read(folder, notes) for folder in found]
    # A glob also takes files and other folders along; only what holds runs counts.
    matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    runs = [_read(folder, notes) for match in matches for folder in run_folders(Path(match))]
    if not runs:
        near = sorted(folder.name for folder in path.parent.glob("*") if (folder / CONFIG).is_file())
        hint = f"; {did_you_mean(path.name, near)}" if near and not glob.has_magic(place) else ""
        raise InputError(f"no run folder {place}{hint}")
    return runs


def run_folders(path: Path, depth: int = DEPTH) -> list[Path]:
    """The run folder itself (also that of a checkpoint or another of its files), or those below."""
    if path.is_file():
        return [folder for folder in (path.parent, path.parent.parent) if (folder / CONFIG).is_file()][:1]
    if (path / CONFIG).is_file():
        return [path]
    if depth == 0 or not path.is_dir():
        return []
    below = sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    return [found for folder in below for found in run_folders(folder, depth - 1)]


def _read(folder: Path, notes: list[str]) -> Run:
    """The run; one whose files are damaged stands without anything known of it."""
    try:
        return read_run(folder)
    except InputError as error:
        notes.append(f"{error}.")
        name = folder.resolve().name
        return Run(name, str(folder), name, {}, {"status": UNREADABLE}, folder)


def _named_apart(runs: Sequence[Run]) -> list[Run]:
    """Runs of one name get as much of their place as tells them apart."""
    names = [run.name for run in runs]
    return [run if names.count(run.name) == 1 else replace(run, name=_longer(run, runs)) for run in runs]


def _longer(run: Run, runs: Sequence[Run]) -> str:
    if run.place.startswith(PREFIX):
        return f"{run.name} ({run.place.rsplit('/', 1)[-1]})"
    parts = Path(run.place).resolve().parts
    others = [
        Path(other.place).resolve().parts
        for other in runs
        if other is not run and other.name == run.name and not other.place.startswith(PREFIX)
    ]
    length = next((n for n in range(1, len(parts)) if all(other[-n:] != parts[-n:] for other in others)), 1)
    return "/".join(parts[-length:])
