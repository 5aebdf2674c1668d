"""The range test chooses by its rule, runs the model's own steps on a copy, and leaves nothing behind but a number."""

import copy
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from tests.fits import QUIET, build, data_of, image, short_trainer, tabular
from zoo.data import ImageDataModule, TabularDataModule, TextDataModule
from zoo.errors import InputError
from zoo.models import CNNClassifier, MLPClassifier, TransformerClassifier, lr_range
from zoo.models.lr_range import HIGHEST, LOWEST, STEPS, choose, find_lr, rate_at, set_lr, smooth
from zoo.tracking import plots

pytestmark = QUIET


def test_a_share_of_the_rate_of_the_lowest_loss_is_chosen() -> None:
    rates = [rate_at(step / 99) for step in range(100)]
    x = np.log10(rates)
    losses = np.where(x < -4, 2.0, np.where(x < -1, 2.0 - (x + 4) / 2, 0.5 + 5 * (x + 1)))
    assert choose(rates, smooth(losses.tolist())) == pytest.approx(0.08, rel=0.4)  # falls from 1e-4 to 1e-1
    assert choose(rates, smooth(losses.tolist()), share=0.1) == pytest.approx(0.008, rel=0.4)
    noisy = losses + np.random.default_rng(0).normal(size=100) * 0.02
    assert choose(rates, smooth(noisy.tolist())) == pytest.approx(0.08, rel=0.5)


def test_smoothing_moves_nothing_and_caps_an_explosion() -> None:
    losses = [1.0] * 50 + [0.2] + [1.0] * 20 + [1e9] * 5
    found = smooth(losses)
    assert int(np.argmin(found)) == 50
    assert max(found) <= 2.0
    assert smooth([3.0] * 5) == pytest.approx([3.0] * 5)


@pytest.mark.parametrize("losses", [[1.0] * 50, np.linspace(1, 9, 50).tolist()])
def test_a_loss_that_never_falls_is_one_line(losses: list[float]) -> None:
    rates = [rate_at(step / 49) for step in range(50)]
    with pytest.raises(InputError, match="did not fall at any rate from 1e-06 to 10; give a number"):
        choose(rates, smooth(losses))
    with pytest.raises(InputError, match="the loss is no number at any rate"):
        choose([], [])


# The models of the shipped configs, made small, each with its own optimiser, on its own data.
SHIPPED: dict[str, tuple[Any, Any, dict[str, Any], float, int]] = {
    "cnn": (ImageDataModule, CNNClassifier, {"widths": [8, 16], "label_smoothing": 0.1}, 0.02, 30),
    "mlp": (TabularDataModule, MLPClassifier, {"hidden": [64]}, 0.004, 60),
    "transformer": (TextDataModule, TransformerClassifier, {"d_model": 16, "n_layers": 1, "window": 3}, 0.002, 40),
}
SAMPLES: dict[str, dict[str, Any]] = {
    "cnn": {"path": "sample:digits", "batch_size": 32},
    "mlp": {"path": "sample:breast_cancer"},
    "transformer": {"path": "sample:languages", "ngrams": True, "vocab_size": 500, "max_length": 24},
}


@pytest.mark.parametrize("config", SHIPPED)
def test_the_rate_that_is_found_trains_as_well_as_the_one_that_ships(config: str, tmp_path: Path) -> None:
    make_data, make_model, options, shipped, steps = SHIPPED[config]
    data = make_data(**SAMPLES[config])

    def model(lr: Any) -> Any:
        torch.manual_seed(0)
        made = make_model(data.inputs, data.num_classes, lr=lr, **options)
        made.check_data(data)
        return made

    def loss(lr: float) -> float:
        trainer = short_trainer(tmp_path, max_steps=steps, epochs=-1, limit_val_batches=0, gradient_clip_val=1.0)
        trained = model(lr)
        trainer.fit(trained, datamodule=data)
        return float(short_trainer(tmp_path).validate(trained, datamodule=data, verbose=False)[0]["val/loss"])

    found = find_lr(model("auto"), data, accelerator="cpu").lr
    assert shipped / 4 <= found <= shipped * 4 or loss(found) <= 1.1 * loss(shipped)


@pytest.mark.parametrize(
    ("name", "modality", "options"),
    [
        ("MLPClassifier", "tabular", {}),
        ("MLPRegressor", "tabular", {"optimizer": "sgd"}),
        ("CNNClassifier", "image", {"optimizer": "muon"}),
        ("TransformerClassifier", "text", {"class_weights": "balanced"}),
    ],
)
def test_every_family_and_optimiser_finds_a_rate(
    name: str, modality: str, options: dict[str, Any], tmp_path: Path
) -> None:
    task = "regression" if name.endswith("Regressor") else "classification"
    data = data_of(modality, tmp_path, task=task)
    torch.manual_seed(0)
    model = build(name, data, lr="auto", **options)
    model.check_data(data)
    found = find_lr(model, data, accelerator="cpu")
    assert 1e-6 < found.lr < HIGHEST
    assert model.lr == "auto"
    assert len(found.rates) == len(found.losses) == len(found.smoothed) <= STEPS
    assert found.rates[0] >= LOWEST
    assert all(one < other for one, other in pairwise(found.rates))


