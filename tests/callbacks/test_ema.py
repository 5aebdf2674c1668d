"""The average of the weights equals its formula, and it is what is judged, kept and gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

import zoo
from tests.fits import QUIET, build, image, short_trainer, tabular
from zoo.callbacks import EMA, BestCheckpoint, RandomState
from zoo.callbacks.ema import averaged, decay_at
from zoo.errors import InputError

pytestmark = QUIET


class Weights(Callback):
    """Keeps the weights after each step, and those that a validation sees."""

    def __init__(self) -> None:
        self.trained: list[dict[str, Tensor]] = []
        self.judged: list[dict[str, Tensor]] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        self.trained.append(copied(pl_module))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.judged.append(copied(pl_module))


def copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def expected_average(first: dict[str, Tensor], steps: list[dict[str, Tensor]], decay: float) -> dict[str, Tensor]:
    average = {name: value.double() for name, value in first.items()}
    for n, weights in enumerate(steps, start=1):
        share = min(decay, (1 + n) / (10 + n))
        average = {name: share * value + (1 - share) * weights[name] for name, value in average.items()}
    return average


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor], names: list[str]) -> None:
    for name in names:
        torch.testing.assert_close(found[name].double(), expected[name].double(), rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_validation_checkpoint_and_result_are_the_average(decay: float, tmp_path: Path) -> None:
    data = tabular(tmp_path)
    model = build("MLPClassifier", data, ensemble=1, norm="batch", lr=0.05, class_weights="balanced")
    seen = Weights()
    first, names = copied(model), list(averaged(model))
    assert "network.mlp.layers.1.running_var" in names
    trainer = short_trainer(
        tmp_path, epochs=3, callbacks=[EMA(decay=decay), BestCheckpoint(), seen], enable_checkpointing=True
    )
    trainer.fit(model, datamodule=data)
    assert len(seen.trained) == 9
    for epoch in range(3):
        expected = expected_average(first, seen.trained[: 3 * (epoch + 1)], decay)
        assert_close(seen.judged[-3:][epoch], expected, names)
    assert_close(copied(model), expected, names)
    last = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert_close(last["state_dict"], expected, names)
    assert_close(last["ema"]["weights"], seen.trained[-1], names)
    loaded, _ = zoo.load(tmp_path / "checkpoints" / "last.ckpt")
    assert_close(copied(loaded), expected, names)
    assert torch.equal(loaded.get_buffer("class_weight"), model.class_weight)
    assert not torch.equal(model.class_weight, torch.ones(2))


def test_a_resumed_run_ends_as_one_that_never_stopped(tmp_path: Path) -> None:
    def run(folder: Path, epochs: int, resume: Path | None = None) -> Any:
        torch.manual_seed(0)
        model = build("MLPClassifier", data, norm="batch", dropout=0.3, lr=0.05, schedule="constant", warmup=0.0)
        callbacks = [RandomState(), EMA(decay=0.9), BestCheckpoint()]
        trainer = short_trainer(folder, epochs=epochs, callbacks=callbacks, enable_checkpointing=True)
        trainer.fit(model, datamodule=data, ckpt_path=resume, weights_only=True)
        return model, torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)

    data = tabular(tmp_path)
    whole, kept = run(tmp_path / "whole", 4)
    run(tmp_path / "parts", 2)
    parts, again = run(tmp_path / "parts", 4, tmp_path / "parts" / "checkpoints" / "last.ckpt")
    for name, value in whole.state_dict().items():
        assert torch.equal(parts.state_dict()[name], value), name
    assert again["ema"]["updates"] == kept["ema"]["updates"] == 12
    for name, value in kept["ema"]["weights"].items():
        assert torch.equal(again["ema"]["weights"][name], value), name


def test_what_a_run_without_it_ended_at_starts_the_average(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    model, last = build("MLPClassifier", data), tmp_path / "checkpoints" / "last.ckpt"
    short_trainer(tmp_path, callbacks=[BestCheckpoint()], enable_checkpointing=True).fit(model, datamodule=data)
    before, seen = copied(model), Weights()
    trainer = short_trainer(tmp_path, epochs=2, callbacks=[EMA(), BestCheckpoint(), seen], enable_checkpointing=True)
    trainer.fit(model, datamodule=data, ckpt_path=last, weights_only=True)
    assert_close(copied(model), expected_average(before, seen.trained, 0.999), list(averaged(model)))


def test_gathered_batches_are_one_update(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    model, seen = build("MLPClassifier", data, lr=0.05), Weights()
    first = copied(model)
    trainer = short_trainer(tmp_path, epochs=2, callbacks=[EMA(decay=0.5), seen], accumulate_grad_batches=2)
    trainer.fit(model, datamodule=data)
    steps = [seen.trained[place] for place in (1, 2, 4, 5)]  # three batches an epoch: two and one
    assert_close(copied(model), expected_average(first, steps, 0.5), list(averaged(model)))


def test_images_with_channels_last_and_a_validation_within_the_epoch(tmp_path: Path) -> None:
    data = image(tmp_path)
    model, seen = build("CNNClassifier", data), Weights()
    first = copied(model)
    trainer = short_trainer(tmp_path, epochs=2, callbacks=[EMA(decay=0.7), seen], val_check_interval=1)
    trainer.fit(model, datamodule=data)
    assert len(seen.judged) >= len(seen.trained)
    assert_close(copied(model), expected_average(first, seen.trained, 0.7), list(averaged(model)))


class Tied(nn.Module):
    """One weight under two names."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.inner = network
        self.again = network

    def forward(self, **inputs: Tensor) -> Tensor:
        logits: Tensor = self.inner(**inputs)
        return logits


def test_a_weight_of_two_names_is_averaged_once(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    model = build("MLPClassifier", data, lr=0.05)
    model.network = Tied(model.network)
    trainer = short_trainer(tmp_path, callbacks=[EMA(decay=0.5), BestCheckpoint()], enable_checkpointing=True)
    trainer.fit(model, datamodule=data)
    state = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    for name, value in model.network.inner.state_dict().items():
        assert torch.equal(state[f"network.inner.{name}"], value)
        assert torch.equal(state[f"network.again.{name}"], value)


def test_half_precision_is_averaged_in_single(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    model, seen = build("MLPClassifier", data, lr=0.05), Weights()
    trainer = short_trainer(tmp_path, epochs=3, callbacks=[EMA(decay=0.9), seen], precision="bf16-true")
    trainer.fit(model, datamodule=data)
    average, last = copied(model), seen.trained[-1]
    assert all(value.dtype == torch.bfloat16 for name, value in average.items() if name in averaged(model))
    assert any(not torch.equal(average[name], last[name]) for name in averaged(model))


def test_the_decay_rises_to_what_was_asked() -> None:
    assert [decay_at(n, 0.9) for n in (1, 8, 80, 81, 1000)] == pytest.approx([2 / 11, 0.5, 0.9, 0.9, 0.9])
    for wrong in (0.0, 1.0, -0.5, 2):
        with pytest.raises(InputError, match=r"ema\.decay must be between 0 and 1, got"):
            EMA(decay=wrong)


def test_it_is_off_unless_asked() -> None:
    assert not EMA().enabled
    assert callable(EMA().on_train_batch_end)
    assert EMA().on_after_backward is None
