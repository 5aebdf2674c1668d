"""A resumption that does not come to its end: what the run ended at before stays as long as it is true."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from tests.offline_runs import offline_run
from tests.read_wandb_run import read_run
from zoo.cli.main import main

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
