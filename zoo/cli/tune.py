"""`zoo tune`: search for good settings, with as many processes as the user likes; the best end as a config."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.study import Study
from optuna.trial import TrialState
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from zoo.callbacks.budget import seconds_of
from zoo.cli.quiet import quiet
from zoo.cli.threads import use_cores
from zoo.cli.trial import Trials, base_settings, best_settings, check_space, default_space, metric_of, own_value
from zoo.cli.tune_start import STORAGE, TRIALS, TuneOptions
from zoo.cli.workers import processes_beside
from zoo.errors import InputError
from zoo.messages import say, without_repeats
from zoo.tracking.run_folder import default_name, new_run_folder
from zoo.tuning.plan import BASE, BEST, PLAN, STORE, Plan, read_plan
from zoo.tuning.presence import anyone_works
from zoo.tuning.space import Parameter, read_space, space_of, stored
from zoo.tuning.study import (
    ERROR,
    FLAGS,
    MISTAKE,
    OWN,
    best_trial,
    importances,
    in_play,
    open_study,
    pruner,
    queue,
    queue_lock,
    release_dead,
)
from zoo.tuning.worker import Worker, shown

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


def tune(options: TuneOptions, words: Sequence[str]) -> int:
    with quiet(), without_repeats():
        if options.worker_of is not None:
            return work_beside(options)
        session = begin(options, words)
        try:
            search(session, options)
        except InputError:
            if session.new and not [
                t for t in session.study.trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)
            ]:
                take_back(session)
            raise
        except KeyboardInterrupt:
            say(f"to go on: zoo tune --resume {session.folder}")
            raise
        finish(session)
    return 0


# ---- begin ---------------------------------------------------------------------------------------------------------


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
    config = base_settings(words)
    sweep: dict[str, Any] = {}
    if options.space is None:
        file, space = default_space(config)
        described = read_space(file)[1]["parameters"]
        say(f"space: configs/sweeps/{file.name} (--space FILE takes another): {', '.join(p.name for p in space)}")
    else:
        file = options.space
        space, sweep = read_space(file)
        described = sweep["parameters"]
    metric, mode = metric_of(config, options.metric, sweep)
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
            if known.digest() == plan.digest() and known.storage == plan.storage and unfinished(known, folder, options):
                say(f"{folder} was stopped before its end and goes on; --study NAME begins another")
                return folder, True
    return new_run_folder(root, plan.name), False


def unfinished(plan: Plan, folder: Path, options: TuneOptions) -> bool:
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
    """The space, reaching to the config's own values, and those values as Optuna keeps them."""
    space, own = [], {}
    for parameter in space_of(plan.parameters, PLAN):
        try:
            value = own_value(plan.base, parameter.name)
        except (KeyError, TypeError):
            space.append(parameter)
            continue
        parameter = parameter if parameter.constant else parameter.including(value)
        if not parameter.constant and parameter.holds(value):
            own[parameter.name] = stored(value)
        space.append(parameter)
    return space, own


def take_back(session: Session) -> None:
    """Leave nothing of a study in which nothing was trained."""
    if session.storage is not None:
        optuna.delete_study(study_name=session.plan.name, storage=session.study._storage)
    shutil.rmtree(session.folder, ignore_errors=True)


# ---- search --------------------------------------------------------------------------------------------------------


def search(session: Session, options: TuneOptions) -> None:
    """Work until all trials are done or the time is up, with other processes where they were asked for."""
    until = time.monotonic() + seconds_of_timeout(options.timeout)
    with environment(session.plan):
        if options.workers > 1:
            use_cores(processes=options.workers)
        with processes_beside(session.folder, session.storage, options):
            worker(session, lambda: time.monotonic() < until).work()


def worker(session: Session, go_on: Callable[[], bool]) -> Worker:
    plan, folder, study = session.plan, session.folder, session.study
    constants = {parameter.name: parameter.choices[0] for parameter in session.space if parameter.constant}
    max_epochs = constants.get("trainer.max_epochs", plan.base["trainer"].get("max_epochs"))
    study.pruner = pruner(plan.pruner, int(max_epochs or -1))
    run = Trials(folder / BASE, folder, plan.metric)
    return Worker(study, plan, folder, session.space, run, go_on, queue_lock(folder, session.storage))


def work_beside(options: TuneOptions) -> int:
    """Work for the process that started this one; it speaks for all."""
    assert options.resume is not None
    session = join(options.resume, options)
    until = time.monotonic() + seconds_of_timeout(options.timeout)
    try:
        worker(session, lambda: time.monotonic() < until and os.getppid() == options.worker_of).work()
    except InputError:
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def seconds_of_timeout(text: str | None) -> float:
    if text is None:
        return float("inf")
    try:
        return float(text)
    except ValueError:
        try:
            return seconds_of(text)
        except InputError as error:
            raise InputError(f"--timeout is seconds or DD:HH:MM:SS, got {text!r}") from error


@contextmanager
def environment(plan: Plan) -> Iterator[None]:
    """Runs of one group in W&B; what a trial or the sharing of threads sets is taken back at the end."""
    before = dict(os.environ)
    os.environ.setdefault("WANDB_RUN_GROUP", plan.name)
    try:
        yield
    finally:
        for name in ("WANDB_RUN_GROUP", "OMP_NUM_THREADS"):
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


# ---- finish --------------------------------------------------------------------------------------------------------


def finish(session: Session) -> None:
    """Say what came out, write best.yaml, and say what to type next.

    Raises:
        InputError: No trial has a value.
    """
    study, plan, folder = session.study, session.plan, session.folder
    trials = in_play(study)
    counts = {state: sum(trial.state == state for trial in trials) for state in TrialState}
    left = counts[TrialState.WAITING] + counts[TrialState.RUNNING]
    best = best_trial(study)
    if best is None:
        if left:
            say(f"no trial is done yet; zoo tune --resume {folder} goes on")
            return
        failed = next((trial.user_attrs[ERROR] for trial in trials if ERROR in trial.user_attrs), "all were pruned")
        raise InputError(f"no trial of {folder} has a value: {failed}")
    settings = best_settings(folder / BASE, best.user_attrs[FLAGS], f"{plan.name}-best", str(folder.parent))
    about = f"trial {best.number} of {plan.name}: best/{plan.metric} {best.value:.6g}"
    (folder / BEST).write_text(f"# {about}\n" + yaml.safe_dump(settings, sort_keys=False))
    say(f"{counts[TrialState.COMPLETE]} trials complete, {counts[TrialState.PRUNED]} pruned, "
        f"{counts[TrialState.FAIL]} failed" + (f", {left} left: zoo tune --resume {folder}" if left else ""))  # fmt: skip
    own = next((trial for trial in trials if OWN in trial.user_attrs), None)
    if own is not None and own.number == best.number:
        about += ", the config's own values"
    elif own is not None and own.value is not None:
        about += f" (the config's own values: {own.value:.6g})"
    say(f"best: {about}")
    for word in best.user_attrs[FLAGS]:
        say(f"  {shown(word)}")
    shares = importances(study, session.space)
    if shares:
        say("importance: " + "  ".join(f"{name} {share:.2f}" for name, share in shares.items()))
    say(f"next: zoo fit --config {folder / BEST}    or: zoo compare '{folder}/trial-*'")