def test_the_same_seed_finds_the_same_rate() -> None:
    data = TabularDataModule("sample:wine", batch_size=32)
    found = []
    for noise in (1, 2):  # drawn by others in between
        torch.manual_seed(0)
        model = MLPClassifier(data.inputs, 3, hidden=[16], lr="auto")
        np.random.seed(noise)
        found.append(find_lr(model, data, accelerator="cpu"))
    assert found[0].lr == found[1].lr
    assert found[0].losses[:50] == pytest.approx(found[1].losses[:50], rel=1e-4)


def test_nothing_of_the_run_changes(tmp_path: Path) -> None:
    data = image(tmp_path)
    model = build("CNNClassifier", data, dropout=0.5, lr="auto")
    before, arguments = copy.deepcopy(model.state_dict()), copy.deepcopy(dict(model.hparams))
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index]
    find_lr(model, data, accelerator="cpu")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert dict(model.hparams) == arguments
    assert all(parameter.grad is None for parameter in model.parameters())
    assert data.trainer is None
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()  # type: ignore[index]
    assert random.getstate() == states[2]


def test_the_training_afterwards_is_the_one_with_that_number(tmp_path: Path) -> None:
    weights: list[Any] = []
    for found_before in (True, False):
        data = tabular(tmp_path)
        torch.manual_seed(3)
        model = build("MLPClassifier", data, lr="auto" if found_before else weights[0][1], dropout=0.3)
        if found_before:
            model.check_data(data)
            set_lr(model, find_lr(model, data, accelerator="cpu").lr)
        short_trainer(tmp_path, epochs=3).fit(model, datamodule=data)
        weights.append((torch.cat([p.detach().flatten() for p in model.parameters()]), model.hparams["lr"]))
    assert torch.equal(weights[0][0], weights[1][0])


def test_the_groups_of_the_optimiser_keep_their_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps with gradients of several batches, and a group of half the rate, as layer-wise decay makes them."""
    data = tabular(tmp_path)
    seen: list[tuple[int, list[float]]] = []

    class Halved(MLPClassifier):
        def configure_optimizers(self) -> Any:
            first, *others = self.parameters()
            groups: list[dict[str, Any]] = [{"params": [first], "lr": float(self.lr) / 2}, {"params": others}]
            return torch.optim.SGD(groups, lr=float(self.lr))

        def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
            seen.append((self.trainer.global_step, [group["lr"] for group in optimizer.param_groups]))

    model = Halved(data.inputs, 2, hidden=[8], lr="auto")
    found = find_lr(model, data, accelerator="cpu", accumulate_grad_batches=2)
    assert [rates[1] for _, rates in seen][-len(found.rates) :] == pytest.approx(found.rates)
    assert all(half == pytest.approx(whole / 2) for _, (half, whole) in seen)


def test_slow_steps_still_reach_every_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 5))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))  # 5 s pass at each look
    monkeypatch.setattr(lr_range, "choose", lambda rates, smoothed, share: 1e-3)
    data = TabularDataModule("sample:wine")
    found = find_lr(MLPClassifier(data.inputs, 3, lr="auto"), data, accelerator="cpu")
    assert len(found.rates) <= 9
    assert found.rates[-1] > 0.1  # where it explodes


def test_a_plain_trainer_asks_for_a_number(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    with pytest.raises(InputError, match=r'model.lr is "auto", .* in Python find the rate first'):
        short_trainer(tmp_path).fit(build("MLPClassifier", data, lr="auto"), datamodule=data)
    with pytest.raises(InputError, match="model.lr must be a number or auto, got 'fast'"):
        build("MLPClassifier", data, lr="fast")


def test_the_picture_shows_both_curves_and_the_point() -> None:
    columns = {"lr": [1e-4, 1e-3, 1e-2], "loss": [2.1, 0.9, 5.0], "smoothed": [2.0, 1.0, 4.0]}
    figure = plots.lr_range(columns, 1e-3)
    assert isinstance(figure, Figure)
    [axis] = figure.axes
    assert axis.get_xscale() == "log"
    raw, smoothed, _, point = axis.get_lines()
    assert np.asarray(raw.get_ydata()).tolist() == columns["loss"]
    assert np.asarray(smoothed.get_ydata()).tolist() == columns["smoothed"]
    assert (point.get_xdata()[0], point.get_ydata()[0]) == pytest.approx((1e-3, 1.0))  # type: ignore[index]
