"""`zoo tune`: search for good settings, with as many processes as the user likes; the best end as a config."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import yaml
from optuna.trial import TrialState

from zoo.callbacks.budget import seconds_of
from zoo.cli.quiet import quiet
from zoo.cli.threads import use_cores
from zoo.cli.trial import Trials, best_settings
from zoo.cli.tune_begin import Session, begin, join, take_back
from zoo.cli.tune_start import TuneOptions
from zoo.cli.workers import processes_beside
from zoo.errors import InputError
from zoo.messages import say, without_repeats
from zoo.tuning.plan import BASE, BEST, Plan
from zoo.tuning.study import (
    ERROR,
    FLAGS,
    OWN,
    best_trial,
    importances,
    in_play,
    pruner,
    queue_lock,
)
from zoo.tuning.worker import Worker, shown


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
