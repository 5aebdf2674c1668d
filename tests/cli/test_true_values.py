"""What a run says of itself is what it was trained with: no `null` where the model chose, no silent choice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import fits
from zoo.cli.main import main

pytestmark = pytest.mark.filterwarnings("ignore")
SHORT = ["--trainer.max_epochs", "1", "--trainer.logger", "false", "--trainer.limit_train_batches", "2"]
SHORT += ["--trainer.accelerator", "cpu", "--trainer.precision", "32-true", "--figures.enabled", "false"]
MLP = ["fit", "--config", "configs/mlp.yaml", *SHORT]
CNN = ["fit", "--config", "configs/cnn.yaml", *SHORT, "--data.path", "images", "--model.widths", "[8, 8]"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


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
