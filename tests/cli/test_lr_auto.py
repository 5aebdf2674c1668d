"""`--model.lr auto`: found once, said, drawn, and written wherever the run tells its settings."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

import zoo
from zoo.cli import learning_rate
from zoo.cli.learning_rate import HANDED_ON, settle_lr
from zoo.cli.main import main
from zoo.models.lr_range import LRRange, set_lr

pytestmark = pytest.mark.filterwarnings("ignore")
MLP = ["fit", "--config", "configs/mlp.yaml", "--trainer.max_epochs", "2", "--wandb.enabled", "false"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(HANDED_ON, raising=False)


def test_the_number_stands_everywhere_and_the_run_is_the_one_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*MLP, "--model.lr", "auto", "--name", "found"]) == 0
    lines = capsys.readouterr().err.splitlines()
    said = [line for line in lines if line.startswith("lr: ")]
    assert len(said) == 1
    assert lines.index(said[0]) > lines.index("run folder: runs/found")
    line = re.fullmatch(r"lr: (\S+) \(range test: (\d+) steps, \d+\.\d s; runs/found/figures/lr_range.png\)", said[0])
    assert line is not None
    lr = float(line[1])
    assert yaml.safe_load(Path("runs/found/config.yaml").read_text())["model"]["init_args"]["lr"] == lr
    model, _ = zoo.load("runs/found")
    assert model.hparams["lr"] == model.lr == lr
    content = torch.load("runs/found/checkpoints/last.ckpt", weights_only=True)
    assert content["zoo"]["config"]["model"]["init_args"]["lr"] == lr
    with Path("runs/found/figures/lr_range.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["lr", "loss", "smoothed"]
    assert len(rows) == int(line[2])
    assert Path("runs/found/figures/lr_range.png").read_bytes().startswith(b"\x89PNG")

    assert main([*MLP, "--model.lr", line[1], "--name", "typed"]) == 0
    assert main(["fit", "--config", "runs/found/config.yaml", "--name", "again"]) == 0
    assert main(["fit", "--resume", "runs/found", "--trainer.max_epochs", "3"]) == 0
    assert "range test" not in capsys.readouterr().err
    assert not Path("runs/typed/figures/lr_range.png").exists()
    for other in ("typed", "again"):
        weights = torch.load(f"runs/{other}/checkpoints/last.ckpt", weights_only=True)["state_dict"]
        assert all(torch.equal(value, content["state_dict"][name]) for name, value in weights.items())


def test_the_line_names_the_table_where_nothing_is_drawn() -> None:
    line = learning_rate.rate_line(LRRange(0.1, [0.1], [1.0], [1.0], 0.5), Path("runs/a"), drawn=False)
    assert line == "lr: 0.1 (range test: 1 steps, 0.5 s; runs/a/figures/lr_range.csv)"


def found(lr: float) -> Any:
    return lambda model, data, **settings: LRRange(lr, [lr], [1.0], [1.0], 0.0)


def auto_model() -> Any:
    return SimpleNamespace(lr="auto", hparams={"lr": "auto"}, hparams_initial={"lr": "auto"})


SETTINGS = SimpleNamespace(
    accelerator="cpu",
    devices=2,
    precision="32-true",
    gradient_clip_val=1.0,
    gradient_clip_algorithm=None,
    accumulate_grad_batches=1,
)


def test_other_processes_take_what_the_first_one_found(monkeypatch: pytest.MonkeyPatch) -> None:
    data: Any = None
    monkeypatch.setattr(learning_rate, "find_lr", found(0.003))
    first, second, alone = auto_model(), auto_model(), auto_model()
    assert settle_lr(SETTINGS, first, data) is not None
    monkeypatch.setattr(learning_rate, "find_lr", found(0.1))
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert settle_lr(SETTINGS, second, data) is None
    assert first.lr == second.lr == second.hparams["lr"] == 0.003
    monkeypatch.delenv(HANDED_ON)  # started by a cluster: asks when all are connected
    assert settle_lr(SETTINGS, alone, data) is None
    assert alone.lr == "auto"


def test_a_process_takes_the_rate_of_the_first_one_when_all_are_connected() -> None:
    from tests.models.test_fit import INPUTS
    from zoo.models import MLPClassifier

    model = MLPClassifier(INPUTS["tabular"], 2, lr="auto")
    trainer: Any = SimpleNamespace(world_size=2, strategy=SimpleNamespace(broadcast=lambda mine: 0.004))
    model._trainer = trainer
    model._check_lr()
    assert model.lr == model.hparams["lr"] == 0.004


def test_trials_of_a_search_find_rates_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import zoo.cli.fit_cli as fit

    seen: list[float] = []

    def settle(trainer: Any, model: Any, data: Any) -> Any:
        assert model.lr == "auto"
        seen.append(1e-3 * (len(seen) + 1))
        set_lr(model, seen[-1])
        return found(seen[-1])(model, data)

    monkeypatch.setattr(fit, "settle_lr", settle)
    Path("space.yaml").write_text("parameters:\n  model.dropout: {values: [0.0, 0.2]}\n")
    tune = ["tune", *MLP[1:], "--model.lr", "auto", "--space", "space.yaml", "--trials", "2", "--study", "s"]
    assert main(tune) == 0
    assert len(seen) == 2
    for number, lr in enumerate(seen):
        config = yaml.safe_load(Path(f"runs/s/trial-{number:04d}/config.yaml").read_text())
        assert config["model"]["init_args"]["lr"] == lr
    best = yaml.safe_load(
        Path("runs/s/best.yaml").read_text()
    )  # trains again as the winner did, and finds nothing anew
    assert best["model"]["init_args"]["lr"] in seen
    winner = Path("runs/s/best.yaml").read_text().split("trial ")[1].split()[0]
    assert best["model"]["init_args"]["lr"] == seen[int(winner)]


def test_threshold_and_costs_at_prediction_and_test(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*MLP, "--name", "run", "--model.threshold", "0.4"]) == 0
    said = capsys.readouterr().err
    model, data = zoo.load("runs/run")
    assert model.threshold == 0.4
    first, second = data.class_names
    assert f"decisions: {second!r} from a probability of 0.4, else {first!r}" in said
    cases: list[tuple[list[str], Any]] = [
        ([], lambda p: p >= 0.4),
        (["--threshold", "0.9"], lambda p: p >= 0.9),
        (["--costs", "[[0, 1], [99, 0]]"], lambda p: p > 0.01),
        (["--model.threshold=0.2"], lambda p: p >= 0.2),
    ]
    whole = ["predict", "runs/run", "sample:breast_cancer"]
    for flags, choose in cases:
        assert main([*whole, *flags, "-o", "p.csv"]) == 0
        with Path("p.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        expected = [second if choose(float(row[f"p_{second}"])) else first for row in rows]
        assert [row["prediction"] for row in rows] == expected
    table = zoo.predict("runs/run", "sample:breast_cancer", threshold=0.9)
    expected = [second if p >= 0.9 else first for p in table[f"p_{second}"].to_pylist()]
    assert table["prediction"].to_pylist() == expected

    assert "decisions: least expected cost" in capsys.readouterr().err
    assert main(["test", "runs/run", "--costs", "[[0, 1], [99, 0]]"]) == 0
    assert "test/cost " in capsys.readouterr().out
    assert "test/cost" not in json.loads(Path("runs/run/summary.json").read_text())
    assert main(["test", "runs/run", "--threshold", "3"]) == 2
    assert "model.threshold is a probability and must be in (0, 1), got 3" in capsys.readouterr().err
