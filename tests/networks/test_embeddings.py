import math

import pytest
import torch

from zoo.networks import ClassToken, LearnedPositions, RotaryPositions, SinusoidalPositions


def test_sinusoidal_positions_equal_the_formula() -> None:
    encoding = SinusoidalPositions(6, max_length=4)(torch.zeros(1, 7, 6))[0]  # longer than the table that is kept
    for position in range(7):
        for i in range(3):
            angle = position / 10000 ** (2 * i / 6)
            assert encoding[position, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert encoding[position, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_fixed_positions_are_not_in_the_checkpoint() -> None:
    assert not SinusoidalPositions(6).state_dict()
    assert not RotaryPositions(6).state_dict()


def test_rotation_keeps_norms() -> None:
    x = torch.randn(2, 3, 9, 8)
    torch.testing.assert_close(RotaryPositions(8)(x).norm(dim=-1), x.norm(dim=-1))


def test_rotated_products_depend_on_distance_only() -> None:
    query, key = torch.randn(2, 8)
    rotary = RotaryPositions(8, max_length=5)
    queries = rotary(query.expand(1, 1, 12, 8))[0, 0]  # (position, d_head)
    keys = rotary(key.expand(1, 1, 12, 8))[0, 0]
    products = queries @ keys.T  # (query position, key position)
    for distance in range(-11, 12):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=0, atol=1e-5)
    assert products[0, 0] != pytest.approx(products[0, 5].item(), abs=1e-3)


def test_rotation_equals_complex_multiplication() -> None:
    x = torch.randn(1, 1, 5, 4)
    rotated = RotaryPositions(4)(x)
    for position in range(5):
        for i in range(2):
            pair = complex(x[0, 0, position, i], x[0, 0, position, i + 2])
            turned = pair * complex(math.cos(position / 100**i), math.sin(position / 100**i))
            assert rotated[0, 0, position, i].item() == pytest.approx(turned.real, abs=1e-5)
            assert rotated[0, 0, position, i + 2].item() == pytest.approx(turned.imag, abs=1e-5)


def test_a_text_longer_than_the_learned_positions_is_an_error() -> None:
    with pytest.raises(ValueError, match="at most max_length = 4 positions, got 5"):
        LearnedPositions(4, 8)(torch.zeros(1, 5, 8))


def test_class_token_stands_first_and_is_never_masked() -> None:
    token = ClassToken(4)
    x, mask = token(torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.bool))
    assert mask is not None
    assert torch.equal(x[1, 0], token.weight)
    assert mask.tolist() == [[True, False, False, False]] * 2


def test_odd_widths_are_errors() -> None:
    with pytest.raises(ValueError, match="d_model must be even for sinusoidal positions, got 5"):
        SinusoidalPositions(5)
    with pytest.raises(ValueError, match="width of a head must be even for rotary positions, got 5"):
        RotaryPositions(5)
