"""A study on Optuna: one row in a database for each trial that is to be, claimed by whichever worker comes first.

The trials that a study shall have are queued when it begins, and each worker takes one after the other, so that several
processes or machines end with exactly as many as were asked for. A trial whose worker died goes back into the queue with
the values it had. Who changes the queue holds `queue_lock`: SQLite does not lock a row between reading and writing it
(optuna#4621), and servers of databases do.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from filelock import FileLock
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning, StorageInternalError
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from zoo.errors import InputError
from zoo.tuning.plan import STORE, Plan
from zoo.tuning.presence import is_dead
from zoo.tuning.space import Parameter

HEARTBEAT, GRACE = 30, 150  # seconds between two signs of life, and until a worker elsewhere counts as dead
RETRIES = 5  # of one trial that its worker did not survive
FOR_JOINERS = 10.0  # seconds that who joins waits for who began the study
NAMELESS = 60.0  # seconds within which a worker has long said that a trial is its own
# What a study and its trials say of themselves beside Optuna's own.
DIGEST, MISTAKE = "digest", "mistake"
QUEUED, OWN, AGAIN, WORKER, FLAGS, ERROR = "queued", "own", "again", "worker", "flags", "error"
ENOUGH_FOR_IMPORTANCE = 10


def open_study(plan: Plan, folder: Path, storage: str | None) -> tuple[Study, bool]:
    """The study in its database, and whether it is new.

    Raises:
        InputError: The database cannot be used, or a study of that name has another plan.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url = storage or f"sqlite:///{(folder / STORE).resolve()}"
    direction = StudyDirection.MINIMIZE if plan.mode == "min" else StudyDirection.MAXIMIZE
    try:
        store = _storage(url, shared=storage is not None)
        try:
            study = optuna.create_study(storage=store, study_name=plan.name, direction=direction)
        except DuplicatedStudyError:
            study = optuna.load_study(storage=store, study_name=plan.name)
            _check_same(study, plan)
            return study, False
    except (ImportError, ValueError, StorageInternalError, SQLAlchemyError) as error:
        if isinstance(error, InputError):
            raise
        said = next(iter(str(error.__cause__ or error).splitlines()), "")
        raise InputError(f"the database of --storage cannot be used: {said[:200]}") from error
    return study, True


def _storage(url: str, *, shared: bool) -> RDBStorage:
    options: dict[str, Any] = {}
    if url.startswith("sqlite"):
        options["engine_kwargs"] = {"connect_args": {"timeout": 120}}  # seconds to wait for another worker's write
    if shared:
        options |= {
            "heartbeat_interval": HEARTBEAT,
            "grace_period": GRACE,
            "heartbeat_stale_trial_callback": retry,
        }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return RDBStorage(url, **options)


def queue_lock(folder: Path, storage: str | None) -> FileLock:
    """What every process of this machine holds while it changes the queue: a file beside the database."""
    url = None if storage is None else make_url(storage)
    file = url.database if url is not None and url.get_backend_name() == "sqlite" else None
    return FileLock(f"{file or folder / STORE}.lock")


def _check_same(study: Study, plan: Plan) -> None:
    """Raise where the plan is not that of who began the study; who joins at that moment waits for him to be ready."""
    until = time.monotonic() + FOR_JOINERS
    while DIGEST not in study.user_attrs and time.monotonic() < until:
        time.sleep(0.2)
    if study.user_attrs.get(DIGEST, plan.digest()) != plan.digest():
        raise InputError(
            f"the study {plan.name} was begun with another config, space, metric or seed: go on with "
            f"zoo tune --resume, or give this one a --study NAME of its own"
        )


def sampler(seed: int, number: int) -> TPESampler:
    """A sampler of a trial's own: what it draws depends on seed, number and earlier results, not on what ran before.

    One sampler for all would begin its random numbers again after a kill, and so draw what it had drawn.
    """
    mixed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    return TPESampler(seed=mixed)


def pruner(name: str, max_epochs: int) -> BasePruner:
    """The rule by which trials end early.

    Args:
        name: median (worse than half of the others by that epoch), hyperband, or none.
        max_epochs: Of a trial; -1 where something else limits it.
    """
    if name == "median":
        return MedianPruner(n_startup_trials=5, n_warmup_steps=max(1, round(0.1 * max_epochs)))
    if name == "hyperband":
        return HyperbandPruner(min_resource=1, max_resource=max_epochs if max_epochs > 0 else "auto")
    return NopPruner()


def queue(study: Study, plan: Plan, trials: int, own: dict[str, Any]) -> None:
    """See to it that so many trials are done, running or queued; the first has the config's own values.

    Args:
        study: That may have some already.
        plan: Of the study; who joins knows by it that the queue is ready.
        trials: That it shall have.
        own: The config's own values of parameters, as Optuna keeps them.
    """
    there = in_play(study)
    for trial in there:  # what was stopped between its end and its return to the queue
        if trial.state == TrialState.FAIL and ERROR not in trial.user_attrs:
            retry(study, trial)
    for place in range(len(there), trials):
        fixed, about = (own, {QUEUED: True, OWN: list(own)}) if place == 0 else ({}, {QUEUED: True})
        study.enqueue_trial(fixed, user_attrs=about)
    if DIGEST not in study.user_attrs:
        study.set_user_attr(DIGEST, plan.digest())


def in_play(study: Study) -> list[FrozenTrial]:
    """Trials that were queued, but for those that were queued again."""
    trials = study.get_trials(deepcopy=False)
    again = {number for trial in trials for number in trial.user_attrs.get(AGAIN, [])}
    return [trial for trial in trials if trial.user_attrs.get(QUEUED) and trial.number not in again]


def retry(study: Study, trial: FrozenTrial) -> None:
    """Queue a trial again with the values it had, whose worker died or was stopped in it; not for ever."""
    before = trial.user_attrs.get(AGAIN, [])
    if len(before) >= RETRIES or not trial.user_attrs.get(QUEUED):
        return
    kept = {name: trial.user_attrs[name] for name in (QUEUED, OWN) if name in trial.user_attrs}
    study.add_trial(
        optuna.create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={**kept, AGAIN: [*before, trial.number]},
            system_attrs={name: value for name, value in trial.system_attrs.items() if name == "fixed_params"},
        )
    )


def release_dead(study: Study, folder: Path) -> list[int]:
    """Queue the trials again whose workers are gone; gives their old numbers."""
    released = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if WORKER in trial.user_attrs:
            dead = is_dead(folder, trial.user_attrs[WORKER])
        else:  # killed before it could say who runs it
            started = trial.datetime_start or datetime.now()
            dead = (datetime.now() - started).total_seconds() > NAMELESS
        if dead:
            try:
                study.tell(trial.number, state=TrialState.FAIL)
            except ValueError:  # another worker saw it first
                continue
            retry(study, trial)
            released.append(trial.number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)  # of a shared database: workers on other machines
    return released


def best_trial(study: Study) -> FrozenTrial | None:
    """The trial with the best value, or None before any is complete."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return study.best_trial if complete else None


def importances(study: Study, space: Sequence[Parameter]) -> dict[str, float]:
    """The share (0-1) of each parameter in what good trials have in common; empty before there are enough."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < ENOUGH_FOR_IMPORTANCE or all(trial.value == complete[0].value for trial in complete):
        return {}
    varied = [parameter.name for parameter in space if not parameter.constant]
    known = [name for name in varied if any(name in trial.params for trial in complete)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that few trials tell little: so says the number of trials
        return optuna.importance.get_param_importances(study, params=known) if known else {}
