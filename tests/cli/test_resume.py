"""A resumption that does not come to its end: what the run ended at before stays as long as it is true."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer

from tests.offline_runs import offline_run
from tests.read_wandb_run import read_run
from zoo.cli.main import main
from zoo.cli.resume_recipe import found_before

pytestmark = pytest.mark.filterwarnings("ignore")  # the command line shows users what matters; see zoo.cli.quiet

FIT = ["fit", "--config", "configs/mlp.yaml", "--data.path", "sample:wine", "--figures.enabled", "false"]
FIT += ["--trainer.max_epochs", "2", "--early_stopping.enabled", "false", "--name", "run"]
ON = ["fit", "--resume", "runs/run", "--trainer.max_epochs", "4"]
PREDICTIONS, BEFORE = Path("runs/run/predictions.csv"), Path("runs/run/predictions-before.csv")


class InterruptEarly(Callback):
    """Ctrl-C before the checkpoint is read."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        raise KeyboardInterrupt


class InterruptLate(Callback):
    """Ctrl-C within the fourth epoch."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == 3:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def summary() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path("runs/run/summary.json").read_text())
    return content


def test_what_a_run_ended_at_stays_until_it_was_trained_on() -> None:
    assert main([*FIT, "--trainer.logger", "false"]) == 0
    first, predicted = summary(), PREDICTIONS.read_bytes()
    assert {"best/val/loss", "test/accuracy"} <= set(first)

    assert main([*ON, f"--trainer.callbacks={__name__}.InterruptEarly"]) == 130
    assert summary() == first | {"status": "interrupted"}
    assert PREDICTIONS.read_bytes() == predicted

    assert main([*ON, f"--trainer.callbacks={__name__}.InterruptLate"]) == 130
    later = summary()
    assert (later["status"], later["epochs"]) == ("interrupted", 3)
    assert "best/val/loss" in later
    assert not [name for name in later if name.startswith("test/")]
    assert not PREDICTIONS.exists()  # they are of weights that summary.json does not speak of
    assert BEFORE.read_bytes() == predicted

    assert main([*ON, "--trainer.callbacks", "[]"]) == 0
    assert summary()["epochs"] == 4
    assert summary()["test/accuracy"] > 0
    assert PREDICTIONS.exists()


@pytest.mark.parametrize("off", [["--trainer.logger", "false"], ["--wandb.enabled", "false"]])
def test_a_resumption_without_wandb_does_not_forget_the_run_there(off: list[str]) -> None:
    assert main(FIT) == 0
    known = summary()["wandb_run_id"]
    assert main([*ON, *off]) == 0
    assert summary()["wandb_run_id"] == known
    assert torch.load("runs/run/checkpoints/last.ckpt")["zoo"]["wandb_run_id"] == known
    again = ["--trainer.logger", "null", "--wandb.enabled", "true"]
    assert main(["fit", "--resume", "runs/run", "--trainer.max_epochs", "6", *again]) == 0
    assert offline_run("runs/run").id == known


def test_a_resumption_does_not_change_the_artifact_of_the_part_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def move(source: str, to: str) -> None:
        """As between two disks."""
        shutil.copyfile(source, to)
        Path(source).unlink()

    assert main(FIT) == 0
    offline_run("runs/run")
    (part,) = Path("runs/run/wandb").glob("offline-run-*")
    run: Any = read_run(part)
    kept = Path(next(a for a in run.artifacts if a["type"] == "model")["files"][0]["local_path"])
    before, best = kept.read_bytes(), Path("runs/run/checkpoints/best.ckpt")
    assert kept.samefile(best)
    monkeypatch.setattr("shutil.move", move)
    assert main(ON) == 0
    assert best.read_bytes() != before
    assert kept.read_bytes() == before


# ---- what is typed beats the state of the optimiser ------------------------------------------------------------------


class Watch(Callback):
    """Notes the groups of the optimiser before each step."""

    seen: ClassVar[list[list[dict[str, Any]]]] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        groups = trainer.optimizers[0].param_groups
        self.seen.append([{name: value for name, value in group.items() if name != "params"} for group in groups])


def test_new_numbers_of_the_recipe_reach_the_optimiser(capsys: pytest.CaptureFixture[str]) -> None:
    plain = ["--trainer.logger", "false", "--trainer.precision", "32-true", "--model.schedule", "linear"]
    first = ["--model.warmup", "0", "--model.lr", "0.01", "--model.weight_decay", "0.02"]
    assert main([*FIT, *plain, *first]) == 0
    before = Path("runs/run/config.yaml").read_text()
    for words, said in (
        (["--model.optimizer", "sgd"], "was trained by the optimiser adamw and cannot go on with sgd: leave"),
        (
            ["--model.weight_decay", "0"],
            "model.weight_decay of runs/run was 0.02 and cannot become 0.0: weights are in",
        ),
        (["--model.layer_decay", "0.5"], "model.layer_decay of runs/run was 1.0 and cannot become 0.5: weights are in"),
    ):
        assert main([*ON, *words]) == 2
        assert said in capsys.readouterr().err.splitlines()[-1]
        assert Path("runs/run/config.yaml").read_text() == before
    Watch.seen.clear()
    watch = f"--trainer.callbacks={__name__}.Watch"
    new = ["--model.lr", "1e-4", "--model.weight_decay", "0.3", "--model.optimizer_options", "{betas: [0.5, 0.6]}"]
    assert main([*ON, watch, *new]) == 0
    assert yaml.safe_load(Path("runs/run/config.yaml").read_text())["model"]["init_args"]["lr"] == 1e-4
    steps = len(Watch.seen)
    assert steps > 0
    for step, groups in enumerate(Watch.seen):
        assert {group["initial_lr"] for group in groups} == {1e-4}
        assert {group["weight_decay"] for group in groups} == {0.0, 0.3}
        assert all(list(group["betas"]) == [0.5, 0.6] for group in groups)
        if step:  # the second half of a straight line to 0
            assert groups[0]["lr"] == pytest.approx(1e-4 * (steps - step) / (2 * steps))
    assert Watch.seen[0][0]["lr"] <= 1e-4


def test_auto_keeps_the_rate_that_was_found() -> None:
    assert found_before(["--model.lr", "auto"], {"lr": 0.5})[-2:] == ["--model.lr", "0.5"]
    assert found_before(["--model.lr=auto"], {"lr": 0.5})[-2:] == ["--model.lr", "0.5"]
    for words in (["--model.lr", "0.1"], ["--name", "auto"], ["--model.lr=0.1"]):
        assert found_before(words, {"lr": 0.5}) == words
