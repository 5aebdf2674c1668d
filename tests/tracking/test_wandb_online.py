"""The real W&B client online, against a server of the test: one run, resumed in place, kept whole when the server dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer

from tests.offline_runs import offline_run
from tests.wandb_standin import Standin
from zoo.cli.main import main
from zoo.tracking.history import read_metrics

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

FIT = ["fit", "--config", "configs/mlp.yaml", "--data.path", "sample:wine", "--early_stopping.enabled", "false"]
FIT += ["--trainer.log_every_n_steps", "1", "--data.batch_size", "32", "--name", "wine"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Standin]:
    import wandb

    wandb.teardown()  # the client keeps the server of the first run in the process
    with Standin() as standin:  # type: ignore[no-untyped-call]
        for name, value in standin.env(tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        yield standin
        wandb.teardown()


def steps(run: dict[str, Any], name: str) -> list[int]:
    return [row["trainer/global_step"] for row in run["history"] if name in row]


def test_a_run_goes_on_in_the_same_place_and_stands_there_once(server: Any) -> None:
    assert main([*FIT, "--trainer.max_epochs", "2", "--wandb.tags", "[a, b]", "--wandb.group", "mine"]) == 0
    run = server.run()
    assert server.unknown == []
    assert (run["displayName"], run["group"], run["jobType"], run["tags"]) == ("wine", "mine", "fit", ["a", "b"])
    assert run["config"]["model"]["value"] == "MLPClassifier"
    assert run["config"]["cli"]["value"]["wandb"]["group"] == "mine"
    assert run["exitcode"] == 0
    assert run["files"]["predictions.csv"] == Path("runs/wine/predictions.csv").read_bytes()
    first = server.artifact("wine")
    assert (first["type"], first["state"], sorted(first["aliases"])) == ("model", "COMMITTED", ["best", "latest"])
    assert first["files"]["best.ckpt"] == Path("runs/wine/checkpoints/best.ckpt").read_bytes()
    before = steps(run, "train/loss_step")

    assert main(["fit", "--resume", "runs/wine", "--trainer.max_epochs", "4"]) == 0
    assert len(server.runs) == 1
    run = server.run()
    assert steps(run, "train/loss_step") == list(range(2 * len(before)))
    assert [row["epoch"] for row in run["history"] if "val/loss" in row] == [0, 1, 2, 3]
    seconds = [row["seconds"] for row in run["history"] if "train/loss_step" in row]
    assert seconds == sorted(seconds)
    summary = json.loads(Path("runs/wine/summary.json").read_text())
    assert run["summary"]["epochs"] == summary["epochs"] == 4
    assert run["summary"]["best/val/loss"] == summary["best/val/loss"]
    assert server.artifact("wine")["version"] == 1
    assert server.unknown == []


def sync(standin: Any, home: Path, *words: str | Path) -> None:
    call = [sys.executable, "-m", "wandb", "sync", *map(str, words)]
    done = subprocess.run(call, env=os.environ | standin.env(home / "home"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert standin.unknown == []


class StopServer(Callback):
    """Take the server away when an epoch is over, and log on."""

    server: Any = None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == 1:
            StopServer.server.stop()


def test_a_server_that_goes_away_costs_no_row(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(StopServer, "server", server)
    monkeypatch.setattr("zoo.tracking.wandb.FINISH_SECONDS", 3.0)
    words = [*FIT, "--trainer.max_epochs", "4", f"--trainer.callbacks+={__name__}.StopServer"]
    assert main(words) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("W&B: the server")]
    parts = [next(Path("runs/wine/wandb").glob(f"{kind}-*")).resolve() for kind in ("run", "offline-run")]
    assert len(said) == 1
    assert f"`wandb sync --include-online {parts[0]} {parts[1]}`" in said[0]
    logged = read_metrics("runs/wine/metrics.csv")
    with Standin() as later:  # type: ignore[no-untyped-call]
        sync(later, tmp_path, "--include-online", *parts)
        run = later.run()
        assert steps(run, "train/loss_step") == [int(row["step"]) for row in logged if "train/loss_step" in row]
        assert [row["epoch"] for row in run["history"] if "val/loss" in row] == [0, 1, 2, 3]
        stored = json.loads(Path("runs/wine/summary.json").read_text())
        assert {key: run["summary"][key] for key in stored} == stored
        assert any("test/per_class" in row for row in run["history"])
        assert later.artifact("wine")["files"]["best.ckpt"] == Path("runs/wine/checkpoints/best.ckpt").read_bytes()
        assert "predictions.csv" in run["files"]
        assert run["config"]["model"]["value"] == "MLPClassifier"


def test_a_slow_server_is_not_waited_for_without_end_and_not_said_to_be_gone(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import wandb
    from wandb.sdk.artifacts.exceptions import WaitTimeoutError

    waits: list[int] = []

    def wait(self: Any, timeout: int) -> Any:
        waits.append(timeout)
        assert len(waits) < 5
        raise WaitTimeoutError("not yet")

    monkeypatch.setattr("zoo.tracking.wandb.UPLOAD_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(wandb.Artifact, "wait", wait)
        assert main([*FIT, "--trainer.max_epochs", "1"]) == 0
    said = capsys.readouterr().err
    assert len(waits) == 1
    assert "W&B: the server did not take all of it in time; nothing is lost: `wandb sync --include-online" in said
    assert "went away" not in said
    part = next(Path("runs/wine/wandb").glob("offline-run-*"))
    sync(server, tmp_path, part)
    assert server.artifact("wine")["state"] == "COMMITTED"


class Interrupt(Callback):
    """Ctrl-C in the middle of the third epoch."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.current_epoch == 2 and batch_idx == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("how", ["offline", "online", "synced before"])
