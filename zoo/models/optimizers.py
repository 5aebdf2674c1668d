"""Optimisers by name, as timm's factory makes them; weight decay spares biases and normalisation."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from zoo.errors import InputError, did_you_mean
from zoo.models.parameter_groups import decayed_names, no_matrices, parameter_groups

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
OF_MATRICES = ("muon", "nmuon", "adamuon", "nadamuon")
_OF_CURVATURE = ("adahessian",)
_OWN_WORDS = ("lr", "weight_decay")  # have arguments of the model


def check_optimizer(name: str, lr: float | str, options: Mapping[str, Any] | None = None) -> None:
    """Raises: InputError for a name or an option that timm does not know, or a rate that is not above 0."""
    if name.lower() not in _TORCH:
        from timm.optim import list_optimizers  # type: ignore[attr-defined]

        names = [str(known) for known in list_optimizers()]
        if name.lower() not in names:
            raise InputError(f"no optimiser named {name!r} (model.optimizer): {did_you_mean(name, names)}")
    if name.lower() in _OF_CURVATURE:
        raise InputError(
            f"model.optimizer {name} needs the gradients of gradients, which a step here does not compute: take another"
        )
    if not isinstance(lr, str) and not lr > 0:
        raise InputError(f"model.lr must be above 0, got {lr}")
    valid = _options(name)
    for key in options or {}:
        if key in _OWN_WORDS:
            raise InputError(f"model.optimizer_options holds {key}: give model.{key}")
        if key not in valid:
            raise InputError(f"{name} takes no {key!r} (model.optimizer_options): {did_you_mean(key, valid)}")


def build_optimizer(
    module: nn.Module,
    name: str,
    *,
    lr: float,
    weight_decay: float,
    options: Mapping[str, Any] | None = None,
    layers: Sequence[Sequence[str]] = (),
    layer_decay: float = 1.0,
) -> Optimizer:
    """An optimiser over the parameters that train.

    Args:
        module: Its one-dimensional parameters (bias, normalisation) get no weight decay.
        name: Any of timm's (`timm.optim.list_optimizers()`): adamw, sgd, adam, lamb, lion, muon, ...
        lr: Learning rate, > 0.
        weight_decay: L2, >= 0, as the optimiser has it: decoupled, or through the gradient (sgd, adam).
        options: Further settings of the optimiser by name, as `{"betas": [0.9, 0.98]}`.
        layers: Names of the parameters of each layer, the first to the last.
        layer_decay: Factor of the rate from each layer to the one below it, 0-1.

    Raises:
        InputError: No optimiser of that name, or an option that it does not take or cannot have.
    """
    check_optimizer(name, lr, options)
    name = name.lower()
    groups = parameter_groups(
        module,
        weight_decay,
        lr=lr,
        layers=layers if layer_decay < 1 else (),
        layer_decay=layer_decay,
        fallback=no_matrices(module, layers) if name in OF_MATRICES else (),
    )
    try:
        if name in _TORCH:
            make, settings = _TORCH[name]
            fused: dict[str, Any] = {"fused": True} if name in _FUSED and _all_float32(module) else {}
            return make(groups, **{"lr": lr, "weight_decay": 0.0, **settings, **fused, **(options or {})})
        from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]

        optimizer: Optimizer = create_optimizer_v2(groups, opt=name, lr=lr, weight_decay=0.0, **(options or {}))
    except (TypeError, ValueError, AssertionError) as error:
        given = f" with model.optimizer_options {dict(options)}" if options else ""
        raise InputError(f"model.optimizer {name}{given}: {' '.join(str(error).split())}") from error
    return optimizer


def _options(name: str) -> list[str]:
    """What an optimiser takes beside its parameters, its rate and its weight decay.

    Raises:
        InputError: An optimiser of a package or a device that is not here.
    """
    if name.lower() in _TORCH:
        kind: Any = _TORCH[name.lower()][0]
    else:
        from timm.optim import get_optimizer_class  # type: ignore[attr-defined]

        try:
            kind = get_optimizer_class(name.lower(), bind_defaults=False)
        except (AssertionError, ImportError) as error:
            raise InputError(f"model.optimizer {name} cannot be used here: {error}") from error
    return [key for key in inspect.signature(kind).parameters if key not in ("params", *_OWN_WORDS)]


def _all_float32(module: nn.Module) -> bool:
    return all(parameter.dtype == torch.float32 for parameter in module.parameters())


def l1_norm(module: nn.Module) -> torch.Tensor:
    """Sum of the absolute weights; what weight decay spares is left out."""
    shrinks = decayed_names(module)
    weights = [p.abs().sum() for name, p in module.named_parameters() if p.requires_grad and name in shrinks]
    return torch.stack(weights).sum()
