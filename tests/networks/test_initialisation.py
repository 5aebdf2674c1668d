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


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("d_in", "d_out"), [(30, 50), (50, 30)])
def test_orthogonal_is_a_rotation_times_the_gain(d_in: int, d_out: int, activation: str) -> None:
    """Of the shorter side: no length of any vector changes, one way or the other."""
    layer = nn.Linear(d_in, d_out)
    initialise(layer, "orthogonal", activation)
    w = layer.weight.double()
    product = w @ w.T if d_out < d_in else w.T @ w
    torch.testing.assert_close(product, gain(activation) ** 2 * torch.eye(30).double(), rtol=0, atol=1e-5)
    assert not layer.bias.any()


def test_orthogonal_takes_the_window_of_a_convolution_as_one_row() -> None:
    layer = nn.Conv2d(8, 16, 3, bias=False)
    initialise(layer, "orthogonal", "relu")
    rows = layer.weight.flatten(1).double()  # (16, 72)
    torch.testing.assert_close(rows @ rows.T, 2 * torch.eye(16).double(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_trunc_normal_is_small_and_has_no_tails(activation: str) -> None:
    """A normal distribution cut at two deviations has 0.8796 of its deviation, whatever the activation."""
    layer = nn.Linear(D_IN, D_OUT)
    initialise(layer, "trunc_normal", activation)
    assert layer.weight.abs().max().item() <= 0.04
    inside = math.erf(2 / math.sqrt(2))
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    assert layer.weight.std().item() == pytest.approx(0.02 * math.sqrt(1 - 4 * density / inside), rel=0.01)
    assert not layer.bias.any()


@pytest.mark.parametrize("scheme", ["xavier", "he", "orthogonal", "trunc_normal"])
def test_a_seed_repeats_the_weights(scheme: str) -> None:
    weights = []
    for _ in range(2):
        torch.manual_seed(3)
        layer = nn.Linear(7, 5)
        initialise(layer, scheme, "relu")
        weights.append(layer.weight.clone())
    assert torch.equal(*weights)


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
