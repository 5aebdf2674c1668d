import math

import pytest
import torch
from torch import nn

from zoo.networks.activations import ACTIVATIONS, build_activation
from zoo.networks.initialisation import gain, initialise

D_IN, D_OUT = 400, 600


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_he_variance_is_its_formula(activation: str) -> None:
    layer = nn.Linear(D_IN, D_OUT)
    initialise(layer, "he", activation)
    assert layer.weight.var().item() == pytest.approx(gain(activation) ** 2 / D_IN, rel=0.02)
    assert not layer.bias.any()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_xavier_variance_is_its_formula(activation: str) -> None:
    layer = nn.Linear(D_IN, D_OUT)
    initialise(layer, "xavier", activation)
    assert layer.weight.var().item() == pytest.approx(2 * gain(activation) ** 2 / (D_IN + D_OUT), rel=0.02)
    assert not layer.bias.any()


def test_he_counts_the_window_of_a_convolution() -> None:
    layer = nn.Conv2d(32, 256, 3, bias=False)
    initialise(layer, "he", "relu")
    assert layer.weight.var().item() == pytest.approx(2 / (32 * 9), rel=0.02)


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "leaky_relu"])
def test_gain_keeps_the_second_moment(activation: str) -> None:
    z = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    second_moment = torch.trapezoid(build_activation(activation)(z).square() * density, z).item()
    assert gain(activation) == pytest.approx(second_moment**-0.5, rel=1e-4)


def test_default_leaves_weights_and_random_numbers_alone() -> None:
    layer = nn.Linear(3, 2)
    before, state = layer.weight.clone(), torch.get_rng_state()
    initialise(layer, "default", "relu")
    assert torch.equal(layer.weight, before)
    assert torch.equal(torch.get_rng_state(), state)
