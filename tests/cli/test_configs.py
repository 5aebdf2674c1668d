"""The shipped configs are in the wheel, parse, and set what plain torch would be set to."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]

from zoo.cli.configs import shipped_configs
from zoo.cli.fit_cli import FitCLI
from zoo.models.optimizers import build_optimizer

pytestmark = pytest.mark.filterwarnings("ignore")
ROOT = Path(__file__).resolve().parents[2]
FINETUNE = "configs/recipes/finetune.yaml"
SETTINGS = {
    "adamw": ("lr", "betas", "eps", "amsgrad"),
    "muon": ("lr", "betas", "eps", "momentum", "nesterov", "ns_steps"),
}


def words(name: str) -> list[str]:
    """How a shipped config is used: a recipe on top of the one it is for, here without a file of weights."""
    alone = ["--config", name]
    return ["--config", "configs/cnn.yaml", *alone, "--model.pretrained", "false"] if name == FINETUNE else alone


@pytest.mark.parametrize("config", [*(name for name in shipped_configs() if name.count("/") == 1), FINETUNE])
def test_pitfall_10_a_shipped_configs_optimiser_has_the_settings_of_plain_torch(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = FitCLI([*words(config), "--trainer.logger", "false"]).model
    built = build_optimizer(model, model.optimizer_name, lr=model.lr, weight_decay=model.weight_decay)
    name = model.optimizer_name
    plain: torch.optim.Optimizer = torch.optim.AdamW(model.parameters(), lr=model.lr)
    if name != "adamw":
        plain = create_optimizer_v2(model, opt=name, lr=model.lr, weight_decay=model.weight_decay)
    assert type(built) is type(plain)
    for key in SETTINGS[name]:
        assert {group[key] for group in built.param_groups} == {group[key] for group in plain.param_groups}
    assert {group["weight_decay"] for group in built.param_groups} == {0.0, model.weight_decay}
    count = sum(parameter.numel() for group in built.param_groups for parameter in group["params"])
    assert count == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.slow
def test_the_wheel_holds_the_configs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert {f"zoo/{name}" for name in shipped_configs()} <= set(names)
    assert not [name for name in names if name.startswith("tests/")]
