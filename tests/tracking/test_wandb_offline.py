"""What a run holds in W&B, written by the real client offline and read back key by key; TensorBoard holds the same."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from PIL import Image

from tests.data.tables import write_csv
from tests.fits import tabular_columns
from tests.offline_runs import offline_run
from zoo.cli.main import main
from zoo.comparing.runs import read_run
from zoo.tracking.history import read_metrics
from zoo.tracking.wandb import client_settings

pytestmark = pytest.mark.filterwarnings("ignore")

SHORT = ["--trainer.max_epochs", "2", "--early_stopping.enabled", "false", "--name", "run"]
AXES = ("epoch", "samples_seen", "seconds")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fit(config: str, *words: str) -> tuple[Any, dict[str, Any]]:
    """A short run, its W&B run read back, and its summary.json."""
    assert main(["fit", "--config", f"configs/{config}.yaml", *SHORT, *words]) == 0
    return offline_run("runs/run"), json.loads(Path("runs/run/summary.json").read_text())


@pytest.mark.slow
def test_an_image_run_key_by_key(tmp_path: Path) -> None:
    run, summary = fit("cnn", "--model.widths", "[8, 8]", "--wandb.notes", "a try", "--data.batch_size", "64")
    assert (run.name, run.project, run.job_type, run.notes) == ("run", "zoo", "fit", "a try")
    assert run.group == summary["group"] == read_run("runs/run").group
    assert run.group.startswith("cnn-digits-")
    assert run.tags == ["CNNClassifier", "digits"]
    assert (run.id, run.exit_code) == (summary["wandb_run_id"], 0)

    assert not [key for key in run.config if "." in key]
    expected = {"model": "CNNClassifier", "data": "ImageDataModule", "data_path": "sample:digits", "seed": 0}
    expected |= {"max_epochs": 2, "precision": "32-true", "num_params": summary["parameters"], "model_widths": [8, 8]}
    expected |= {"data_fingerprint": summary["data_fingerprint"], "data_batch_size": 64}
    assert {key: run.config[key] for key in expected} == expected
    assert run.config["versions"]["torch"] == summary["version_torch"]
    assert torch.load("runs/run/checkpoints/best.ckpt")["zoo"]["versions"] == run.config["versions"]
    assert run.config["cli"]["trainer"]["max_epochs"] == 2

    for name in ("train/*", "val/*", "test/*", "lr"):
        assert run.metrics[name]["step_metric"] == "trainer/global_step"
    logged = [row for row in run.history if "test/per_class" not in row]
    assert all(axis in row for row in logged for axis in (*AXES, "trainer/global_step"))
    stored = read_metrics("runs/run/metrics.csv")
    for name in ("train/loss_step", "lr", "val/accuracy", "train/loss", "test/loss"):
        rows = [row for row in stored if name in row]
        for key in (name, "samples_seen", "seconds", "epoch"):
            assert [row[key] for row in logged if name in row] == pytest.approx([row[key] for row in rows])
    per_epoch = summary["rows_train"]
    assert [row["samples_seen"] for row in logged if "val/loss" in row] == [per_epoch, 2 * per_epoch]

    assert {key: run.summary[key] for key in summary} == summary
    best = next(row for row in stored if row.get("epoch") == summary["best_epoch"] and "val/loss" in row)
    assert {name: best[name] for name in best if name.startswith("val/")} == {
        name.removeprefix("best/"): value for name, value in summary.items() if name.startswith("best/")
    }
    assert (summary["monitor"], summary["monitor_mode"]) == ("val/loss", "min")
    check_tables(run, summary)
    check_artifact(run, summary)
    check_tensorboard(stored, summary)


def check_tables(run: Any, summary: dict[str, Any]) -> None:
    per_class = run.table("test/per_class")
    assert per_class["columns"] == ["class", "precision", "recall", "f1", "support"]
    assert sum(row[4] for row in per_class["data"]) == summary["rows_test"]
    assert np.mean([row[3] for row in per_class["data"]]) == pytest.approx(summary["test/f1_macro"], abs=1e-6)
    confusion = run.table("test/confusion_matrix_table")
    assert confusion["columns"] == ["Actual", "Predicted", "nPredictions"]
    right = sum(n for actual, predicted, n in confusion["data"] if actual == predicted)
    assert right / summary["rows_test"] == pytest.approx(summary["test/accuracy"])
    assert run.table("test/roc_table")["columns"] == ["class", "fpr", "tpr"]
    assert run.table("test/pr_table")["columns"] == ["class", "recall", "precision"]
    assert sum(row[2] for row in run.table("test/reliability_table")["data"]) == summary["rows_test"]
    chart = run.config["_wandb"]["visualize"]["test/confusion_matrix"]["panel_config"]
    assert chart["panelDefId"] == "wandb/confusion_matrix/v1"
    mistakes = run.table("test/mistakes")
    assert mistakes["columns"] == ["index", "picture", "target", "prediction", "confidence"]
    artifact = next(found for found in run.artifacts if "testmistakes" in found["name"])
    pictures = [found["local_path"] for found in artifact["files"] if found["path"].endswith(".png")]
    assert len(pictures) == len(mistakes["data"])
    assert Image.open(pictures[0]).size == (64, 64)
    packages = (run.dir / "files" / "requirements.txt").read_text().splitlines()
    assert f"torch=={version('torch')}" in packages
    assert f"scikit-learn=={version('scikit-learn')}" in packages
    assert {"predictions.csv", "requirements.txt"} <= set(run.files)
    assert (run.dir / "files" / "predictions.csv").read_bytes() == Path("runs/run/predictions.csv").read_bytes()


def check_artifact(run: Any, summary: dict[str, Any]) -> None:
    found = [artifact for artifact in run.artifacts if artifact["type"] == "model"]
    assert [(artifact["name"], sorted(artifact["aliases"])) for artifact in found] == [("run", ["best", "latest"])]
    about = found[0]["metadata"]
    assert (about["monitor"], about["epoch"], about["classes"]) == ("val/loss", summary["best_epoch"], 10)
    assert about["score"] == summary["best/val/loss"]
    assert about["test/accuracy"] == summary["test/accuracy"]
    (file,) = found[0]["files"]
    best = Path("runs/run/checkpoints/best.ckpt")
    assert (file["path"], file["size"]) == ("best.ckpt", best.stat().st_size)
    assert Path(file["local_path"]).samefile(best)  # linked: it takes no room


def check_tensorboard(stored: list[dict[str, float]], summary: dict[str, Any]) -> None:
    """The scalars of metrics.csv, the pictures of figures/, and a line of the HParams tab."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    events = EventAccumulator("runs/run/tensorboard", size_guidance={"images": 0, "scalars": 0})
    events.Reload()
    tags = events.Tags()
    for name in ("train/loss_step", "lr", "val/accuracy", "train/loss", "test/loss"):
        rows = [row for row in stored if name in row]
        assert [event.step for event in events.Scalars(name)] == [row["step"] for row in rows]
        assert [event.value for event in events.Scalars(name)] == pytest.approx([row[name] for row in rows])
    assert set(AXES) <= set(tags["scalars"])
    names = {f"figures/{file.stem}" for file in Path("runs/run/figures").iterdir()}
    assert set(tags["images"]) == names >= {"figures/curves", "figures/confusion", "figures/mistakes"}
    shown = events.Images("figures/confusion")[0]
    assert shown.encoded_image_string == Path("runs/run/figures/confusion.png").read_bytes()
    assert (shown.width, shown.height) == Image.open("runs/run/figures/confusion.png").size
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    hyper = HParamsPluginData.FromString(content).session_start_info.hparams
    assert (hyper["model"].string_value, hyper["max_epochs"].number_value) == ("CNNClassifier", 2)
    experiment = HParamsPluginData.FromString(
        events.summary_metadata["_hparams_/experiment"].plugin_data.content
    ).experiment
    metrics = {info.name.tag for info in experiment.metric_infos}
    assert {"best/val/accuracy", "best/val/loss", "test/accuracy"} <= metrics
    assert events.Scalars("best/val/loss")[-1].value == pytest.approx(summary["best/val/loss"])


