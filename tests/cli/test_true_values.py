"""What a run says of itself is what it was trained with: no `null` where the model chose, no silent choice."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import zoo
from tests import fits
from zoo import messages
from zoo.cli.main import main
from zoo.cli.trial import SettingsCLI

pytestmark = pytest.mark.filterwarnings("ignore")
SHORT = ["--trainer.max_epochs", "1", "--trainer.logger", "false", "--trainer.limit_train_batches", "2"]
SHORT += ["--trainer.accelerator", "cpu", "--trainer.precision", "32-true", "--figures.enabled", "false"]
MLP = ["fit", "--config", "configs/mlp.yaml", *SHORT]
CNN = ["fit", "--config", "configs/cnn.yaml", *SHORT, "--data.path", "images", "--model.widths", "[8, 8]"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(messages, "_said", set())  # lines that are said once a process are left to other tests


def arguments(run: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(Path("runs", run, "config.yaml").read_text())["model"]["init_args"]
    return found


def test_config_yaml_holds_what_the_model_chose(tmp_path: Path) -> None:
    fits.image(tmp_path)
    assert main([*CNN, "--name", "cnn"]) == 0
    said = arguments("cnn")
    chosen = {"lr": 0.02, "optimizer": "muon", "activation": "silu", "loss": "cross_entropy", "widths": [8, 8]}
    assert {name: said[name] for name in chosen} == chosen
    assert isinstance(said["flip_at_test"], bool)

    assert main([*MLP, "--name", "mlp", "--model.ensemble", "null"]) == 0
    said = arguments("mlp")
    assert (said["ensemble"], said["numeric_embedding"]) == (8, "piecewise_linear")
    assert isinstance(said["hidden"], list)


@pytest.mark.parametrize(
    ("words", "config", "on"),
    [
        (["--ema.decay", "0.99"], "", True),
        ([], "ema: {decay: 0.99}", True),
        (["--ema.decay", "0.99", "--ema.enabled", "false"], "", False),
        ([], "ema: {decay: 0.99, enabled: false}", False),
        (["--ema.decay", "0.99"], "ema: {decay: 0.9, enabled: false}", True),
        (["--ema.enabled", "false"], "ema: {decay: 0.9}", False),
        ([], "", False),
    ],
)
def test_a_setting_of_a_callback_that_is_off_switches_it_on(
    words: list[str], config: str, on: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("more.yaml").write_text(config or "trainer: {max_epochs: 1}")
    plain = ["--model", "MLPClassifier", "--data", "TabularDataModule", "--data.path", "sample:breast_cancer"]
    settings = SettingsCLI([*plain, "--config", "more.yaml", *words]).settings()
    assert settings["ema"]["enabled"] is on
    assert ("ema is on, for ema.decay was given" in capsys.readouterr().err) is on
    assert not settings["compile"]["enabled"]


def test_unfreezing_says_that_nothing_is_pretrained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fits.image(tmp_path)
    assert main([*CNN, "--unfreezing.epochs", "3", "--name", "frozen"]) == 0
    said = capsys.readouterr().err
    assert "unfreezing is on, for unfreezing.epochs was given" in said
    assert "nothing is pretrained here, so the body stays random for 3 epochs" in said


@pytest.fixture
def priced() -> str:
    """A run that was trained with costs."""
    assert main([*MLP, "--name", "priced", "--model.costs", "[[0, 1], [9, 0]]"]) == 0
    return "runs/priced"


def test_words_of_a_decision_that_are_forgotten_or_misspelt(priced: str, capsys: pytest.CaptureFixture[str]) -> None:
    whole = ["predict", priced, "sample:breast_cancer"]
    for words, line in (
        (["--threshold"], "zoo: --threshold needs a value"),
        (["--costs", "--trust"], "zoo: --costs needs a value"),
        (["--treshold", "0.3"], "zoo: no option --treshold: did you mean --threshold?"),
        (["--cost=[[0, 1], [9, 0]]"], "zoo: no option --cost: did you mean --costs?"),
    ):
        assert main([*whole, *words]) == 2
        assert capsys.readouterr().err.strip().splitlines()[-1] == line


def test_weights_of_another_network_ask_for_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fits.image(tmp_path)
    torch.save({"stem.weight": torch.ones(3, 3)}, "weights.pth")
    assert main([*CNN, "--model.pretrained", "weights.pth"]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "SmallResNet is built where model.backbone is not given" in last
    assert "say which with --model.backbone" in last


def test_the_temperature_is_told_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*MLP, "--name", "plain"]) == 0
    lines = capsys.readouterr().err.splitlines()
    model, data = zoo.load("runs/plain")
    stored = json.loads(Path("runs/plain/summary.json").read_text())
    assert stored["temperature"] == model.temperature
    n = len(data.sources["val"])
    assert f"calibrated: temperature {model.temperature:.3g}, fitted to {n} validation rows" in lines
    assert "zoo compare runs/ " in lines[-1]
    assert main([*MLP, "--name", "raw", "--model.calibrate", "false"]) == 0
    assert "calibrated:" not in capsys.readouterr().err
    assert "temperature" not in json.loads(Path("runs/raw/summary.json").read_text())


def test_costs_price_the_decisions_of_a_threshold_that_is_typed_later(
    priced: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["test", priced, "--threshold", "0.5", "-o", "half.csv"]) == 0
    cost = float(re.findall(r"test/cost (\S+)", capsys.readouterr().out)[0])
    with Path("half.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    first, second = zoo.load(priced)[1].class_names
    price = {(first, second): 1, (second, first): 9}
    paid = [price.get((row["target"], row["prediction"]), 0) for row in rows]
    assert cost == pytest.approx(sum(paid) / len(paid), rel=1e-5)


def test_the_name_of_a_run_is_refused_before_anything_is_built(capsys: pytest.CaptureFixture[str]) -> None:
    Path("named.yaml").write_text("name: a\ndata: {init_args: {path: nowhere.csv}}\n")
    for words in (["--name=x", "--data.path", "nowhere.csv"], ["--config", "named.yaml"]):
        assert main(["tune", "--config", "configs/mlp.yaml", *words]) == 2
        assert "name is of a run: the name of a study is --study" in capsys.readouterr().err.splitlines()[-1]
