"""The queue that workers share: exactly as many trials as asked for, whoever dies; the same seed, the same trials."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from zoo.errors import InputError
from zoo.tuning.plan import Plan, read_plan
from zoo.tuning.presence import Presence, anyone_works, is_dead
from zoo.tuning.space import space_of
from zoo.tuning.study import (
    AGAIN,
    ERROR,
    FLAGS,
    MISTAKE,
    OWN,
    QUEUED,
    WORKER,
    best_trial,
    importances,
    in_play,
    open_study,
    pruner,
    queue,
    queue_lock,
    release_dead,
)
from zoo.tuning.worker import Job, Run, TrialError, Worker, trial_line

PARAMETERS = {
    "model.lr": {"min": 0.001, "max": 0.1, "distribution": "log_uniform_values"},
    "model.hidden": {"values": [[8], [16]]},
    "trainer.max_epochs": {"value": 3},
}
BASE = {"model": {"init_args": {}}, "data": {"init_args": {"path": "a.csv"}}, "trainer": {"default_root_dir": "runs"}}


def plan(**other: Any) -> Plan:
    settings: dict[str, Any] = {
        "name": "s",
        "base": BASE,
        "parameters": PARAMETERS,
        "metric": "val/loss",
        "mode": "min",
        "pruner": "none",
        "seed": 0,
    }
    return Plan(**(settings | other))


def lr_of(job: Job) -> float:
    return next((float(word.split("=")[1]) for word in job.words if word.startswith("--model.lr=")), 0.05)


def worker(
    folder: Path, run: Run, *, trials: int = 0, go_on: Callable[[], bool] = lambda: True, **other: Any
) -> Worker:
    """A worker of the study in a folder; `trials` queues them."""
    settings = plan(**other)
    study, _ = open_study(settings, folder, None)
    study.pruner = pruner(settings.pruner, 3)
    if trials:
        queue(study, settings, trials, {"model.lr": 0.05})
    lock = queue_lock(folder, None)
    return Worker(study, settings, folder, space_of(settings.parameters, ""), run, go_on, lock)


def test_the_first_trial_has_the_configs_own_values_and_the_best_is_never_worse(tmp_path: Path) -> None:
    jobs: list[Job] = []

    def run(job: Job) -> float:
        jobs.append(job)
        return lr_of(job)

    one = worker(tmp_path, run, trials=4)
    one.work()
    assert [job.number for job in jobs] == [0, 1, 2, 3]
    assert jobs[0].own
    assert jobs[0].words == ["--trainer.max_epochs=3"]  # constants of the sweep hold for it as well
    assert one.study.trials[0].params == {"model.lr": 0.05}
    assert set(one.study.trials[1].params) == {"model.lr", "model.hidden"}
    assert jobs[1].words == one.study.trials[1].user_attrs[FLAGS]
    best = best_trial(one.study)
    assert best is not None
    assert best.value == min(lr_of(job) for job in jobs) <= 0.05


def test_the_same_seed_gives_the_same_suggestions_also_where_the_study_was_stopped_between(tmp_path: Path) -> None:
    def words(name: str, stops: int, seed: int = 0) -> list[list[str]]:
        (tmp_path / name).mkdir()
        jobs: list[Job] = []

        def run(job: Job) -> float:
            jobs.append(job)
            return lr_of(job)

        worker(tmp_path / name, run, trials=12, seed=seed, go_on=lambda: len(jobs) < stops).work()
        worker(tmp_path / name, run, seed=seed, go_on=lambda: stops > 2).work()
        return [job.words for job in jobs]

    whole = words("whole", 12)
    assert len({tuple(one) for one in whole}) == 12
    assert words("stopped", 6) == whole
    assert words("other", 2, seed=1)[:2] != whole[:2]


def test_a_failing_trial_is_recorded_and_the_study_goes_on(tmp_path: Path) -> None:
    def run(job: Job) -> float:
        if job.number == 1:
            raise TrialError("the loss became nan")
        return float("nan") if job.number == 2 else 1.0

    one = worker(tmp_path, run, trials=4)
    one.work()
    states = [trial.state for trial in one.study.trials]
    assert states == [TrialState.COMPLETE, TrialState.FAIL, TrialState.FAIL, TrialState.COMPLETE]
    assert [trial.user_attrs.get(ERROR) for trial in one.study.trials[1:3]] == [
        "the loss became nan",
        "val/loss is nan",
    ]
    assert "trial 1 failed: the loss became nan  (" in trial_line(one.study, one.study.trials[1], "val/loss")
    queue(one.study, plan(), 4, {})  # failures of their own are not tried again
    assert len(one.study.trials) == 4


def test_a_mistake_of_the_user_ends_it_for_all_workers(tmp_path: Path) -> None:
    def run(job: Job) -> float:
        raise InputError("no metric")

    one = worker(tmp_path, run, trials=4)
    with pytest.raises(InputError, match="no metric"):
        one.work()
    assert one.study.user_attrs[MISTAKE] == "no metric"
    with pytest.raises(InputError, match="no metric"):
        worker(tmp_path, run).work()
    assert sum(trial.state.is_finished() for trial in one.study.trials) == 1


def test_an_interrupted_trial_is_queued_again_with_its_values(tmp_path: Path) -> None:
    def interrupted(job: Job) -> float:
        if job.number == 1:
            raise KeyboardInterrupt
        return 1.0

    one = worker(tmp_path, interrupted, trials=3)
    with pytest.raises(KeyboardInterrupt):
        one.work()
    worker(tmp_path, lambda job: 1.0).work()
    trials = one.study.trials
    assert [trial.number for trial in in_play(one.study)] == [0, 2, 3]
    assert trials[3].params == trials[1].params
    assert trials[3].user_attrs[AGAIN] == [1]
    assert all(trial.state == TrialState.COMPLETE for trial in in_play(one.study))


def test_the_configs_own_trial_stays_that_when_it_is_tried_again(tmp_path: Path) -> None:
    def run(job: Job) -> float:
        if job.number == 0:
            raise KeyboardInterrupt
        return 1.0

    one = worker(tmp_path, run, trials=2)
    with pytest.raises(KeyboardInterrupt):
        one.work()
    jobs: list[Job] = []

    def noted(job: Job) -> float:
        jobs.append(job)
        return 1.0

    worker(tmp_path, noted).work()
    assert [(job.number, job.own) for job in jobs] == [(1, False), (2, True)]
    assert one.study.trials[2].params == {"model.lr": 0.05}


def test_a_trial_whose_worker_is_gone_is_tried_again_but_not_for_ever(tmp_path: Path) -> None:
    one = worker(tmp_path, lambda job: 1.0, trials=1)
    (tmp_path / "workers").mkdir()
    for attempt in range(6):
        trial = one.study.ask()
        trial.set_user_attr(WORKER, "gone")
        trial.suggest_float("model.lr", 0.001, 0.1, log=True)
        assert release_dead(one.study, tmp_path) == []  # it may work elsewhere
        (tmp_path / "workers" / "gone").touch()
        assert release_dead(one.study, tmp_path) == [attempt]
        (tmp_path / "workers" / "gone").unlink()
    trials = one.study.trials
    assert [trial.state for trial in trials] == [TrialState.FAIL] * 6
    assert len({trial.params["model.lr"] for trial in trials}) == 1
    assert len(in_play(one.study)) == 1


def test_two_workers_end_with_exactly_as_many_trials(tmp_path: Path) -> None:
    worker(tmp_path, lambda job: 1.0, trials=12)
    meet = threading.Barrier(3)

    def work() -> None:
        meet.wait()
        worker(tmp_path, lambda job: float(job.number)).work()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    study, _ = open_study(plan(), tmp_path, None)
    done = [trial for trial in study.trials if trial.user_attrs.get(QUEUED)]
    assert [trial.value for trial in done] == list(range(12))
    assert [trial for trial in study.trials if trial not in done and trial.state != TrialState.FAIL] == []


def test_more_trials_may_be_asked_for_later(tmp_path: Path) -> None:
    one = worker(tmp_path, lambda job: 1.0, trials=2)
    one.work()
    queue(one.study, plan(), 3, {})
    one.work()
    assert [OWN in trial.user_attrs for trial in one.study.trials] == [True, False, False]
    queue(one.study, plan(), 1, {})
    assert len(one.study.trials) == 3


def test_a_pruned_trial_and_that_the_own_values_are_never_pruned(tmp_path: Path) -> None:
    def run(job: Job) -> float | None:
        values = [1.0] if job.number < 6 else [9.0]
        pruned = [job.report(epoch, value) for epoch in range(3) for value in values]
        return None if any(pruned) else values[0]

    one = worker(tmp_path, run, trials=8, pruner="median")
    one.work()
    assert [trial.state for trial in one.study.trials[6:]] == [TrialState.PRUNED] * 2
    assert "pruned after 3 epochs; best 1" in trial_line(one.study, one.study.trials[6], "val/loss")


def test_hyperband_stops_trials_that_are_behind(tmp_path: Path) -> None:
    def run(job: Job) -> float | None:
        for epoch in range(9):
            if job.report(epoch, float(job.number)):
                return None
        return float(job.number)

    one = worker(tmp_path, run, trials=8, pruner="hyperband", parameters={"model.lr": {"min": 0.0, "max": 1.0}})
    one.work()
    states = [trial.state for trial in one.study.trials]
    assert states[0] == TrialState.COMPLETE
    assert set(states) == {TrialState.COMPLETE, TrialState.PRUNED}


@pytest.mark.parametrize("name", ["median", "hyperband", "none"])
def test_pruners_by_name(name: str) -> None:
    kinds: dict[str, type] = {"median": optuna.pruners.MedianPruner, "hyperband": optuna.pruners.HyperbandPruner}
    for max_epochs in (20, -1):
        assert type(pruner(name, max_epochs)) is kinds.get(name, optuna.pruners.NopPruner)


def test_importance_is_said_once_there_are_enough_trials(tmp_path: Path) -> None:
    one = worker(tmp_path, lr_of, trials=12)
    assert importances(one.study, one.space) == {}
    one.work()
    shares = importances(one.study, one.space)
    assert set(shares) == {"model.lr", "model.hidden"}
    assert shares["model.lr"] > 0.5


def test_a_study_of_that_name_with_another_plan_is_refused(tmp_path: Path) -> None:
    queue(open_study(plan(), tmp_path, None)[0], plan(), 1, {})
    assert not open_study(plan(pruner="median"), tmp_path, None)[1]
    with pytest.raises(InputError, match="was begun with another config, space, metric or seed"):
        open_study(plan(seed=3), tmp_path, None)


def test_a_database_that_cannot_be_used(tmp_path: Path) -> None:
    for url in ("nonsense", "postgresql+nodriver://host/name", f"sqlite:///{tmp_path}/none/a.db"):
        with pytest.raises(InputError, match="the database of --storage cannot be used"):
            open_study(plan(), tmp_path, url)


def test_workers_elsewhere_give_signs_of_life_in_a_shared_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    study, new = open_study(plan(), tmp_path, url)
    assert new
    queue(study, plan(), 2, {})
    lock = queue_lock(tmp_path, url)
    assert lock.lock_file == f"{tmp_path}/shared.db.lock"
    Worker(study, plan(), tmp_path, space_of(PARAMETERS, ""), lambda job: 1.0, lambda: True, lock).work()
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 2
    again, new = open_study(plan(base={**BASE, "data": {"init_args": {"path": "/else/a.csv"}}}), tmp_path, url)
    assert not new  # where the data lie on another machine is no matter
    assert len(again.trials) == 2


def test_presence_is_seen_from_outside_and_ends_with_the_process(tmp_path: Path) -> None:
    with Presence(tmp_path) as one:
        assert not is_dead(tmp_path, one.name)
        assert anyone_works(tmp_path)
    assert not anyone_works(tmp_path)
    assert not is_dead(tmp_path, "never-seen")
    with pytest.raises(RuntimeError), Presence(tmp_path) as two:
        raise RuntimeError
    assert is_dead(tmp_path, two.name)


def test_a_plan_is_written_and_read(tmp_path: Path) -> None:
    plan(storage="sqlite:///a.db").write(tmp_path)
    assert read_plan(tmp_path) == plan(storage="sqlite:///a.db")
    assert read_plan(tmp_path).digest() == plan().digest()
    with pytest.raises(InputError, match="is no study"):
        read_plan(tmp_path / "none")
    (tmp_path / "study.yaml").write_text("a: 1")
    with pytest.raises(InputError, match="is damaged"):
        read_plan(tmp_path)


def test_optuna_says_nothing_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(job: Job) -> float:
        raise TrialError("no")

    worker(tmp_path, run, trials=2).work()
    assert capsys.readouterr().err.count("\n") == 2
    assert optuna.logging.get_verbosity() == optuna.logging.ERROR