def test_a_text_is_shown_as_it_stands(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(["a", "bc", "def"], 5)) for _ in range(60)]
    file = write_csv(tmp_path / "t.csv", {"text": texts, "label": [("x", "y")[i % 2] for i in range(60)]})
    tiny = ["--model.d_model", "16", "--model.n_layers", "1", "--data.path", file, "--data.vocab_size", "300"]
    run, _ = fit("transformer", *tiny, "--wandb.log_model", "false")
    table = run.table("test/mistakes")
    assert table["columns"] == ["index", "target", "prediction", "confidence", "row_text"]
    assert all(row[4] == texts[int(row[0])] for row in table["data"])
    assert [artifact for artifact in run.artifacts if artifact["type"] == "model"] == []


def test_the_largest_errors_of_numbers_with_the_rows_own_columns(tmp_path: Path) -> None:
    columns = tabular_columns(60)
    file = write_csv(tmp_path / "t.csv", columns)
    words = ["--model", "MLPRegressor", "--data.path", file, "--data.target", "price", "--data.ignore", "[label]"]
    run, summary = fit("mlp", *words)
    table = run.table("test/largest_errors")
    assert table["columns"] == ["index", "target", "prediction", "error", "row_a", "row_b", "row_colour"]
    errors = [abs(row[3]) for row in table["data"]]
    assert errors == sorted(errors, reverse=True)
    for row in table["data"]:
        assert row[1] == pytest.approx(columns["price"][int(row[0])])
        assert row[6] == columns["colour"][int(row[0])]
    assert len(run.table("test/residuals_table")["data"]) == summary["rows_test"]
    assert summary["monitor"] == "val/rmse"


