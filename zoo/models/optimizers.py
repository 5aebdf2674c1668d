"""Optimisers by name, as timm's factory makes them; weight decay spares biases and normalisation."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from zoo.errors import InputError, did_you_mean

# The usual ones are built from torch alone, with timm's settings: timm takes a second to import.
_TORCH: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "adam": (Adam, {}),
    "adamw": (AdamW, {}),
    "sgd": (SGD, {"momentum": 0.9, "nesterov": True}),
    "nesterov": (SGD, {"momentum": 0.9, "nesterov": True}),
    "momentum": (SGD, {"momentum": 0.9, "nesterov": False}),
}
# Torch has a fused version of these, faster and with the same numbers.
_FUSED = {"adam", "adamw", "sgd", "nesterov"}


def check_optimizer(name: str, lr: float) -> None:
    """Raises: InputError for a name that timm's factory does not know, or a rate that is not above 0."""
    if name.lower() not in _TORCH:
        from timm.optim import list_optimizers  # type: ignore[attr-defined]

        names = [str(known) for known in list_optimizers()]
        if name.lower() not in names:
            raise InputError(f"no optimiser named {name!r} (model.optimizer): {did_you_mean(name, names)}")
    if not lr > 0:
        raise InputError(f"model.lr must be above 0, got {lr}")


def build_optimizer(module: nn.Module, name: str, *, lr: float, weight_decay: float) -> Optimizer:
    """An optimiser over the parameters that train.

    Args:
        module: Its one-dimensional parameters (bias, normalisation) get no weight decay.
        name: Any of timm's (`timm.optim.list_optimizers()`): adamw, sgd, adam, lamb, lion, muon, ...
        lr: Learning rate, > 0.
        weight_decay: Decoupled L2, >= 0.

    Raises:
        InputError: No optimiser of that name.
    """
    check_optimizer(name, lr)
    fused: dict[str, Any] = {"fused": True} if name.lower() in _FUSED and _all_float32(module) else {}
    if name.lower() in _TORCH:
        make, settings = _TORCH[name.lower()]
        return make(parameter_groups(module, weight_decay), lr=lr, weight_decay=0.0, **settings, **fused)  # type: ignore[call-arg]
    from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]

    optimizer: Optimizer = create_optimizer_v2(
        module, opt=name, lr=lr, weight_decay=weight_decay, filter_bias_and_bn=True
    )
    return optimizer


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The groups of timm's factory: biases, normalisation and what `no_weight_decay()` names first, then all others."""
    patterns: set[str] = getattr(module, "no_weight_decay", set)()
    spared: list[Tensor] = []
    decayed: list[Tensor] = []
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        named = any(fnmatch(name, pattern) for pattern in patterns)
        flat = parameter.ndim <= 1 or name.endswith(".bias")
        (spared if named or flat or not weight_decay else decayed).append(parameter)
    groups = ((spared, 0.0), (decayed, weight_decay))
    return [{"params": parameters, "weight_decay": decay} for parameters, decay in groups if parameters]


def _all_float32(module: nn.Module) -> bool:
    return all(parameter.dtype == torch.float32 for parameter in module.parameters())


def l1_norm(module: nn.Module) -> torch.Tensor:
    """Sum of the absolute weights, biases and normalisation left out."""
    weights = [p.abs().sum() for p in module.parameters() if p.requires_grad and p.ndim > 1]
    return torch.stack(weights).sum()
