"""`zoo tune` in process on tiny fits: the study's folder, the best config, stops and resumptions, mistakes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from optuna.trial import TrialState

from zoo.cli import trial as trials
from zoo.cli.main import main
from zoo.cli.tune_begin import with_own_values
from zoo.comparing.runs import read_run
from zoo.data.encoded import EncodedData
from zoo.tuning.plan import read_plan
from zoo.tuning.study import in_play, open_study

pytestmark = pytest.mark.filterwarnings("ignore")  # the command line shows users what matters; see zoo.cli.quiet

SPACE = """\
parameters:
  model.lr: {min: 1.0e-3, max: 3.0e-2, distribution: log_uniform_values}
  model.hidden: {values: [[4], [8]]}
"""
TINY = ["--config", "configs/mlp.yaml", "--space", "space.yaml", "--data.path", "sample:wine"]
TINY += ["--trainer.max_epochs", "2", "--trainer.logger", "false", "--figures.enabled", "false"]
STUDY = Path("runs/s")
PATIENCE = 240.0  # seconds until a test of processes counts as stuck


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("space.yaml").write_text(SPACE)


def tune(*words: str, study: str = "s") -> int:
    return main(["tune", *TINY, "--study", study, *words])


def study_of(folder: Path = STUDY) -> optuna.Study:
    return open_study(read_plan(folder), folder, None)[0]


def summary(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return content


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """The last line on standard error, which is the only one that speaks for zoo."""
    lines = capsys.readouterr().err.splitlines()
    assert sum(line.startswith("zoo: ") for line in lines) == 1
    return lines[-1]


def test_trials_are_run_folders_and_the_best_is_a_config_that_gives_its_value_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert tune("--trials", "3") == 0
    said = capsys.readouterr().err
    runs = sorted(STUDY.glob("trial-*"))
    assert [run.name for run in runs] == ["trial-0000", "trial-0001", "trial-0002"]
    study = study_of()
    for run, trial in zip(runs, study.trials, strict=True):
        assert summary(run)["status"] == "finished"
        assert trial.value == pytest.approx(summary(run)["best/val/loss"], rel=1e-6)
        assert (run / "checkpoints" / "best.ckpt").exists()
    first, second = (read_run(run).config for run in runs[:2])
    assert first["model_lr"] == 1e-3  # the config's own
    assert second["model_lr"] == study.trials[1].params["model.lr"]
    assert second["model_hidden"] == json.loads(study.trials[1].params["model.hidden"])
    best = study.best_trial
    assert f"trial {best.number} of s: best/val/loss {best.value:.6g}" in (STUDY / "best.yaml").read_text()
    assert said.splitlines()[-1] == "next: zoo fit --config runs/s/best.yaml    or: zoo compare 'runs/s/trial-*'"
    assert "epoch" not in said.replace("max_epochs", "")
    assert main(["fit", "--config", str(STUDY / "best.yaml")]) == 0
    result = summary(Path("runs/s-best"))
    assert result["best/val/loss"] == pytest.approx(best.value, rel=1e-6)
    assert result["test/accuracy"] > 0


def test_test_rows_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    encode_part = EncodedData.encode_part

    def noted(self: EncodedData, part: str) -> Any:
        encoded.append(part)
        return encode_part(self, part)

    monkeypatch.setattr(EncodedData, "encode_part", noted)
    assert tune("--trials", "2") == 0
    assert set(encoded) == {"train", "val"}
    for run in STUDY.glob("trial-*"):
        assert not (run / "predictions.csv").exists()
        assert not [name for name in summary(run) if name.startswith("test/")]


def test_the_same_command_goes_on_and_a_finished_study_gets_a_sibling(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["tune", *TINY, "--trials", "2"]
    assert main([*command, "--timeout", "0"]) == 0
    assert "no trial is done yet; zoo tune --resume runs/mlp-wine-tune goes on" in capsys.readouterr().err
    assert main(command) == 0
    assert "runs/mlp-wine-tune was stopped before its end and goes on" in capsys.readouterr().err
    assert [path.name for path in Path("runs").iterdir()] == ["mlp-wine-tune"]
    assert main([*command[:-1], "1", "--timeout", "0"]) == 0
    assert sorted(path.name for path in Path("runs").iterdir()) == ["mlp-wine-tune", "mlp-wine-tune-2"]
    assert main(["tune", "--resume", "runs/mlp-wine-tune", "--trials", "3"]) == 0
    assert "3 trials complete" in capsys.readouterr().err
    assert len(list(Path("runs/mlp-wine-tune").glob("trial-*"))) == 3


def test_pruned_trials_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optuna.trial.Trial, "should_prune", lambda trial: True)
    assert tune("--trials", "2") == 0
    assert [summary(run)["status"] for run in sorted(STUDY.glob("trial-*"))] == ["finished", "pruned"]
    assert summary(STUDY / "trial-0001")["epochs"] == 1
    assert study_of().trials[1].state == TrialState.PRUNED
    assert tune("--trials", "2", "--trainer.max_epochs", "1", study="short") == 0  # at its end a trial has its value
    assert [trial.state for trial in study_of(Path("runs/short")).trials] == [TrialState.COMPLETE] * 2


def test_a_trial_that_fails_is_recorded_and_others_follow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train: Any = trials.__dict__["train"]

    def failing(cli: Any, **options: Any) -> Any:
        if cli.folder.name == "trial-0001":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB\nmore")
        return train(cli, **options)

    monkeypatch.setattr(trials, "train", failing)
    assert tune("--trials", "3") == 0
    said = capsys.readouterr().err
    assert (
        "trial 1 failed: OutOfMemoryError: CUDA out of memory. Tried to allocate 20 GiB (runs/s/trial-0001/error"
        in said
    )
    assert "more" in (STUDY / "trial-0001" / "error.txt").read_text()
    states = [trial.state for trial in study_of().trials]
    assert states == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]
    assert "2 trials complete, 0 pruned, 1 failed" in said


def test_a_study_in_which_every_trial_fails_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    Path("space.yaml").write_text("parameters: {model.lr: {min: 1.0e+29, max: 1.0e+30}}")
    assert tune("--trials", "2", "--model.lr", "1.0e30", "--trainer.gradient_clip_val", "null") == 2
    assert "no trial of runs/s has a value: the loss became" in complaint(capsys)
    assert [trial.state for trial in study_of().trials] == [TrialState.FAIL] * 2


@pytest.mark.parametrize(
    ("space", "words", "said"),
    [
        ("model.lrr: {value: 1}", [], "space.yaml: no option model.lrr in MLPClassifier: did you mean 'lr'?"),
        (
            "model.lr: {values: [fast]}",
            [],
            "model.lr must be a number or auto, got 'fast' (the space says --model.lr=fast)",
        ),
        ("model.dropout: {value: 0.1}", ["--data.path", "nowhere.csv"], "nowhere.csv"),
        ("model.label_smoothing: {min: 0.0, max: 0.2}", [], "changes what val/loss measures"),
        ("model.dropout: {value: 0.1}", ["--metric", "test/accuracy"], "must be one of validation"),
        (
            "model.dropout: {value: 0.1}",
            ["--metric", "val/acuracy"],
            "no metric 'val/acuracy' (--metric): did you mean",
        ),
        ("model.dropout: {value: 0.1}", ["--trainer.devices", "2"], "say --workers N"),
        ("model.dropout: {value: 0.1}", ["--name", "x"], "the name of a study is --study"),
        ("model.dropout: {value: 0.1}", ["--workers", "0"], "--workers must be a whole number above 0, got '0'"),
        ("model.dropout: {value: 0.1}", ["--pruner", "medina"], "did you mean 'median'?"),
        ("model.dropout: {value: 0.1}", ["--timeout", "soon"], "--timeout is seconds or DD:HH:MM:SS"),
        ("model.dropout: {value: 0.1}", ["--storage", "nonsense"], "--storage must be the address of a database"),
    ],
)
def test_mistakes_end_it_at_once_with_one_line_and_leave_no_folder(
    space: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("space.yaml").write_text(f"parameters: {{{space}}}")
    assert tune("--trials", "3", *words) == 2
    assert said in complaint(capsys)
    assert not STUDY.exists()


def test_a_study_is_not_mixed_with_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert tune("--trials", "1") == 0
    assert tune("--trials", "1", "--model.dropout", "0.3") == 2
    assert "runs/s was begun with another config, space, metric or seed" in capsys.readouterr().err
    assert main(["tune", "--resume", "runs/s", "--model.dropout", "0.3"]) == 2
    assert "goes on with what runs/s was begun with: leave --model.dropout out" in capsys.readouterr().err
    assert main(["tune", "--resume", "runs"]) == 2
    assert "runs is no study" in capsys.readouterr().err
    Path("runs/taken").mkdir()
    assert tune(study="taken") == 2
    assert "is no study: give this one another --study NAME" in capsys.readouterr().err


def test_ctrl_c_ends_with_130_and_the_trial_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from zoo.callbacks.pruning import Pruning

    told = Pruning.on_train_epoch_end

    def interrupting(self: Pruning, trainer: Any, pl_module: Any) -> None:
        told(self, trainer, pl_module)
        if "trial-0001" in trainer.default_root_dir:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Pruning, "on_train_epoch_end", interrupting)
        assert tune("--trials", "3") == 130
    assert "to go on: zoo tune --resume runs/s" in capsys.readouterr().err
    assert summary(STUDY / "trial-0001")["status"] == "interrupted"
    assert main(["tune", "--resume", "runs/s"]) == 0
    trials = study_of().trials
    assert trials[3].params == trials[1].params
    assert [trial.number for trial in in_play(study_of())] == [0, 2, 3]
    assert "3 trials complete, 0 pruned, 0 failed" in capsys.readouterr().err


def test_the_default_space_is_that_of_the_models_family(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--trials", "1", "--timeout", "0", "--trainer.logger", "false"]
    assert main(["tune", "--config", "configs/mlp.yaml", *words]) == 0
    assert "space: configs/sweeps/mlp.yaml" in capsys.readouterr().err
    text = ["--model", "CNNClassifier", "--data", "TextDataModule", "--data.path", "sample:languages"]
    assert main(["tune", *text, "--data.vocab_size", "300", *words]) == 0
    assert "space: configs/sweeps/cnn-text.yaml" in capsys.readouterr().err
    table = ["--model", "TransformerRegressor", "--data", "TabularDataModule", "--data.path", "sample:diabetes"]
    assert main(["tune", *table, *words]) == 0
    said = capsys.readouterr().err
    assert "space: configs/sweeps/transformer.yaml" in said
    assert "token_dropout" not in said
    assert "by val/rmse (less is better)" in said


def test_a_space_of_ones_own_is_searched_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Path("space.yaml").write_text(
        "parameters: {model.lr: {min: 1.0e-4, max: 2.0e-4}, model.dropout: {values: [0.1, 0.2]}, model.hidden: {value: [4]}}"
    )
    words = ["--model.lr", "0.01", "--model.dropout", "0.2"]
    assert tune("--trials", "4", *words) == 0
    line = "outside of the space, and in the first trial all the same, as the config says: model.lr 0.01"
    assert capsys.readouterr().err.splitlines().count(line) == 1
    configs = [read_run(run).config for run in sorted(STUDY.glob("trial-*"))]
    assert configs[0]["model_lr"] == 0.01
    assert all(1e-4 <= config["model_lr"] <= 2e-4 for config in configs[1:])
    assert [config["model_dropout"] for config in configs if config["model_dropout"] not in (0.1, 0.2)] == []


def test_a_space_that_ships_reaches_to_the_configs_own_values(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--trials", "1", "--timeout", "0", "--trainer.logger", "false", "--study", "s"]
    assert main(["tune", "--config", "configs/mlp.yaml", "--model.lr", "1.0", *words]) == 0
    assert "outside" not in capsys.readouterr().err
    assert with_own_values(read_plan(STUDY))[1]["model.lr"] == 1.0


def test_a_rate_that_the_config_leaves_to_the_model_is_in_the_space_too() -> None:
    words = ["--model", "CNNClassifier", "--data", "ImageDataModule", "--data.path", "sample:digits"]
    words += ["--model.backbone", "small_resnet", "--model.optimizer", "sgd", "--trainer.logger", "false"]
    Path("space.yaml").write_text(
        "parameters: {model.lr: {min: 1.0e-4, max: 1.0e-2, distribution: log_uniform_values}}"
    )
    for name, space in (("ships", []), ("own", ["--space", "space.yaml"])):
        assert main(["tune", *words, *space, "--trials", "1", "--timeout", "0", "--study", name]) == 0
        assert with_own_values(read_plan(Path("runs", name)))[1]["model.lr"] == 0.002


COSTS = ["--checkpoint.monitor", "score", "--model.costs", "[[0, 1, 1], [1, 0, 1], [5, 1, 0]]"]


@pytest.mark.parametrize(
    ("words", "metric"),
    [
        (["--checkpoint.monitor", "score"], "val/accuracy (more is better)"),
        (["--metric", "score"], "val/accuracy (more is better)"),
        (COSTS, "val/cost (less is better)"),
    ],
)
def test_trials_are_judged_by_what_chooses_their_epoch(
    words: list[str], metric: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune(*words, "--trials", "1") == 0
    assert f"by {metric}" in capsys.readouterr().err
    name = metric.split()[0]
    assert study_of().best_trial.value == pytest.approx(summary(STUDY / "trial-0000")[f"best/{name}"], rel=1e-6)


def test_the_metric_of_a_space_counts_and_what_is_typed_beats_it(capsys: pytest.CaptureFixture[str]) -> None:
    Path("space.yaml").write_text("metric: {name: best/val/accuracy, goal: maximize}\n" + SPACE)
    assert tune("--trials", "1") == 0
    assert "by val/accuracy (more is better)" in capsys.readouterr().err
    assert study_of().best_trial.value == pytest.approx(summary(STUDY / "trial-0000")["best/val/accuracy"], rel=1e-6)
    assert tune("--trials", "1", "--timeout", "0", "--metric", "val/ece", study="t") == 0
    assert "by val/ece (less is better)" in capsys.readouterr().err


def test_trials_are_one_group_in_wandb_and_nothing_is_left_in_the_environment() -> None:
    from tests.read_wandb_run import read_run as read_wandb_run

    before = dict(os.environ)
    place = TINY.index("--trainer.logger")
    words = [*TINY[:place], *TINY[place + 2 :]]
    assert main(["tune", *words, "--study", "s", "--trials", "2"]) == 0
    runs: list[Any] = [
        read_wandb_run(next((run / "wandb").glob("offline-run-*"))) for run in sorted(STUDY.glob("trial-*"))
    ]
    assert [run.group for run in runs] == ["s", "s"]
    assert len({run.id for run in runs}) == 2
    left = {name for name in os.environ if os.environ[name] != before.get(name)}
    assert not left & {"WANDB_RUN_GROUP", "OMP_NUM_THREADS", "ZOO_RUN_FOLDER"}


def test_two_machines_share_a_database_and_each_ends_with_the_best(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZOO_TUNE_STORAGE", f"sqlite:///{tmp_path}/shared.db")
    assert tune("--trials", "3", "--timeout", "0") == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "space.yaml").write_text(SPACE)
    monkeypatch.chdir(tmp_path / "other")
    assert tune("--trials", "3") == 0
    assert len(list(STUDY.glob("trial-*"))) == 3
    there = (STUDY / "best.yaml").read_text()
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert main(["tune", "--resume", "runs/s"]) == 0
    assert "3 trials complete" in capsys.readouterr().err
    assert not list(STUDY.glob("trial-*"))
    assert (STUDY / "best.yaml").read_text() == there
    (tmp_path / "third").mkdir()
    (tmp_path / "third" / "space.yaml").write_text(SPACE)
    monkeypatch.chdir(tmp_path / "third")
    assert tune("--trials", "3", "--model.dropout", "0.2") == 2
    assert "the study s was begun with another config" in capsys.readouterr().err
    assert not STUDY.exists()


def test_a_databases_password_is_not_written_down(capsys: pytest.CaptureFixture[str]) -> None:
    from zoo.cli.tune_begin import without_password

    hidden = without_password("postgresql://me:secret@host/name")
    assert hidden == "postgresql://me:***@host/name"
    assert without_password(None) is None
    assert tune("--trials", "1") == 0
    plan = STUDY / "study.yaml"
    plan.write_text(plan.read_text().replace("storage: null", f"storage: {hidden}"))
    assert main(["tune", "--resume", "runs/s"]) == 2
    assert "give --storage (or ZOO_TUNE_STORAGE) with the password" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("flag", [["--storage", "sqlite:///SECRET.db"], ["--storage=sqlite:///SECRET.db"]])
def test_wandb_is_not_told_the_address_of_the_database(flag: list[str]) -> None:
    place = TINY.index("--trainer.logger")
    words = [*TINY[:place], *TINY[place + 2 :], "--study", "s", "--trials", "1"]
    done = subprocess.run(command(*words, *flag), env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files = [file for file in (STUDY / "trial-0000").rglob("*") if file.is_file()]
    noted = [file for file in files if file.suffix == ".wandb" and b"space.yaml" in file.read_bytes()]
    assert len(noted) == 1  # the rest of the command line is
    assert not [file for file in files if b"SECRET" in file.read_bytes()]


# ---- processes -----------------------------------------------------------------------------------------------------


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "zoo.cli.main", "tune", *words]


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def appear(*patterns: str, process: subprocess.Popen[Any], many: int = 1) -> None:
    """Wait until files are there, as long as the process lives."""
    until = time.monotonic() + PATIENCE
    while any(len(list(Path().glob(pattern))) < many for pattern in patterns):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.02)


class HoldTrial(Callback):
    """Keep the trials of a study open until the test lets them go, by a file; each says by a file that it is held.

    Args:
        trials: Names of those that are kept; none is all.
    """

    def __init__(self, trials: list[str] | None = None) -> None:
        self.trials = trials or []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        name = Path(trainer.default_root_dir).name
        if self.trials and name not in self.trials:
            return
        Path(f"held-{name}").touch()
        until = time.monotonic() + PATIENCE
        while not Path("go").exists() and time.monotonic() < until:
            time.sleep(0.02)


def held(trials: int, *names: str) -> list[str]:
    """The words of a search whose trials wait for the file `go` after their first epoch."""
    Path("hold.yaml").write_text(
        "trainer:\n  callbacks:\n"
        f"  - class_path: tests.cli.test_tune.HoldTrial\n    init_args: {{trials: [{', '.join(names)}]}}\n"
    )
    return [*TINY[:2], "--config", "hold.yaml", *TINY[2:], "--study", "s", "--trials", str(trials)]


@pytest.mark.slow
def test_after_a_kill_in_the_middle_of_a_trial_it_goes_on_with_the_same_values() -> None:
    process = subprocess.Popen(command(*held(3, "trial-0001")), env=environment(), stderr=subprocess.DEVNULL)
    appear("held-trial-0001", process=process)
    process.kill()
    process.wait()
    killed = study_of().trials[1]
    assert killed.state == TrialState.RUNNING
    Path("go").touch()
    assert main(["tune", "--resume", "runs/s"]) == 0
    done = in_play(study_of())
    assert [(trial.number, trial.state) for trial in done] == [(n, TrialState.COMPLETE) for n in (0, 2, 3)]
    assert done[2].params == killed.params
    assert study_of().trials[1].state == TrialState.FAIL


@pytest.mark.slow
def test_two_workers_share_a_study_and_end_with_exactly_as_many_trials() -> None:
    words = [*held(4), "--workers", "2"]
    process = subprocess.Popen(command(*words), env=environment(), stderr=subprocess.PIPE, text=True)
    appear("held-trial-*", process=process, many=2)  # each worker has one
    Path("go").touch()
    said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 0, said
    trials = study_of().trials
    assert [trial.state.is_finished() for trial in trials] == [True] * 4
    assert len({trial.user_attrs["worker"] for trial in trials}) == 2
    assert sorted(run.name for run in STUDY.glob("trial-*")) == [f"trial-{number:04d}" for number in range(4)]
    assert said.count("next: zoo fit") == 1


@pytest.mark.slow
def test_ctrl_c_stops_all_workers() -> None:
    words = [*held(5), "--workers", "2"]
    process = subprocess.Popen(command(*words), env=environment(), stderr=subprocess.PIPE, text=True)
    appear("held-trial-*", process=process, many=2)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 130, said
    assert "to go on: zoo tune --resume runs/s" in said
    states = [trial.state for trial in study_of().trials]
    assert TrialState.RUNNING not in states
    assert len(in_play(study_of())) == 5
