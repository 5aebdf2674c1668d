"""Clipping by norm, by value and adaptive: torch's numbers and the paper's formula."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from tests.fits import QUIET, build, short_trainer, tabular
from zoo.errors import InputError
from zoo.models.clipping import clip_by_norm

pytestmark = QUIET


@pytest.mark.parametrize("limit", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("broken", [False, True])
def test_it_is_torchs(limit: float, broken: bool) -> None:
    found = []
    for ours in (True, False):
        torch.manual_seed(0)
        first, second = nn.Linear(4, 8), nn.Linear(8, 2)
        second.bias.requires_grad_(False)  # has no gradient
        network = nn.Sequential(first, second)
        torch.autograd.backward(network(torch.randn(16, 4)).square().sum())
        if broken:
            assert first.weight.grad is not None
            first.weight.grad[0, 0] = torch.nan
        if ours:
            clip_by_norm(SGD(network.parameters()), limit)
        else:
            nn.utils.clip_grad_norm_(network.parameters(), limit)
        found.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0, equal_nan=True)


class Gradients(Callback):
    """Keeps the gradients of each step as the loss gave them and as the optimiser gets them."""

    def __init__(self) -> None:
        self.given: list[dict[str, Tensor]] = []
        self.clipped: list[dict[str, Tensor]] = []
        self.weights: list[dict[str, Tensor]] = []

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        self.weights.append({name: p.detach().clone() for name, p in pl_module.named_parameters()})
        self.given.append({name: p.grad.clone() for name, p in pl_module.named_parameters() if p.grad is not None})

    def on_before_zero_grad(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        self.clipped.append({name: p.grad.clone() for name, p in pl_module.named_parameters() if p.grad is not None})


def gradients(folder: Path, *, trainer: dict[str, Any], **options: Any) -> Gradients:
    """Of one epoch; the loss is large, so that there is something to clip."""
    data, seen = tabular(folder), Gradients()
    model = build("MLPClassifier", data, class_weights=[1.0, 1.0], l1=0.1, **options)
    short_trainer(folder, callbacks=[seen], **trainer).fit(model, datamodule=data)
    seen.clipped = seen.clipped[1:]  # set to zero before a step: those of the step before
    return seen


@pytest.mark.parametrize("accumulated", [1, 2])
def test_adaptive_clipping_is_the_papers_and_leaves_the_last_layer(accumulated: int, tmp_path: Path) -> None:
    share = 0.02
    seen = gradients(tmp_path, trainer={"accumulate_grad_batches": accumulated, "gradient_clip_val": 1e-9}, agc=share)
    names = list(seen.given[0])
    assert names[-2:] == ["network.mlp.layers.6.weight", "network.mlp.layers.6.bias"] or len(names) > 2
    changed = set()
    for given, clipped, weights in zip(seen.given, seen.clipped, seen.weights, strict=False):
        for name, gradient in given.items():
            dims = tuple(range(1, gradient.ndim)) or None
            norm = gradient.norm(dim=dims, keepdim=gradient.ndim > 1)
            limit = share * weights[name].norm(dim=dims, keepdim=gradient.ndim > 1).clamp(min=1e-3)
            expected = gradient if name in names[-2:] else gradient * (limit / norm.clamp(min=1e-6)).clamp(max=1)
            torch.testing.assert_close(clipped[name], expected)
            if not torch.equal(clipped[name], gradient):
                changed.add(name)
    assert changed
    assert not changed & set(names[-2:])


@pytest.mark.parametrize("limit", [0.001, 0.3])
def test_clipping_by_value_is_the_trainers(limit: float, tmp_path: Path) -> None:
    seen = gradients(tmp_path, trainer={"gradient_clip_val": limit, "gradient_clip_algorithm": "value"})
    for given, clipped in zip(seen.given, seen.clipped, strict=False):
        for name, gradient in given.items():
            assert torch.equal(clipped[name], gradient.clamp(-limit, limit))


def test_a_network_that_does_not_name_its_layers_has_no_layer_decay(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    model = build("MLPClassifier", data, layer_decay=0.7)
    model.network = nn.Sequential(model.network)
    with pytest.raises(
        InputError, match=r"^model\.layer_decay lowers the rate layer by layer, and Sequential does not say"
    ):
        model.check_data(data)
