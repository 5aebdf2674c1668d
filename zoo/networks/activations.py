"""Activations by name, the same names in every network."""

from collections.abc import Callable

from torch import nn

from zoo.networks.checks import check_choice

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "leaky_relu": nn.LeakyReLU,
}


def build_activation(name: str) -> nn.Module:
    """Build the activation called `name`.

    Args:
        name: one of ``ACTIVATIONS``.

    Raises:
        ValueError: the name is unknown; the message lists the names.

    Example:
        >>> import torch
        >>> build_activation("gelu")(torch.zeros(2, 3)).shape
        torch.Size([2, 3])
    """
    check_choice("activation", name, list(ACTIVATIONS))
    return ACTIVATIONS[name]()
