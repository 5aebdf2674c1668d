"""`zoo fit` end to end, in process: the three configs, the run folder, what is said, resume, distributed."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import zoo
from tests.offline_runs import offline_run
from tests.read_wandb_run import read_run
from zoo.cli.main import main
from zoo.tracking.history import read_metrics

pytestmark = pytest.mark.filterwarnings("ignore")  # the command line shows users what matters; see zoo.cli.quiet

QUICK = ["--trainer.max_epochs", "2", "--trainer.logger", "false"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def summary(run: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(run, "summary.json").read_text())
    return content


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "run", "bar"),
    [
        ("mlp", "mlp-breast_cancer", 0.95),
        ("cnn", "cnn-digits", 0.985),
        ("transformer", "transformer-languages", 0.80),
    ],
)
def test_the_three_configs_reach_their_bars_and_leave_the_whole_run_folder(config: str, run: str, bar: float) -> None:
    assert main(["fit", "--config", f"configs/{config}.yaml"]) == 0
    folder = Path("runs", run)
    files = {str(file.relative_to(folder)) for file in folder.rglob("*")}
    assert {
        "config.yaml",
        "metrics.csv",
        "summary.json",
        "predictions.csv",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "figures/curves.png",
        "figures/confusion.png",
        "tensorboard",
        "wandb",
    } <= files
    result = summary(str(folder))
    assert result["status"] == "finished"
    assert result["test/accuracy"] >= bar
    check_predictions(folder)
    check_wandb(folder)
    assert list((folder / "tensorboard").glob("events.*"))


def check_predictions(folder: Path) -> None:
    """What anyone recomputes from predictions.csv equals summary.json."""
    from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

    with (folder / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = [name.removeprefix("p_") for name in rows[0] if name.startswith("p_")]
    truth, found = [row["target"] for row in rows], [row["prediction"] for row in rows]
    scores = torch.tensor([[float(row[f"p_{name}"]) for name in names] for row in rows], dtype=torch.float64)
    scores = scores / scores.sum(dim=1, keepdim=True)
    result = summary(str(folder))
    assert len({row["index"] for row in rows}) == len(rows) == result["rows_test"]
    assert result["test/accuracy"] == pytest.approx(accuracy_score(truth, found), abs=1e-6)
    assert result["test/f1_macro"] == pytest.approx(f1_score(truth, found, average="macro"), abs=1e-6)
    ids = [names.index(name) for name in truth]
    if len(names) == 2:
        assert result["test/auroc"] == pytest.approx(roc_auc_score(ids, scores[:, 1]), abs=1e-5)
    else:
        area = roc_auc_score(ids, scores.numpy(), multi_class="ovr", average="macro", labels=range(len(names)))
        assert result["test/auroc"] == pytest.approx(area, abs=1e-5)
    assert log_loss(ids, scores.numpy(), labels=range(len(names))) < 1.0


def check_wandb(folder: Path) -> None:
    """The offline run of the real client holds config and metrics under the names of metrics.csv."""
    run = offline_run(folder)
    result = summary(str(folder))
    assert run.config["model"] == result["model"].rsplit(".", 1)[-1]
    assert run.config["seed"] == 0
    assert run.config["num_params"] == result["parameters"]
    assert not [key for key in run.config if "." in key]
    assert run.summary["test/accuracy"] == pytest.approx(result["test/accuracy"])
    logged = [row["val/accuracy"] for row in read_metrics(folder / "metrics.csv") if "val/accuracy" in row]
    assert [value for _, value in run.series("val/accuracy")] == pytest.approx(logged)
    assert run.exit_code == 0


def test_pitfall_05_a_second_run_gets_a_folder_of_its_own() -> None:
    for _ in range(2):
        assert main(["fit", "--config", "configs/mlp.yaml", "--name", "same", *QUICK]) == 0
    assert sorted(run.name for run in Path("runs").iterdir()) == ["same", "same-2"]


def test_pitfall_06_the_saved_config_is_accepted_again_and_by_the_other_commands() -> None:
    assert main(["fit", "--config", "configs/mlp.yaml", "--name", "one", "--model.lr", "0.02", *QUICK]) == 0
    assert main(["fit", "--config", "runs/one/config.yaml", "--name", "two"]) == 0
    one, two = (yaml.safe_load(Path("runs", name, "config.yaml").read_text()) for name in ("one", "two"))
    assert one["model"] == two["model"]
    assert one["model"]["init_args"]["lr"] == 0.02
    assert summary("runs/one")["test/loss"] == summary("runs/two")["test/loss"]
    assert main(["test", "runs/one", "--config", "runs/one/config.yaml"]) == 0


def test_pitfall_07_named_callbacks_are_reached_and_switched_off_by_name_and_the_users_own_are_added(
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = [
        "--trainer.max_epochs",
        "30",
        "--trainer.logger",
        "false",
        "--model.lr",
        "0.05",
        "--early_stopping.patience",
        "1",
    ]
    assert main(["fit", "--config", "configs/mlp.yaml", "--name", "early", *flags]) == 0
    assert summary("runs/early")["epochs"] < 30
    assert (
        main(["fit", "--config", "configs/mlp.yaml", "--name", "whole", *flags, "--early_stopping.enabled", "false"])
        == 0
    )
    assert summary("runs/whole")["epochs"] == 30
    more = ["--trainer.callbacks+=lightning.pytorch.callbacks.ModelSummary", "--figures.enabled", "false"]
    assert main(["fit", "--config", "configs/mlp.yaml", "--name", "more", *QUICK, *more]) == 0
    assert not Path("runs/more/figures").exists()
    assert Path("runs/more/checkpoints/best.ckpt").exists()
    short = ["--trainer.callbacks+=LRMonitor", "--name", "short"]
    assert main(["fit", "--config", "configs/mlp.yaml", *QUICK, *short]) == 0
    config = yaml.safe_load(Path("runs/short/config.yaml").read_text())
    assert [callback["class_path"].rsplit(".", 1)[1] for callback in config["trainer"]["callbacks"]] == ["LRMonitor"]


def test_pitfall_01_command_line_beats_config_beats_default() -> None:
    Path("mine.yaml").write_text("model: {class_path: MLPClassifier, init_args: {dropout: 0.3, hidden: [8]}}\n")
    flags = ["--config", "configs/mlp.yaml", "--config", "mine.yaml", "--model.dropout", "0.4", "--name", "run"]
    assert main(["fit", *flags, *QUICK]) == 0
    model, _ = zoo.load("runs/run")
    assert model.hparams["dropout"] == 0.4
    assert model.hparams["hidden"] == [8]
    assert model.hparams["activation"] == "relu"


def test_resume_goes_on_in_the_same_folder_and_equals_a_run_that_never_stopped() -> None:
    base = ["--config", "configs/mlp.yaml", "--trainer.logger", "false", "--model.schedule", "constant"]
    base += ["--early_stopping.enabled", "false"]
    assert main(["fit", *base, "--trainer.max_epochs", "6", "--name", "whole"]) == 0
    assert main(["fit", *base, "--trainer.max_epochs", "3", "--model.warmup", "0.0", "--name", "half"]) == 0
    assert main(["fit", *base, "--trainer.max_epochs", "6", "--model.warmup", "0.0", "--name", "straight"]) == 0
    assert main(["fit", "--resume", "runs/half", "--trainer.max_epochs", "6"]) == 0
    assert sorted(run.name for run in Path("runs").iterdir()) == ["half", "straight", "whole"]
    assert summary("runs/half")["epochs"] == 6
    weights = [torch.load(f"runs/{name}/checkpoints/last.ckpt")["state_dict"] for name in ("half", "straight")]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[1])


def test_resume_keeps_metrics_and_the_wandb_run() -> None:
    assert main(["fit", "--config", "configs/mlp.yaml", "--trainer.max_epochs", "2", "--name", "run"]) == 0
    assert main(["fit", "--resume", "runs/run", "--trainer.max_epochs", "4"]) == 0
    epochs = [row["epoch"] for row in read_metrics("runs/run/metrics.csv") if "val/loss" in row]
    assert epochs == [0, 1, 2, 3]
    offline_run("runs/run")  # its end is on disk
    ids = {read_run(run).id for run in Path("runs/run/wandb").glob("offline-run-*")}
    assert len(ids) == 1


def test_a_resumption_that_is_refused_leaves_the_run_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--trainer.max_epochs", "2", "--wandb.enabled", "false", "--figures.enabled", "false"]
    assert main(["fit", "--config", "configs/mlp.yaml", *words, "--name", "run"]) == 0
    before = files_of("runs/run")
    assert "metrics.csv" in before
    capsys.readouterr()
    assert main(["fit", "--resume", "runs/run", "--model.dropout", "0.3"]) == 2
    assert "has its 2 epochs: say --trainer.max_epochs 4" in capsys.readouterr().err
    assert main(["fit", "--resume", "runs/run", "--trainer.max_epochs", "9", "--model.hidden", "[4]"]) == 2
    assert "was trained with another network" in capsys.readouterr().err
    assert files_of("runs/run") == before


def files_of(folder: str) -> dict[str, bytes]:
    """What every file below a folder holds."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in Path(folder).rglob("*") if file.is_file()}