def test_both_parts_of_a_run_that_was_stopped_offline_are_sent_as_one(how: str, server: Any, tmp_path: Path) -> None:
    offline = {"WANDB_MODE": "offline"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*next(iter(offline.items())))
        stop = ["--trainer.max_epochs", "4", f"--trainer.callbacks+={__name__}.Interrupt"]
        assert main([*FIT, *stop]) == 130
    first = next(Path("runs/wine/wandb").glob("offline-run-*"))
    offline_run("runs/wine")
    if how == "synced before":
        sync(server, tmp_path, first)
    with pytest.MonkeyPatch.context() as patch:
        if how == "offline":
            patch.setenv(*next(iter(offline.items())))
        assert main(["fit", "--resume", "runs/wine", "--trainer.callbacks", "[]"]) == 0
    parts = sorted(Path("runs/wine/wandb").glob("offline-run-*"))
    assert len(parts) == (1 if how == "synced before" else 2)  # what is not sent in order would stand there in none
    if how != "synced before":
        sync(server, tmp_path, *parts)
    run = server.run()
    trained = steps(run, "train/loss_step")
    assert trained == list(range(len(trained)))
    assert [row["epoch"] for row in run["history"] if "val/loss" in row] == [0, 1, 2, 3]
    counts = [row["_step"] for row in run["history"]]
    assert counts == sorted(set(counts))
    assert run["summary"]["epochs"] == 4
    assert server.artifact("wine")["version"] == 1


def files_of(folder: str) -> dict[str, bytes]:
    """What every file below a folder holds, but for those of W&B."""
    files = [file for file in Path(folder).rglob("*") if file.is_file() and "wandb" not in file.parts]
    return {str(file): file.read_bytes() for file in files}


def test_a_wrong_key_is_one_line_and_leaves_no_run_no_study_and_an_old_run_as_it_was(
    server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("space.yaml").write_text("parameters: {model.lr: {min: 1.0e-3, max: 3.0e-2}}")
    assert main([*FIT, "--trainer.max_epochs", "1", "--figures.enabled", "false"]) == 0
    before = files_of("runs")
    server.refuse = True
    capsys.readouterr()
    search = ["tune", *FIT[1:-2], "--space", "space.yaml", "--trials", "3"]
    for words in (FIT, search, ["fit", "--resume", "runs/wine", "--trainer.max_epochs", "2"]):
        assert main(words) == 2
        said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("zoo: ")]
        assert len(said) == 1
        assert said[0].startswith("zoo: W&B refused the run")
        assert files_of("runs") == before
        assert [folder.name for folder in Path("runs").iterdir()] == ["wine"]


def test_a_server_that_is_not_there_is_no_reason_not_to_train(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert main([*FIT, "--trainer.max_epochs", "1"]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "W&B" in line]
    assert said == ["W&B: its server does not answer, so the run is kept offline; `wandb sync` sends it later"]
    assert offline_run("runs/wine").exit_code == 0


def test_a_run_that_was_killed_in_its_first_epoch_begins_again_under_its_id(server: Any) -> None:
    program = (
        "import os, signal, sys\n"
        "from zoo.callbacks import LRMonitor\n"
        "from zoo.cli.main import main\n"
        "def kill(self, trainer, *rest):\n"
        "    if trainer.global_step == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "LRMonitor.on_train_batch_end = kill\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    call = [sys.executable, "-c", program, *FIT, "--trainer.max_epochs", "2"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    stored = json.loads(Path("runs/wine/summary.json").read_text())
    assert stored["status"] == "running"
    assert not Path("runs/wine/checkpoints").exists()
    assert main(["fit", "--resume", "runs/wine"]) == 0
    assert [run["name"] for run in server.runs.values()] == [stored["wandb_run_id"]]
    assert len(set(steps(server.run(), "train/loss_step"))) == len(steps(server.run(), "train/loss_step")) > 2
    again = json.loads(Path("runs/wine/summary.json").read_text())
    assert (again["status"], again["epochs"]) == ("finished", 2)
