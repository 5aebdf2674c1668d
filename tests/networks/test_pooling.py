import pytest
import torch

from zoo.networks.pooling import POOLINGS, AttentionPooling, MaxPooling, MeanPooling, build_pooling


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(5, 7, 4)


@pytest.fixture
def mask() -> torch.Tensor:
    mask = torch.rand(5, 7) < 0.5
    mask[:, 3] = True
    return mask


def test_masked_mean_equals_the_loop(x: torch.Tensor, mask: torch.Tensor) -> None:
    expected = torch.stack([row[real].mean(dim=0) for row, real in zip(x, mask, strict=True)])
    torch.testing.assert_close(MeanPooling()(x, mask), expected)


def test_masked_max_equals_the_loop(x: torch.Tensor, mask: torch.Tensor) -> None:
    expected = torch.stack([row[real].amax(dim=0) for row, real in zip(x, mask, strict=True)])
    torch.testing.assert_close(MaxPooling()(x, mask), expected)


def test_masked_attention_equals_the_loop(x: torch.Tensor, mask: torch.Tensor) -> None:
    pooling = AttentionPooling(4)
    torch.testing.assert_close(pooling(x, mask), MeanPooling()(x, mask))  # where training starts
    torch.nn.init.normal_(pooling.score.weight)
    expected = torch.stack(
        [(pooling.score(row[real]).softmax(dim=0) * row[real]).sum(dim=0) for row, real in zip(x, mask, strict=True)]
    )
    torch.testing.assert_close(pooling(x, mask), expected)


@pytest.mark.parametrize("name", POOLINGS)
def test_no_mask_is_a_mask_of_real_positions(name: str, x: torch.Tensor) -> None:
    pooling = build_pooling(name, 4)
    torch.testing.assert_close(pooling(x), pooling(x, torch.ones(5, 7, dtype=torch.bool)))


@pytest.mark.parametrize("name", ["mean", "max", "attention"])
def test_a_row_without_real_positions_is_zero(name: str, x: torch.Tensor) -> None:
    x.requires_grad_()
    pooled = build_pooling(name, 4)(x, torch.zeros(5, 7, dtype=torch.bool))
    pooled.sum().backward()
    assert not pooled.any()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_an_unknown_pooling_lists_the_names() -> None:
    with pytest.raises(ValueError, match="pooling must be one of mean, max, cls, attention, got 'avg'"):
        build_pooling("avg", 4)
