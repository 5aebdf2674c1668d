"""Stochastic depth (Huang et al. 2016, arXiv:1603.09382): leave whole residual branches out during training."""

from torch import Tensor, nn

from zoo.networks.checks import check_fraction


class StochasticDepth(nn.Module):
    """Zero a residual branch for a random part of the rows and scale the others so that the expectation stays.

    Args:
        rate: fraction of rows (0-1) whose branch is left out during training.

    Shape:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import torch
        >>> StochasticDepth(0.1)(torch.ones(4, 7, 8)).shape
        torch.Size([4, 7, 8])
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        check_fraction("drop_path", rate)
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.rate == 0.0:
            return branch
        keep = branch.new_empty(branch.size(0), *[1] * (branch.ndim - 1)).bernoulli_(1.0 - self.rate)  # (batch, 1, ...)
        return branch * keep / (1.0 - self.rate)

    def extra_repr(self) -> str:
        return f"rate={self.rate}"
