"""Dropout: the share, the scale, the gradient; what nn.Dropout does where nothing is drawn."""

import pytest
import torch

from zoo.networks.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_a_share_of_p_is_dropped_and_the_expectation_stays(p: float) -> None:
    out = Dropout(p)(torch.ones(1000, 257))  # not a multiple of four
    assert (out == 0).float().mean().item() == pytest.approx(p, abs=0.005)
    assert out.mean().item() == pytest.approx(1.0, abs=0.02)
    assert out.max().item() == pytest.approx(1 / (1 - p), rel=1e-3)


def test_units_are_dropped_independently() -> None:
    kept = (Dropout(0.5)(torch.ones(4000, 64)) > 0).float()
    correlations = torch.corrcoef(kept.T).fill_diagonal_(0)
    assert correlations.abs().max() < 0.1


def test_the_gradient_passes_where_the_unit_was_kept() -> None:
    x = torch.ones(64, 32, requires_grad=True)
    out = Dropout(0.3)(x)
    out.sum().backward()
    torch.testing.assert_close(x.grad, out.detach())


def test_one_seed_gives_one_mask() -> None:
    x = torch.ones(5, 7)
    masks = []
    for _ in range(2):
        torch.manual_seed(3)
        masks.append(Dropout(0.5)(x))
    assert torch.equal(*masks)


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.5, False)])
def test_nothing_is_drawn_without_need(p: float, training: bool) -> None:
    x, before = torch.ones(5, 7), torch.get_rng_state()
    assert torch.equal(Dropout(p).train(training)(x), x)
    assert training or torch.equal(torch.get_rng_state(), before)


def test_everything_can_be_dropped_and_any_float_comes_back_as_it_was() -> None:
    assert not Dropout(1.0)(torch.ones(4, 4)).any()
    assert Dropout(0.5)(torch.ones(4, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16
