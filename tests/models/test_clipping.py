"""Clipping by norm gives torch's numbers, whether there is something to clip or not."""

import pytest
import torch
from torch import nn
from torch.optim import SGD

from zoo.models.clipping import clip_by_norm


@pytest.mark.parametrize("limit", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("broken", [False, True])
def test_it_is_torchs(limit: float, broken: bool) -> None:
    found = []
    for ours in (True, False):
        torch.manual_seed(0)
        first, second = nn.Linear(4, 8), nn.Linear(8, 2)
        second.bias.requires_grad_(False)  # has no gradient
        network = nn.Sequential(first, second)
        torch.autograd.backward(network(torch.randn(16, 4)).square().sum())
        if broken:
            assert first.weight.grad is not None
            first.weight.grad[0, 0] = torch.nan
        if ours:
            clip_by_norm(SGD(network.parameters()), limit)
        else:
            nn.utils.clip_grad_norm_(network.parameters(), limit)
        found.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0, equal_nan=True)
