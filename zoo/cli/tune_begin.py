"""How a study of `zoo tune` begins or goes on: what the user asks for, checked; its folder, database and queue."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.study import Study
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from zoo.cli.trial import base_settings, check_space, default_space, metric_of, own_value
from zoo.cli.tune_start import STORAGE, TRIALS, TuneOptions
from zoo.errors import InputError
from zoo.messages import say
from zoo.tracking.run_folder import default_name, new_run_folder
from zoo.tuning.plan import BASE, PLAN, STORE, Plan, read_plan
from zoo.tuning.presence import anyone_works
from zoo.tuning.space import LR, Parameter, read_space, space_of, stored
from zoo.tuning.study import MISTAKE, in_play, open_study, queue, queue_lock, release_dead

HIDDEN = ":***@"  # where a password stood


@dataclass(frozen=True)
class Session:
    """A study that this process works on."""

    plan: Plan
    folder: Path
    study: Study
    storage: str | None
    space: list[Parameter]
    own: dict[str, Any]
    new: bool


def begin(options: TuneOptions, words: Sequence[str]) -> Session:
    """The study, new or gone on with, and its trials in the queue."""
    if options.resume is not None:
        session = join(options.resume, options)
    else:
        plan = new_plan(options, words)
        folder, begun = place_of(plan, options)
        if not begun:
            replace(plan, name=folder.name).write(folder)
        try:
            session = join(folder, options)
        except BaseException:
            if not begun:
                shutil.rmtree(folder, ignore_errors=True)
            raise
    plan, study, folder = session.plan, session.study, session.folder
    if session.new:
        say_what_is_outside(session)
    if study.user_attrs.get(MISTAKE):
        study.set_user_attr(MISTAKE, "")
    with queue_lock(folder, session.storage):
        release_dead(study, folder)
        queue(study, plan, options.trials or len(in_play(study)) or TRIALS, session.own)
    better = "less" if plan.mode == "min" else "more"
    say(f"study: {folder}, {len(in_play(study))} trials by {plan.metric} ({better} is better)")
    return session


def join(folder: Path, options: TuneOptions) -> Session:
    """The study whose plan lies in a folder."""
    plan = read_plan(folder)
    if options.pruner is not None:
        plan = replace(plan, pruner=options.pruner)
    storage = storage_of(plan, options)
    study, new = open_study(plan, folder, storage)
    space, own = with_own_values(plan)
    return Session(plan, folder, study, storage, space, own, new)


def new_plan(options: TuneOptions, words: Sequence[str]) -> Plan:
    """What the user asks for, checked; named after model and data."""
    config, lr, score = base_settings(words)
    sweep: dict[str, Any] = {}
    if options.space is None:
        file, space = default_space(config)
        described = read_space(file)[1]["parameters"]
        say(f"space: configs/sweeps/{file.name} (--space FILE takes another): {', '.join(p.name for p in space)}")
    else:
        file = options.space
        space, sweep = read_space(file)
        described = sweep["parameters"]
    if "lr" in config["model"]["init_args"] and any(parameter.name == LR for parameter in space):
        config["model"]["init_args"]["lr"] = lr  # null would hide from the search what it stands for
    metric, mode = metric_of(config, score, options.metric, sweep)
    with tempfile.TemporaryDirectory() as place:
        base = Path(place) / BASE
        base.write_text(yaml.safe_dump(config, sort_keys=False))
        check_space(space, base, metric, str(file))
    name = default_name(config["model"]["class_path"], config["data"]["init_args"]["path"])
    return Plan(
        name=options.study or f"{name}-tune",
        base=config,
        parameters={parameter.name: described[parameter.name] for parameter in space},
        metric=metric,
        mode=mode,
        pruner=options.pruner or "median",
        seed=int(config.get("seed_everything") or 0),
        storage=without_password(options.storage),
        own_space=options.space is not None,
    )


def place_of(plan: Plan, options: TuneOptions) -> tuple[Path, bool]:
    """The study's folder, and whether the study was begun in it before.

    A study that was named goes on under its name; without a name the last one of the same settings goes on where it
    was stopped, and else a new one begins.
    """
    root = Path(plan.base["trainer"]["default_root_dir"] or "runs")
    if options.study is not None:
        folder = root / options.study
        if (folder / PLAN).is_file():
            if read_plan(folder).digest() != plan.digest():
                raise InputError(
                    f"{folder} was begun with another config, space, metric or seed: zoo tune --resume {folder} goes "
                    "on with those, or give this study another name"
                )
            return folder, True
        if folder.exists():
            raise InputError(f"{folder} is there already and is no study: give this one another --study NAME")
        return new_run_folder(root, options.study), False
    for folder in sorted(root.glob(f"{plan.name}*"), key=lambda place: place.stat().st_mtime, reverse=True):
        if (folder / PLAN).is_file() and (folder / STORE).is_file() and not anyone_works(folder):
            known = read_plan(folder)
            if known.digest() == plan.digest() and known.storage == plan.storage and unfinished(known, folder):
                say(f"{folder} was stopped before its end and goes on; --study NAME begins another")
                return folder, True
    return new_run_folder(root, plan.name), False


def unfinished(plan: Plan, folder: Path) -> bool:
    study, _ = open_study(plan, folder, None)
    return any(not trial.state.is_finished() for trial in study.get_trials(deepcopy=False))


def storage_of(plan: Plan, options: TuneOptions) -> str | None:
    storage = options.storage or plan.storage
    if storage is not None and HIDDEN in storage:
        raise InputError(f"the study's database is {storage}: give --storage (or {STORAGE}) with the password")
    return storage


def without_password(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError as error:
        raise InputError(f"--storage must be the address of a database, such as sqlite:///a.db or "
                         f"postgresql://user@host/name, got {url!r}") from error  # fmt: skip


def with_own_values(plan: Plan) -> tuple[list[Parameter], dict[str, Any]]:
    """The space, and the config's own values as Optuna keeps them. A space that ships reaches to those values."""
    space, own = [], {}
    for parameter in space_of(plan.parameters, PLAN):
        try:
            value = own_value(plan.base, parameter.name)
        except (KeyError, TypeError):
            space.append(parameter)
            continue
        parameter = parameter if parameter.constant or plan.own_space else parameter.including(value)
        if not parameter.constant and parameter.holds(value):
            own[parameter.name] = stored(value)
        space.append(parameter)
    return space, own


def say_what_is_outside(session: Session) -> None:
    """Name the config's own values that the user's space does not hold: the first trial has them all the same."""
    outside = []
    for parameter in session.space:
        if session.plan.own_space and not parameter.constant and parameter.name not in session.own:
            with suppress(KeyError, TypeError):
                outside.append(f"{parameter.name} {own_value(session.plan.base, parameter.name)}")
    if outside:
        say(f"outside of the space, and in the first trial all the same, as the config says: {', '.join(outside)}")


def take_back(session: Session) -> None:
    """Leave nothing of a study in which nothing was trained."""
    if session.storage is not None:
        optuna.delete_study(study_name=session.plan.name, storage=session.study._storage)
    shutil.rmtree(session.folder, ignore_errors=True)
