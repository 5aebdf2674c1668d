"""`zoo fit --trainer.max_time`: time is the only limit unless another was given; the rate is at its end; resume."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from zoo.cli.main import main
from zoo.tracking.history import read_metrics

pytestmark = pytest.mark.filterwarnings("ignore")

WINE = (
    "model: MLPClassifier\ndata:\n  class_path: TabularDataModule\n  init_args: {path: sample:wine, target: target}\n"
)
FIT = ["fit", "--config", "wine.yaml", "--early_stopping.enabled", "false", "--figures.enabled", "false"]
PLAIN = ["--trainer.logger", "false"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wine.yaml").write_text(WINE)


def settings(run: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(Path(run, "config.yaml").read_text())["trainer"]
    return config


def last_rate(run: str) -> float:
    content = torch.load(f"runs/{run}/checkpoints/last.ckpt", weights_only=True)
    return float(content["optimizer_states"][0]["param_groups"][0]["lr"])


@pytest.mark.slow
def test_the_time_ends_the_fit_with_the_rate_at_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    flags = ["--trainer.max_time", "00:00:00:03", "--model.lr", "0.01", "--trainer.log_every_n_steps", "1"]
    assert main([*FIT, *flags, "--name", "run"]) == 0
    trainer = settings("runs/run")
    assert (trainer["max_epochs"], trainer["max_steps"], trainer["max_time"]) == (-1, -1, "00:00:00:03")
    result = json.loads(Path("runs/run/summary.json").read_text())
    assert result["seconds"] > 2
    assert result["status"] == "finished"
    rows = read_metrics("runs/run/metrics.csv")
    rates = [row["lr"] for row in rows if "lr" in row]
    assert max(rates) > 0.95 * 0.01
    assert rates[-1] < 0.05 * 0.01
    assert last_rate("run") < 0.05 * 0.01
    validated = [row for row in rows if "val/loss" in row]
    assert len(validated) == result["epochs"]
    assert result["best/val/loss"] == min(row["val/loss"] for row in validated)
    assert main(["fit", "--resume", "runs/run"]) == 2
    assert "runs/run has spent its " in capsys.readouterr().err
    assert main(["fit", "--resume", "runs/run", "--trainer.max_time", "00:00:00:05"]) == 0
    more = json.loads(Path("runs/run/summary.json").read_text())
    assert more["steps"] > result["steps"]
    assert more["seconds"] > result["seconds"]


@pytest.mark.parametrize(
    ("flags", "epochs", "steps"),
    [
        (["--trainer.max_time", "00:01:00:00", "--trainer.max_epochs", "2"], 2, -1),
        (["--trainer.max_time=00:01:00:00", "--trainer.max_steps=3"], -1, 3),
        (["--trainer.max_steps", "3"], -1, 3),
        (["--config", "two.yaml", "--trainer.max_steps", "3"], 2, 3),
        (["--config", "timed.yaml"], 2, -1),
        (["--config", "two.yaml", "--trainer.max_time", "00:00:00:01"], -1, -1),
    ],
)
def test_limits_that_were_given_stand(flags: list[str], epochs: int, steps: int) -> None:
    Path("two.yaml").write_text("trainer: {max_epochs: 2}\n")
    Path("timed.yaml").write_text("trainer: {max_epochs: 2, max_time: '00:00:01:00'}\n")
    assert main([*FIT, *PLAIN, *flags, "--name", "run"]) == 0
    assert (settings("runs/run")["max_epochs"], settings("runs/run")["max_steps"]) == (epochs, steps)


@pytest.mark.parametrize(
    ("words", "enabled"),
    [
        (["--trainer.max_time", "00:00:00:01"], False),
        (["--trainer.max_time", "00:00:00:01", "--early_stopping.patience", "3"], True),
        (["--trainer.max_time", "00:00:00:01", "--trainer.max_epochs", "1"], True),
        (["--config", "stops.yaml", "--trainer.max_time", "00:00:00:01"], False),
        (["--config", "stops_by_time.yaml"], True),
    ],
)
def test_a_time_that_is_the_only_limit_is_used_up(words: list[str], enabled: bool, capsys: Any) -> None:
    Path("stops.yaml").write_text("early_stopping: {patience: 1}\n")
    Path("stops_by_time.yaml").write_text("early_stopping: {patience: 1}\ntrainer: {max_time: '00:00:00:01'}\n")
    fit = ["fit", "--config", "wine.yaml", "--figures.enabled", "false", *PLAIN]
    assert main([*fit, *words, "--name", "run"]) == 0
    config = yaml.safe_load(Path("runs/run/config.yaml").read_text())
    assert config["early_stopping"]["enabled"] is enabled
    assert ("no early stopping: trainer.max_time is the only limit" in capsys.readouterr().err) is not enabled


def test_the_last_steps_are_validated_also_within_an_epoch() -> None:
    """Lightning ends at `max_steps` without: the end of the schedule would be no candidate for best.ckpt."""
    flags = ["--trainer.max_steps", "5", "--data.batch_size", "32", "--early_stopping.enabled", "false"]
    assert main(["fit", "--config", "wine.yaml", "--figures.enabled", "false", *flags, "--name", "run"]) == 0
    rows = read_metrics("runs/run/metrics.csv")
    assert [row["step"] for row in rows if "val/loss" in row] == [3, 4]
    assert [row["step"] for row in rows if "train/loss" in row] == [3, 4]
    assert json.loads(Path("runs/run/summary.json").read_text())["steps"] == 5


def test_a_time_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FIT, *PLAIN, "--trainer.max_time", "10m"]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1] == (
        "zoo: trainer.max_time is DD:HH:MM:SS, 00:00:10:00 for ten minutes, got '10m'"
    )
    assert not Path("runs").exists()


@pytest.mark.slow
def test_two_processes_take_the_same_rates_and_stop_together() -> None:
    Path("both.py").write_text(
        "import os, sys\n"
        "from lightning.pytorch import Trainer\n"
        "from lightning.pytorch.callbacks import Callback\n"
        "class Rates(Callback):\n"
        "    rates = []\n"
        "    def on_train_batch_start(self, trainer, *rest):\n"
        "        self.rates.append(trainer.optimizers[0].param_groups[0]['lr'])\n"
        "    def on_train_end(self, trainer, pl_module):\n"
        "        open(f\"rates{os.environ.get('LOCAL_RANK', '0')}\", 'w').write(repr(self.rates))\n"
        "fit = Trainer.fit\n"
        "def watched(self, *a, **k):\n"
        "    self.callbacks.append(Rates())\n"
        "    return fit(self, *a, **k)\n"
        "Trainer.fit = watched\n"
        "from zoo.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    flags = ["--trainer.devices", "2", "--trainer.accelerator", "cpu", "--trainer.strategy", "ddp"]
    command = [sys.executable, "both.py", *FIT, *PLAIN, *flags, "--trainer.max_time", "00:00:00:03"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    first, second = (Path(f"rates{rank}").read_text() for rank in (0, 1))
    assert first == second
    assert len(first.split(",")) > 10
