"""Each activation equals its formula, by name."""

import math
from collections.abc import Callable

import pytest
import torch

from zoo.networks.activations import ACTIVATIONS, build_activation

FORMULAS: dict[str, Callable[[float], float]] = {
    "relu": lambda x: max(0.0, x),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "gelu": lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
}
POINTS = [-6.0, -1.5, -0.2, 0.0, 0.3, 1.0, 7.0]


def test_every_name_has_a_formula_here() -> None:
    assert set(FORMULAS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", FORMULAS)
def test_it_is_its_formula(name: str) -> None:
    x = torch.tensor(POINTS, dtype=torch.float64)
    assert build_activation(name)(x).tolist() == pytest.approx([FORMULAS[name](point) for point in POINTS], abs=1e-12)


@pytest.mark.parametrize("name", FORMULAS)
def test_its_slope_is_that_of_the_formula(name: str) -> None:
    x = torch.tensor([point for point in POINTS if point], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(build_activation(name)(x).sum(), x)
    expected = [(FORMULAS[name](p + 1e-6) - FORMULAS[name](p - 1e-6)) / 2e-6 for p in x.tolist()]
    assert slope.tolist() == pytest.approx(expected, abs=1e-6)


def test_it_gives_a_new_module_each_time() -> None:
    assert build_activation("relu") is not build_activation("relu")


def test_an_unknown_name_lists_the_names() -> None:
    with pytest.raises(ValueError, match="activation must be one of relu, .*, got 'swish'"):
        build_activation("swish")
