"""Optimisers by name have the settings of plain torch, and keep the groups of weight decay."""

import pytest
import torch
from torch import nn

from zoo.errors import InputError
from zoo.models.optimizers import build_optimizer, l1_norm


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 2))


def plain_network() -> nn.Module:
    """Every parameter has a gradient; Adam would follow the rounding of one that has none."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "lamb", "lion", "rmsprop"])
def test_pitfall_10_any_optimiser_spares_biases_and_normalisation(name: str) -> None:
    module = network()
    optimizer = build_optimizer(module, name, lr=0.1, weight_decay=0.3)
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {key: decay[id(p)] for key, p in module.named_parameters()} == {
        key: 0.3 if p.ndim > 1 else 0.0 for key, p in module.named_parameters()
    }


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("adamw", lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.0)),
        ("adam", lambda p: torch.optim.Adam(p, lr=0.05)),
        ("sgd", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True)),
        ("momentum", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
        ("rmsprop", lambda p: torch.optim.RMSprop(p, lr=0.05, alpha=0.9, momentum=0.9)),
    ],
)
def test_settings_and_steps_are_those_of_plain_torch(name: str, plain: object) -> None:
    ours, theirs = plain_network(), plain_network()
    mine = build_optimizer(ours, name, lr=0.05, weight_decay=0.0)
    other = plain(theirs.parameters())  # type: ignore[operator]
    x = torch.randn(16, 4)
    for _ in range(5):
        for module, optimizer in ((ours, mine), (theirs, other)):
            optimizer.zero_grad()
            (module(x) ** 2).mean().backward()
            optimizer.step()
    assert type(mine) is type(other)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-6)


def test_frozen_parameters_are_left_out() -> None:
    module = network()
    next(module.parameters()).requires_grad = False
    optimizer = build_optimizer(module, "adamw", lr=0.1, weight_decay=0.1)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(module.parameters())) - 1


def test_wrong_names_and_rates() -> None:
    with pytest.raises(InputError, match=r"no optimiser named 'adamww' \(model.optimizer\): did you mean 'adamw'\?"):
        build_optimizer(network(), "adamww", lr=0.1, weight_decay=0.0)
    for lr in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match=r"model.lr must be above 0"):
            build_optimizer(network(), "adamw", lr=lr, weight_decay=0.0)


def test_l1_is_the_sum_of_absolute_weights_without_biases() -> None:
    module = network()
    weights = [p for p in module.parameters() if p.ndim > 1]
    assert l1_norm(module).item() == pytest.approx(sum(w.abs().sum().item() for w in weights))
    assert len(weights) == 2


class NamesItsOwn(nn.Module):
    """Two weights of two dimensions, one of which asks to be spared."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.places = nn.Parameter(torch.ones(3, 4))

    def no_weight_decay(self) -> set[str]:
        return {"pla*"}


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "nesterov", "momentum", "AdamW"])
def test_without_timm_the_groups_and_settings_are_those_of_its_factory(name: str, weight_decay: float) -> None:
    from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]

    module = NamesItsOwn()
    ours = build_optimizer(module, name, lr=0.05, weight_decay=weight_decay)
    theirs = create_optimizer_v2(module, opt=name, lr=0.05, weight_decay=weight_decay)
    fused = {"fused": name != "momentum" or None}
    assert type(ours) is type(theirs)
    assert ours.defaults == theirs.defaults | fused
    assert len(ours.param_groups) == len(theirs.param_groups)
    for mine, other in zip(ours.param_groups, theirs.param_groups, strict=True):
        assert [id(p) for p in mine["params"]] == [id(p) for p in other["params"]]
        assert {k: v for k, v in mine.items() if k != "params"} == {
            k: v for k, v in other.items() if k != "params"
        } | fused
