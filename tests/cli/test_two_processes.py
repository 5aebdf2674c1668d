"""Two processes train and judge as one does: the same steps on the same rows, every row counted once."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.tables import write_csv
from tests.offline_runs import offline_run
from zoo.cli.main import main
from zoo.tracking.history import read_metrics

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

# No dropout and no batch normalisation: those are drawn and counted in each process for itself.
MODELS = {"tabular": {"--model": "MLPClassifier", "--model.norm": "none"}, "text": {"--model": "TransformerClassifier"}}
ROWS = 111  # 79 for training: 4 global batches of 18 and a last one of 7, of which one process gets 4, the other 3


def table(folder: Path, modality: str) -> str:
    """Rows whose class follows from their numbers, or their words; texts of 1 to 40 words."""
    generator = np.random.default_rng(0)
    labels = [("no", "yes")[row % 2] for row in range(ROWS)]
    if modality == "tabular":
        numbers = {name: (generator.normal(size=ROWS) + np.arange(ROWS) % 2).round(4).tolist() for name in "abc"}
        return write_csv(folder / "data.csv", numbers | {"label": labels})
    words = {"no": ("rain", "cold", "night"), "yes": ("sun", "warm", "day")}
    texts = [" ".join(generator.choice(words[label], size=int(generator.integers(1, 41)))) for label in labels]
    return write_csv(folder / "data.csv", {"text": texts, "label": labels})


def command(modality: str, data: str, name: str, batch_size: int) -> list[str]:
    flags = MODELS[modality] | {"--data.path": data, "--data.batch_size": str(batch_size), "--name": name}
    if modality == "text":
        flags |= {"--data": "TextDataModule", "--data.vocab_size": "300", "--model.d_model": "16"}
    else:
        flags |= {"--data": "TabularDataModule"}
    flags |= {"--trainer.max_epochs": "3", "--trainer.log_every_n_steps": "1", "--model.dropout": "0"}
    order = ["--model", "--data"]  # a class before its arguments
    words = [word for key in [*order, *(key for key in flags if key not in order)] for word in (key, flags[key])]
    return ["fit", *words, "--trainer.accelerator", "cpu", "--early_stopping.enabled", "false"]


def run_two(words: list[str]) -> None:
    distributed = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    call = [sys.executable, "-m", "zoo.cli.main", *words, *distributed]
    done = subprocess.run(call, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def test_processes_that_a_cluster_starts_share_one_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*command("tabular", table(tmp_path, "tabular"), "run", 9), "--wandb.enabled", "false"]
    words[words.index("--trainer.max_epochs") + 1] = "1"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
    distributed = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
    call = [*launch, "zoo.cli.main", *words, *distributed]
    done = subprocess.run(call, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert [folder.name for folder in Path("runs").iterdir()] == ["run"]
    assert {"config.yaml", "summary.json", "predictions.csv", "checkpoints"} <= {
        p.name for p in Path("runs/run").iterdir()
    }
    assert json.loads(Path("runs/run/summary.json").read_text())["status"] == "finished"


@pytest.mark.parametrize("modality", ["tabular", "text"])
def test_two_processes_give_the_losses_of_one(modality: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    data = table(tmp_path, modality)
    assert main(command(modality, data, "one", 18)) == 0
    if modality == "tabular":
        monkeypatch.delenv("WANDB_MODE")
    run_two(command(modality, data, "two", 9))
    one, two = (read_metrics(f"runs/{name}/metrics.csv") for name in ("one", "two"))
    assert sum("train/loss_step" in row for row in one) == 3 * 5
    for name in (
        "train/loss_step",
        "train/loss",
        "val/loss",
        "val/accuracy",
        "test/loss",
        "test/auroc",
        "samples_seen",
    ):
        expected, found = ([row[name] for row in rows if name in row] for rows in (one, two))
        assert expected
        assert found == pytest.approx(expected, rel=1e-4)

    def predictions(name: str) -> list[dict[str, Any]]:
        with Path(f"runs/{name}/predictions.csv").open(newline="") as stream:
            return list(csv.DictReader(stream))

    assert [row["index"] for row in predictions("two")] == [row["index"] for row in predictions("one")]
    assert json.loads(Path("runs/two/summary.json").read_text())["devices"] == 2
    if modality == "tabular":
        check_one_wandb_run(two)


def check_one_wandb_run(rows: list[dict[str, float]]) -> None:
    """Both processes make one run, with the rows of metrics.csv and the tables of the whole test split."""
    assert len(list(Path("runs/two/wandb").glob("offline-run-*"))) == 1
    run = offline_run("runs/two")
    for name in ("train/loss_step", "val/loss", "test/auroc"):
        expected = [(row["samples_seen"], row[name]) for row in rows if name in row]
        assert [(row["samples_seen"], row[name]) for row in run.history if name in row] == expected
    tested = json.loads(Path("runs/two/summary.json").read_text())["rows_test"]
    assert sum(row[2] for row in run.table("test/confusion_matrix_table")["data"]) == tested
    assert [artifact["name"] for artifact in run.artifacts if artifact["type"] == "model"] == ["two"]