def people(tmp_path: Path) -> str:
    """A table whose first columns say who it is, which no model reads."""
    who: dict[str, list[Any]] = {"mail": [f"someone{i}@example.org" for i in range(300)], "row_id": list(range(300))}
    return str(write_csv(tmp_path / "people.csv", who | tabular_columns(300)))


TASKS = {"MLPClassifier": ("label", "price"), "MLPRegressor": ("price", "label")}


@pytest.mark.parametrize("model", TASKS)
def test_rows_are_sent_without_what_the_model_does_not_read(model: str, tmp_path: Path) -> None:
    target, other = TASKS[model]
    words = ["--model", model, "--data.path", people(tmp_path), "--data.target", target]
    run, _ = fit("mlp", *words, "--data.ignore", f"[{other}]", "--wandb.log_model", "false")
    name = "test/mistakes" if model == "MLPClassifier" else "test/largest_errors"
    own = [column for column in run.table(name)["columns"] if column.startswith("row_")]
    assert own == ["row_a", "row_b", "row_colour"]
    sent = [file for file in run.dir.rglob("*") if file.is_file() and b"someone" in file.read_bytes()]
    assert sent == []


@pytest.mark.parametrize("model", TASKS)
def test_no_row_is_sent_where_that_is_switched_off(model: str, tmp_path: Path) -> None:
    target, other = TASKS[model]
    words = ["--model", model, "--data.path", people(tmp_path), "--data.target", target, "--wandb.log_rows", "false"]
    run, summary = fit("mlp", *words, "--data.ignore", f"[{other}]", "--wandb.log_model", "false")
    assert "predictions.csv" not in run.files
    assert not (run.dir / "files" / "predictions.csv").exists()
    found = {name for name in run.summary if name.startswith("test/")} - set(summary)
    whole = {"test/per_class", "test/confusion_matrix_table", "test/roc_table", "test/pr_table"}
    assert found == (whole | {"test/reliability_table"} if model == "MLPClassifier" else set())
    assert Path("runs/run/predictions.csv").is_file()


