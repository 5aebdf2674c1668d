"""A worker: takes trials from a study's queue, one after the other, until none is left anywhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna
from filelock import FileLock
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from zoo.errors import InputError
from zoo.messages import say
from zoo.tuning.plan import Plan
from zoo.tuning.presence import Presence
from zoo.tuning.space import Parameter, flags
from zoo.tuning.study import ERROR, FLAGS, MISTAKE, OWN, QUEUED, WORKER, best_trial, release_dead, retry, sampler

PAUSE = 1.0  # seconds between two looks at what others do


class TrialError(Exception):
    """A trial ended without a value: the loss became NaN, memory ran out. The study goes on."""


class _SurplusError(Exception):
    """A trial that Optuna made because a worker on another machine had taken the last of the queue."""


@dataclass(frozen=True)
class Job:
    """One trial, as it is run.

    Args:
        number: Of the trial.
        words: Flags for `zoo fit` that set its parameters.
        own: Whether these are the config's own values: it is never pruned.
        report: Takes epoch and value, and says whether to stop.
        found: Takes the values of flags that the trial found itself, such as a rate that was auto.
    """

    number: int
    words: list[str]
    own: bool
    report: Callable[[int, float], bool]
    found: Callable[[Mapping[str, str]], None]


Run = Callable[[Job], float | None]


@dataclass
class Worker:
    """Takes trials from the queue.

    Args:
        study: Shared with others.
        plan: Of the study.
        folder: Of the study, on this machine.
        space: Its parameters.
        run: Trains a trial; its value, or None where it was pruned. Raises `TrialError`; an `InputError` ends the study.
        go_on: Asked before each trial.
        lock: Held while the queue is changed.
    """

    study: Study
    plan: Plan
    folder: Path
    space: Sequence[Parameter]
    run: Run
    go_on: Callable[[], bool]
    lock: FileLock

    def work(self) -> None:
        """Run trials until no worker has any left.

        Raises:
            InputError: A mistake of the user, seen by this worker or by another.
            KeyboardInterrupt: The trial that ran is queued again.
        """
        with Presence(self.folder) as presence:
            while self.go_on():
                mistake = self.study.user_attrs.get(MISTAKE)
                if mistake:
                    raise InputError(mistake)
                if not self._next(presence.name):
                    if not self._any(TrialState.RUNNING):
                        return
                    time.sleep(PAUSE)

    def _any(self, state: TrialState) -> bool:
        return bool(self.study.get_trials(deepcopy=False, states=(state,)))

    def _next(self, worker: str) -> bool:
        """Take a trial from the queue and run it; False where none waits."""
        with self.lock:
            for number in release_dead(self.study, self.folder):
                say(f"trial {number}: its worker is gone, so it is tried again")
            if not self._any(TrialState.WAITING):
                return False
            return self._one(worker)

    def _one(self, worker: str) -> bool:
        taken: list[Trial] = []

        def objective(trial: Trial) -> float:
            if QUEUED not in trial.user_attrs:
                raise _SurplusError
            trial.set_user_attr(WORKER, worker)
            taken.append(trial)
            self.lock.release()  # the trial is this worker's
            return self._value(trial)

        try:
            self.study.optimize(objective, n_trials=1, catch=(TrialError, _SurplusError))
        except KeyboardInterrupt:
            for trial in taken:
                retry(self.study, self.study.trials[trial.number])
            raise
        except InputError as error:
            self.study.set_user_attr(MISTAKE, str(error))
            raise
        for trial in taken:
            say(trial_line(self.study, self.study.trials[trial.number], self.plan.metric))
        return True

    def _value(self, trial: Trial) -> float:
        self.study.sampler = sampler(self.plan.seed, trial.number)
        own = OWN in trial.user_attrs
        texts = self._texts(trial, own=own)
        words = flags(texts)
        trial.set_user_attr(FLAGS, words)

        def report(epoch: int, value: float) -> bool:
            if not math.isfinite(value):
                return False
            trial.report(value, epoch)
            return not own and trial.should_prune()

        def found(values: Mapping[str, str]) -> None:
            trial.set_user_attr(FLAGS, flags(texts | dict(values)))

        try:
            value = self.run(Job(trial.number, words, own, report, found))
            if value is not None and not math.isfinite(value):
                raise TrialError(f"{self.plan.metric} is {value}")
        except TrialError as error:
            trial.set_user_attr(ERROR, " ".join(str(error).split())[:500])
            raise
        if value is None:
            raise optuna.TrialPruned
        return value

    def _texts(self, trial: Trial, *, own: bool) -> dict[str, str]:
        """Flag -> value. The config's own values are noted where they can be, and not typed: the config has them."""
        texts = {parameter.name: parameter.ends()[0] for parameter in self.space if parameter.constant}
        noted = trial.user_attrs.get(OWN, [])
        for parameter in self.space:
            if parameter.constant or (own and parameter.name not in noted):
                continue
            drawn = parameter.draw(trial)
            if not own:
                texts[parameter.name] = parameter.text(drawn)
        return texts


def trial_line(study: Study, trial: FrozenTrial, metric: str) -> str:
    """What became of a trial, in one line."""
    words = "  ".join(map(shown, trial.user_attrs.get(FLAGS, [])))
    words = "the config's own values" + (f"  {words}" if words else "") if OWN in trial.user_attrs else words
    if trial.state == TrialState.FAIL:
        return f"trial {trial.number} failed: {trial.user_attrs.get(ERROR, '')}  ({words})"
    best = best_trial(study)
    said = f"; best {best.value:.4g} of trial {best.number}" if best is not None else ""
    if trial.state == TrialState.PRUNED:
        return f"trial {trial.number} pruned after {len(trial.intermediate_values)} epochs{said}  ({words})"
    return f"trial {trial.number}: {metric} {trial.value:.4g}{said}  ({words})"


def shown(flag: str) -> str:
    """A flag as a person reads it.

    Example:
        >>> shown("--model.lr=0.0012345678"), shown("--model.hidden=[8, 8]")
        ('model.lr 0.001235', 'model.hidden [8, 8]')
    """
    name, _, value = flag.removeprefix("--").partition("=")
    try:
        return f"{name} {float(value):.4g}"
    except ValueError:
        return f"{name} {value}"
