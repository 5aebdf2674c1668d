"""What W&B's client does wrong costs no training, no test, and no row of the next fit in the process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.offline_runs import offline_run
from zoo.cli.main import main
from zoo.tracking.wandb import Wandb

pytestmark = pytest.mark.filterwarnings("ignore")

FIT = ["fit", "--config", "configs/mlp.yaml", "--data.path", "sample:wine", "--trainer.max_epochs", "1"]
FIT += ["--wandb.log_model", "false"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def summary(run: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path("runs", run, "summary.json").read_text())
    return content


def broken(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("broken")


@pytest.mark.parametrize(
    ("place", "name", "code"),
    [("zoo.tracking.wandb", "installed", 1), (Wandb, "_log_files", 0), ("zoo.cli.training", "best_content", 1)],
)
def test_a_run_that_broke_does_not_swallow_the_next_one(
    place: Any, name: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import wandb

    with monkeypatch.context() as patch:
        patch.setattr(f"{place}.{name}", broken) if isinstance(place, str) else patch.setattr(place, name, broken)
        assert main([*FIT, "--name", "one", "--figures.enabled", "false"]) == code
    assert "broken" in capsys.readouterr().err
    assert wandb.run is None
    assert main([*FIT, "--name", "two", "--figures.enabled", "false"]) == 0
    assert offline_run("runs/two").id == summary("two")["wandb_run_id"]


@pytest.mark.parametrize("rows", ["train/loss_step", "test/per_class"])
def test_a_client_that_fails_ends_neither_training_nor_test(
    rows: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import wandb

    log = wandb.Run.log

    def failing(self: Any, data: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        if rows in data:
            raise BrokenPipeError(f"no process for {rows}")
        log(self, data, *args, **kwargs)

    monkeypatch.setattr(wandb.Run, "log", failing)
    assert main([*FIT, "--name", "run", "--trainer.log_every_n_steps", "1"]) == 0
    assert f"W&B: no process for {rows}; metrics.csv and TensorBoard go on" in capsys.readouterr().err
    assert summary("run")["test/accuracy"] > 0
    assert Path("runs/run/predictions.csv").is_file()
    assert offline_run("runs/run").exit_code == 0
