"""`compile`: the network is compiled in place, so that keys stay and numbers agree; one line where nothing compiles."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch.demos.boring_classes import BoringModel

import zoo
from tests.fits import QUIET, build, short_trainer, tabular
from zoo.callbacks import BestCheckpoint, Compile
from zoo.callbacks.compile import check_compiler
from zoo.cli.main import main
from zoo.errors import InputError

pytestmark = [*QUIET, pytest.mark.filterwarnings("ignore")]


@pytest.mark.slow
def test_pitfall_18_a_compiled_fit_keeps_the_keys_and_the_numbers(tmp_path: Path) -> None:
    weights, losses = [], []
    for enabled in (False, True):
        data = tabular(tmp_path / "data")
        torch.manual_seed(0)
        model = build("MLPClassifier", data, lr=0.01)
        folder = tmp_path / str(enabled)
        trainer = short_trainer(
            folder, epochs=2, callbacks=[Compile(enabled), BestCheckpoint()], enable_checkpointing=True
        )
        trainer.fit(model, datamodule=data)
        assert (model.network._compiled_call_impl is not None) is enabled
        weights.append(torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"])
        losses.append(float(trainer.callback_metrics["val/loss"]))
    assert list(weights[0]) == list(weights[1])
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-5) for name in weights[0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    again, _ = zoo.load(tmp_path / "True")
    assert again.network._compiled_call_impl is None


def test_off_by_default_and_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[str] = []
    data = tabular(tmp_path)
    model = build("MLPClassifier", data)
    monkeypatch.setattr("zoo.callbacks.compile.check_compiler", lambda device: None)
    monkeypatch.setattr(type(model.network), "compile", lambda network, mode: modes.append(mode))
    for callback in (Compile(), Compile(True), Compile(True, mode="max-autotune")):
        short_trainer(tmp_path, callbacks=[callback]).fit(model, datamodule=data)
    assert modes == ["default", "max-autotune"]
    short_trainer(tmp_path, callbacks=[Compile(True)]).validate(model, datamodule=data, verbose=False)
    assert len(modes) == 2


def test_no_compiler_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(function: object) -> object:
        raise RuntimeError("inductor raised") from FileNotFoundError("No working C++ compiler found\nmore")

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(InputError) as raised:
        check_compiler(torch.device("cpu"))
    assert str(raised.value) == (
        "torch.compile does not work here (No working C++ compiler found): install a C++ compiler such as g++, "
        "or leave --compile.enabled out"
    )


def test_a_wrong_mode_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no mode 'max-autotun' \(compile.mode\): did you mean 'max-autotune'?"):
        Compile(True, mode="max-autotun")


def test_it_is_reached_by_name_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("zoo.callbacks.compile.check_compiler", lambda device: None)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda network, mode: modes.append(mode))
    fit = ["fit", "--config", "configs/mlp.yaml", "--trainer.max_epochs", "1", "--trainer.logger", "false"]
    assert main(fit) == 0
    assert modes == []
    assert main([*fit, "--compile.enabled", "true", "--compile.mode", "max-autotune"]) == 0
    assert modes == ["max-autotune"]
    assert main([*fit, "--compile.enabled", "true", "--compile.mode", "fast"]) == 2


def test_switched_off_it_asks_nothing_of_a_module_of_the_users_own(tmp_path: Path) -> None:
    trainer = short_trainer(tmp_path, callbacks=[Compile()], max_steps=1)
    trainer.fit(BoringModel())
    assert trainer.global_step == 1
