"""Token dropout: hide random words from the network during training (word dropout, Iyyer et al. 2015, ACL P15-1162)."""

import torch
from torch import Tensor, nn

from zoo.networks.checks import check_fraction


class TokenDropout(nn.Module):
    """Take a random part of the real tokens out of the mask; a row never loses its last one.

    The token is hidden, not replaced: attention and pooling skip it as if it were padding.

    Args:
        rate: fraction of real tokens (0-1) hidden during training.

    Shape:
        mask: bool (batch, length), True = real token -> bool (batch, length)

    Example:
        >>> import torch
        >>> TokenDropout(0.5)(torch.ones(4, 7, dtype=torch.bool)).shape
        torch.Size([4, 7])
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        check_fraction("token_dropout", rate)
        self.rate = rate

    def forward(self, mask: Tensor) -> Tensor:
        if not self.training or self.rate == 0.0:
            return mask
        kept = mask & (torch.rand(mask.shape, device=mask.device) >= self.rate)
        return torch.where(kept.any(dim=1, keepdim=True), kept, mask)  # a row that lost all keeps all

    def extra_repr(self) -> str:
        return f"rate={self.rate}"
