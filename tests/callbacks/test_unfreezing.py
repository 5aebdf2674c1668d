"""What is frozen stays as it is to the last bit, costs no gradient, and follows from the epoch alone."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.strategies import DDPStrategy, FSDPStrategy, SingleDeviceStrategy
from torch import nn

from tests.fits import QUIET, build, image, short_trainer, tabular
from zoo.callbacks import BestCheckpoint, RandomState, Unfreezing
from zoo.callbacks.unfreezing import check_strategy, set_modes
from zoo.data import ImageDataModule
from zoo.errors import InputError

pytestmark = QUIET


class Seen(Callback):
    """What trains in each epoch: how many layers, which parts are in train mode, and the weights at its end."""

    def __init__(self) -> None:
        self.open: dict[int, int] = {}
        self.training: dict[int, set[str]] = {}
        self.weights: dict[int, dict[str, torch.Tensor]] = {}

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        named = dict(pl_module.network.named_parameters())
        groups = pl_module.network.layer_groups()
        self.open[trainer.current_epoch] = sum(any(named[name].requires_grad for name in group) for group in groups)
        assert all((named[name].grad is None) != named[name].requires_grad for name in named)
        self.training[trainer.current_epoch] = {
            name for name, part in pl_module.network.named_modules() if part.training
        }

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        state = pl_module.network.state_dict()
        self.weights[trainer.current_epoch] = {name: value.clone() for name, value in state.items()}


class Plain(nn.Module):
    """A network that does not say which its layers are."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(1, 2)

    def forward(self, numeric: torch.Tensor, categorical: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(numeric)
        return logits


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def model_of(data: Any, name: str = "test_resnet", **options: Any) -> Any:
    torch.manual_seed(0)
    return build("CNNClassifier", data, **({"backbone": name, "lr": 0.01, "warmup": 0.0} | options))


def fit(folder: Path, model: Any, data: Any, epochs: int, callback: Unfreezing, **options: Any) -> Seen:
    seen = Seen()
    short_trainer(folder, epochs=epochs, callbacks=[callback, seen], **options).fit(model, datamodule=data)
    return seen


def test_pitfall_19_only_the_head_moves_at_first_and_no_statistics(tmp_path: Path) -> None:
    data = image(tmp_path)
    model = model_of(data)
    start = {name: value.clone() for name, value in model.network.state_dict().items()}
    seen = fit(tmp_path, model, data, 3, Unfreezing(True, epochs=2))
    n_layers = len(model.network.layer_groups())
    assert seen.open == {0: 1, 1: 1, 2: n_layers}
    assert moved(start, seen.weights[1]) == {"model.fc.weight", "model.fc.bias"}  # no statistics of a norm either
    assert moved(seen.weights[1], seen.weights[2]) == set(start)
    assert "model.bn1" not in seen.training[1]
    assert {"", "model", "model.fc"} <= seen.training[1]
    assert seen.training[2] == {name for name, _ in model.network.named_modules()}
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_parts_without_weights_are_frozen_with_their_layer(tmp_path: Path) -> None:
    data = image(tmp_path)
    torch.manual_seed(0)
    model = build("CNNClassifier", data, drop_path=0.2, dropout=0.1)
    start = {name: value.clone() for name, value in model.network.state_dict().items()}
    seen = fit(tmp_path, model, data, 2, Unfreezing(True))
    assert moved(start, seen.weights[0]) == {"head.weight", "head.bias"}  # not the statistics of the stem's norm
    assert seen.training[0] == {"", "dropout", "head"}
    assert seen.training[1] == {name for name, _ in model.network.named_modules()}


def test_a_part_between_layers_goes_with_the_one_that_it_feeds() -> None:
    network = nn.Sequential(nn.Dropout(), nn.Linear(1, 1), nn.Dropout(), nn.Linear(1, 1), nn.Dropout())
    network[1].requires_grad_(False)
    set_modes(network, fixed_statistics=False)
    assert [part.training for part in network] == [False, False, True, True, True]


@pytest.mark.filterwarnings("ignore:You.re resuming from a checkpoint that ended before")
def test_pitfall_19_a_run_that_goes_on_within_an_epoch_keeps_the_body_frozen(tmp_path: Path) -> None:
    class Saves(Callback):
        def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
            if trainer.global_step == 1:
                trainer.save_checkpoint(tmp_path / "within.ckpt")

    data = image(tmp_path)
    model = model_of(data)
    start = {name: value.clone() for name, value in model.network.state_dict().items()}
    short_trainer(tmp_path, callbacks=[Unfreezing(True, epochs=-1), Saves()]).fit(model, datamodule=data)
    data, model = image(tmp_path), model_of(image(tmp_path))
    trainer = short_trainer(tmp_path, callbacks=[Unfreezing(True, epochs=-1)])
    trainer.fit(model, datamodule=data, ckpt_path=str(tmp_path / "within.ckpt"), weights_only=True)
    assert trainer.global_step > 1
    assert moved(start, model.network.state_dict()) == {"model.fc.weight", "model.fc.bias"}


def test_layers_open_from_the_head_down(tmp_path: Path) -> None:
    data = image(tmp_path)
    model = model_of(data)
    start = {name: value.clone() for name, value in model.network.state_dict().items()}
    seen = fit(tmp_path, model, data, 3, Unfreezing(True, layers_per_epoch=2))
    groups = model.network.layer_groups()
    assert len(groups) == 6
    assert seen.open == {0: 1, 1: 3, 2: 5}
    for epoch, n_open in seen.open.items():
        still = {name for group in groups[:-n_open] for name in group}
        assert not still & moved(start, seen.weights[epoch])
        trained = {name for group in groups[-n_open:] for name in group}
        assert trained <= moved(start, seen.weights[epoch])


def test_fixed_statistics_stay_while_the_weights_move(tmp_path: Path) -> None:
    data = image(tmp_path)
    model = model_of(data)
    start = {name: value.clone() for name, value in model.network.state_dict().items()}
    seen = fit(tmp_path, model, data, 3, Unfreezing(True, fixed_statistics=True))
    assert moved(start, seen.weights[2]) == set(dict(model.network.named_parameters()))
    assert not any("bn" in name and "act" not in name and "drop" not in name for name in seen.training[2])


def test_a_linear_probe_leaves_the_body_for_good_and_another_fit_finds_all(tmp_path: Path) -> None:
    data = ImageDataModule(image(tmp_path).path, image_size=32, batch_size=16)
    model = model_of(data, "test_vit", drop_path=0.1)
    start = {name: value.clone() for name, value in model.network.state_dict().items()}
    seen = fit(tmp_path, model, data, 2, Unfreezing(True, epochs=-1))
    assert moved(start, seen.weights[1]) == {"model.head.weight", "model.head.bias"}
    assert fit(tmp_path, model, data, 1, Unfreezing(False)).open == {0: len(model.network.layer_groups())}


def test_after_a_fit_that_failed_nothing_is_frozen(tmp_path: Path) -> None:
    class Fails(Callback):
        def on_train_batch_start(self, *args: Any) -> None:
            raise InputError("enough")

    data = image(tmp_path)
    model = model_of(data)
    with pytest.raises(InputError, match="enough"):
        short_trainer(tmp_path, callbacks=[Unfreezing(True), Fails()]).fit(model, datamodule=data)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_pitfall_19_a_resumed_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    def callbacks() -> list[Callback]:
        return [Unfreezing(True, layers_per_epoch=2), RandomState(), BestCheckpoint()]

    ends = []
    for name, parts in (("whole", (3,)), ("parts", (2, 3))):
        for epochs in parts:
            data = image(tmp_path)
            model = model_of(data, schedule="constant")
            trainer = short_trainer(tmp_path / name, epochs=epochs, callbacks=callbacks(), enable_checkpointing=True)
            last = tmp_path / name / "checkpoints" / "last.ckpt"
            trainer.fit(model, datamodule=data, ckpt_path=str(last) if last.exists() else None, weights_only=True)
        ends.append(model.state_dict())
    assert moved(ends[0], ends[1]) == set()


def test_the_own_vit_is_unfrozen_layer_by_layer_too(tmp_path: Path) -> None:
    data = image(tmp_path)
    model = build("TransformerClassifier", data)
    groups = model.network.layer_groups()
    named = dict(model.network.named_parameters())
    assert sorted(name for group in groups for name in group) == sorted(named)
    assert groups[0][0].startswith("patches.")
    assert groups[-1][-2:] == ["head.weight", "head.bias"]
    assert fit(tmp_path, model, data, 2, Unfreezing(True)).open == {0: 1, 1: len(groups)}


def test_what_somebody_else_has_frozen_stays_frozen(tmp_path: Path) -> None:
    data = image(tmp_path)
    model = model_of(data)
    model.network.model.conv1.requires_grad_(False)
    start = {name: value.clone() for name, value in model.network.state_dict().items()}
    trainer = short_trainer(tmp_path, epochs=2, callbacks=[Unfreezing(True)])
    trainer.fit(model, datamodule=data)
    still = {name for name, _ in model.network.named_parameters() if name.startswith("model.conv1")}
    assert still
    assert not still & moved(start, model.network.state_dict())


def test_what_cannot_be_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unfreezing.epochs must be at least 1, or -1 for all, got 0"):
        Unfreezing(True, epochs=0)
    with pytest.raises(InputError, match="unfreezing.layers_per_epoch must be at least 1, got 0"):
        Unfreezing(True, layers_per_epoch=0)
    data = tabular(tmp_path)
    model = build("MLPClassifier", data)
    model.network = Plain()
    with pytest.raises(InputError, match="names its layers, and Plain does not: leave --unfreezing.enabled out"):
        short_trainer(tmp_path, callbacks=[Unfreezing(True)]).fit(model, datamodule=data)


def test_several_processes_must_look_for_unused_parameters() -> None:
    check_strategy(SingleDeviceStrategy("cpu"))
    check_strategy(DDPStrategy(find_unused_parameters=True))
    with pytest.raises(InputError, match="say --trainer.strategy ddp_find_unused_parameters_true"):
        check_strategy(DDPStrategy())
    with pytest.raises(InputError, match="does not work with FSDPStrategy: use one device, or DDP"):
        check_strategy(FSDPStrategy())
