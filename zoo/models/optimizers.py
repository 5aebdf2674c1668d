"""Optimisers by name, through timm's factory; weight decay spares biases and normalisation."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from zoo.errors import InputError, did_you_mean

# Torch has a fused version of these, faster and with the same numbers.
_FUSED = {"adam", "adamw", "sgd", "nesterov"}


def check_optimizer(name: str, lr: float) -> None:
    """Raises: InputError for a name that timm's factory does not know, or a rate that is not above 0."""
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
    from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]

    check_optimizer(name, lr)
    fused: dict[str, Any] = {"fused": True} if name.lower() in _FUSED and _all_float32(module) else {}
    optimizer: Optimizer = create_optimizer_v2(
        module, opt=name, lr=lr, weight_decay=weight_decay, filter_bias_and_bn=True, **fused
    )
    return optimizer


def _all_float32(module: nn.Module) -> bool:
    return all(parameter.dtype == torch.float32 for parameter in module.parameters())


def l1_norm(module: nn.Module) -> torch.Tensor:
    """Sum of the absolute weights, biases and normalisation left out."""
    weights = [p.abs().sum() for p in module.parameters() if p.requires_grad and p.ndim > 1]
    return torch.stack(weights).sum()
