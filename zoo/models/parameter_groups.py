"""Groups of parameters for an optimiser: which get weight decay, which a lower rate, which are no matrices to turn.

The groups are those of timm's factory, which makes them only for a whole module; here a layer may have a rate of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatch
from typing import Any

from torch import nn

from zoo.networks.numeric_embedding import Periodic, PiecewiseLinear


def parameter_groups(
    module: nn.Module,
    weight_decay: float,
    *,
    lr: float = 0.0,
    layers: Sequence[Sequence[str]] = (),
    layer_decay: float = 1.0,
    fallback: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Parameters that train, those of the last layer first; within a layer first those that weight decay spares.

    Args:
        module: Its biases, its normalisation and what its `no_weight_decay()` names get no weight decay.
        weight_decay: Of all others, >= 0.
        lr: Of the last layer, where `layers` are given.
        layers: Names of the parameters of each layer, the first to the last; what no layer names has the full rate.
        layer_decay: Factor of the rate from each layer to the one below it, 0-1 (Clark et al. 2020, arXiv:2003.10555).
        fallback: Names of parameters for which an optimiser of matrices takes AdamW.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
        >>> layers = [["0.weight", "0.bias"], ["1.weight", "1.bias"]]
        >>> [(g["lr"], g["weight_decay"]) for g in parameter_groups(net, 0.1, lr=1.0, layers=layers, layer_decay=0.5)]
        [(1.0, 0.0), (1.0, 0.1), (0.5, 0.0), (0.5, 0.1)]
    """
    shrinks = decayed_names(module)
    above = {name: len(layers) - 1 - depth for depth, names in enumerate(layers) for name in names}
    groups: dict[tuple[int, bool, bool], dict[str, Any]] = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        decayed = bool(weight_decay) and name in shrinks
        key = (above.get(name, 0), name in fallback, decayed)
        if key not in groups:
            groups[key] = {"params": [], "weight_decay": weight_decay if decayed else 0.0}
            groups[key] |= {"lr": lr * layer_decay ** key[0]} if layers else {}
            groups[key] |= {"use_fallback": True} if key[1] else {}  # the word of timm's Muon
        groups[key]["params"].append(parameter)
    return [groups[key] for key in sorted(groups)]


def decayed_names(module: nn.Module) -> set[str]:
    """Names of the parameters that L2 and L1 make smaller: no biases, no normalisation, none that `no_weight_decay()`
    of the module names.

    Example:
        >>> sorted(decayed_names(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 1))))
        ['0.weight', '2.weight']
    """
    patterns: set[str] = getattr(module, "no_weight_decay", set)()
    return {
        name
        for name, parameter in module.named_parameters()
        if parameter.ndim > 1 and not name.endswith(".bias") and not any(fnmatch(name, pattern) for pattern in patterns)
    }


def head_names(module: nn.Module, layers: Sequence[Sequence[str]]) -> set[str]:
    """Names of the parameters of the last layer; without `layers`, of the module that has the last parameter.

    Example:
        >>> sorted(head_names(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)), []))
        ['1.bias', '1.weight']
    """
    if layers:
        return set(layers[-1])
    names = [name for name, _ in module.named_parameters()]
    last = names[-1].rpartition(".")[0]
    return {name for name in names if name.rpartition(".")[0] == last}


def no_matrices(module: nn.Module, layers: Sequence[Sequence[str]]) -> set[str]:
    """Names of parameters that Muon's authors leave to AdamW: tables of vectors, positions, the last layer.

    The embeddings of a table's numbers hold a small table for each column, stacked: no matrices either.

    Vectors and other shapes that are no matrices the optimiser finds by itself.
    """
    tables = {
        f"{name}.{inner}" if name else inner
        for name, part in module.named_modules()
        if isinstance(part, nn.Embedding | nn.EmbeddingBag | PiecewiseLinear | Periodic)
        for inner, _ in part.named_parameters()
    }
    return tables | set(getattr(module, "no_weight_decay", set)()) | head_names(module, layers)