def test_regression_end_to_end_in_the_units_of_the_target() -> None:
    flags = ["--config", "configs/mlp.yaml", "--model", "MLPRegressor", "--data.path", "sample:diabetes"]
    assert main(["fit", *flags, "--name", "run", "--trainer.max_epochs", "20", "--trainer.logger", "false"]) == 0
    result = summary("runs/run")
    assert 40 < result["test/rmse"] < 70
    with Path("runs/run/predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["index", "target", "prediction"]
    error = torch.tensor([float(row["target"]) - float(row["prediction"]) for row in rows], dtype=torch.float64)
    assert float((error**2).mean().sqrt()) == pytest.approx(result["test/rmse"], rel=1e-5)


def test_a_run_that_is_to_test_no_batch_ends_well_without_a_test() -> None:
    flags = ["--trainer.max_epochs", "1", "--trainer.logger", "false", "--figures.enabled", "false"]
    words = ["fit", "--config", "configs/mlp.yaml", "--name", "run", *flags]
    assert main([*words, "--trainer.limit_test_batches", "0"]) == 0
    result = summary("runs/run")
    assert result["status"] == "finished"
    assert not [name for name in result if name.startswith("test/")]


@pytest.mark.slow
def test_two_processes_train_and_end_with_one_run_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "zoo.cli.main", "fit", "--config", "configs/mlp.yaml", "--trainer.max_epochs", "2"]
    distributed = ["--trainer.devices", "2", "--trainer.accelerator", "cpu", "--trainer.strategy", "ddp"]
    done = subprocess.run([*command, *distributed], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert [run.name for run in Path("runs").iterdir()] == ["mlp-breast_cancer"]
    result = summary("runs/mlp-breast_cancer")
    assert (result["devices"], result["device"]) == (2, "cpu")
    with Path("runs/mlp-breast_cancer/predictions.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == result["rows_test"]
    assert len(list(Path("runs/mlp-breast_cancer/wandb").glob("offline-run-*"))) == 1
