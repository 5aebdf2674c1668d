"""Which parameters make up each layer of a network, from the input to the head: for a learning rate that falls by layer."""

from collections.abc import Sequence

from torch import nn


def layers_by_prefix(module: nn.Module, prefixes: Sequence[str]) -> list[list[str]]:
    """Names of the parameters of each layer, in the order of `prefixes`.

    Args:
        module: whose parameters are grouped.
        prefixes: of the names, one a layer; a parameter that none fits belongs to the layer of the one before it.

    Example:
        >>> layers_by_prefix(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 1)), ["0", "2"])
        [['0.weight', '0.bias', '1.weight', '1.bias'], ['2.weight', '2.bias']]
    """
    groups: list[list[str]] = [[] for _ in prefixes]
    place = 0
    for name, _ in module.named_parameters():
        place = next((at for at, prefix in enumerate(prefixes) if f"{name}.".startswith(f"{prefix}.")), place)
        groups[place].append(name)
    return [names for names in groups if names]