@pytest.mark.parametrize(("told", "kept"), [("offline", True), ("disabled", False)])
def test_what_wandb_itself_was_told_is_respected(
    told: str, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from zoo.tracking.wandb_link import mode, server

    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.delenv("WANDB_DIR")
    assert mode() is None
    subprocess.run([sys.executable, "-m", "wandb", told], check=True, capture_output=True)  # here, as W&B writes it
    assert mode() == told
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    words = ["--data.path", "sample:wine", "--figures.enabled", "false", "--wandb.log_model", "false"]
    assert main(["fit", "--config", "configs/mlp.yaml", *SHORT, *words]) == 0
    assert "W&B" not in capsys.readouterr().err
    assert len(list(Path("runs/run").glob("wandb/offline-run-*"))) == kept
    monkeypatch.setenv("WANDB_MODE", "online")
    assert mode() == "online"
    monkeypatch.delenv("WANDB_BASE_URL")
    Path("wandb/settings").write_text("[default]\nbase_url = https://wandb.example.org/\n")
    assert server() == "https://wandb.example.org"


def test_the_account_cannot_switch_the_sending_of_code_on() -> None:
    assert client_settings(False).save_code is False
    assert client_settings(True).save_code is True


def test_without_an_account_one_line_says_that_the_run_stays_here(capsys: pytest.CaptureFixture[str]) -> None:
    fit("mlp", "--data.path", "sample:wine", "--figures.enabled", "false", "--wandb.log_model", "false")
    said = [line for line in capsys.readouterr().err.splitlines() if "W&B" in line]
    assert said == ["W&B: no account here, so the run is kept offline; `wandb sync` sends it later"]


@pytest.mark.parametrize("asked", [False, True])
def test_the_commit_is_noted_and_changes_are_sent_only_when_asked_for(asked: bool, tmp_path: Path) -> None:
    git = ["git", "-c", "user.email=a@b", "-c", "user.name=a"]
    Path("mine.py").write_text("secret = 1\n")
    for words in (["init", "-q"], ["add", "mine.py"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    Path("mine.py").write_text("secret = 2\n")
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    words = ["--data.path", "sample:wine", "--figures.enabled", "false", "--wandb.log_model", "false"]
    run, _ = fit("mlp", *words, *(["--wandb.save_code", "true"] if asked else []))
    assert run.git["commit"] == commit
    kept = [file for file in (run.dir / "files").rglob("*") if file.is_file() and "secret" in file.read_text()]
    assert [file.name for file in kept] == (["diff.patch"] if asked else [])


class Interrupt(Callback):
    """Ctrl-C in the second epoch."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt


def test_an_interrupted_run_says_what_it_took_and_keeps_its_best_epoch_there() -> None:
    words = ["--data.path", "sample:wine", f"--trainer.callbacks+={__name__}.Interrupt"]
    assert main(["fit", "--config", "configs/mlp.yaml", *SHORT, *words]) == 130
    run, summary = offline_run("runs/run"), json.loads(Path("runs/run/summary.json").read_text())
    assert (summary["status"], summary["epochs"], summary["best_epoch"], run.exit_code) == ("interrupted", 1, 0, 1)
    assert summary["seconds"] > 0
    assert run.summary["best/val/loss"] == summary["best/val/loss"]
    assert [artifact["name"] for artifact in run.artifacts if artifact["type"] == "model"] == ["run"]


def test_switched_off_by_name_and_by_a_mistake_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--data.path", "sample:wine", "--figures.enabled", "false"]
    assert main(["fit", "--config", "configs/mlp.yaml", *SHORT, *small, "--wandb.enabled", "false"]) == 0
    assert not Path("runs/run/wandb").exists()
    assert Path("runs/run/metrics.csv").exists()
    assert list(Path("runs/run/tensorboard").iterdir())
    assert read_run("runs/run").group.startswith("mlp-wine-")
    assert "W&B" not in capsys.readouterr().err
    for words, message in {
        ("--wandb.projekt", "x"): "no option wandb.projekt in WandbSettings: did you mean 'project'?",
        ("--wandb.project", "a/b"): "wandb.project must be a name of at most 128 characters",
        ("--wandb.log_model", "maybe"): "wandb.log_model must be bool",
    }.items():
        assert main(["fit", "--config", "configs/mlp.yaml", *small, *words]) == 2
        assert message in capsys.readouterr().err
    assert [folder.name for folder in Path("runs").iterdir()] == ["run"]
