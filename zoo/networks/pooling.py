"""Pooling of a sequence of vectors into one vector, honouring the mask of real positions.

Every pooling takes ``(batch, length, d_model)`` and an optional bool mask ``(batch, length)``, True = real. A row
without a real position gives zeros, never NaN.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from zoo.networks.checks import check_choice


class MeanPooling(nn.Module):
    """Mean over the real positions.

    Shape:
        x: (batch, length, d_model), mask: bool (batch, length) or None -> (batch, d_model)

    Example:
        >>> import torch
        >>> MeanPooling()(torch.rand(2, 5, 8), torch.ones(2, 5, dtype=torch.bool)).shape
        torch.Size([2, 8])
    """

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return x.mean(dim=1)
        # A product of matrices, not a masked copy: it needs no second (batch, length, d_model) tensor. The division
        # comes after it, since 0 and 1 are exact in bfloat16 and 1 / count is not.
        total = mask.to(x.dtype).unsqueeze(1).matmul(x).squeeze(1)  # (batch, 1, length) @ x -> (batch, d_model)
        return total / mask.sum(dim=1, keepdim=True).clamp(min=1)


class MaxPooling(nn.Module):
    """Maximum over the real positions, for each feature.

    Shape:
        x: (batch, length, d_model), mask: bool (batch, length) or None -> (batch, d_model)

    Example:
        >>> import torch
        >>> MaxPooling()(torch.rand(2, 5, 8), torch.ones(2, 5, dtype=torch.bool)).shape
        torch.Size([2, 8])
    """

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return x.amax(dim=1)
        highest = x.masked_fill(~mask.unsqueeze(-1), float("-inf")).amax(dim=1)  # (batch, d_model)
        return highest.masked_fill(~mask.any(dim=1, keepdim=True), 0.0)


class ClsPooling(nn.Module):
    """The first position, where the network has put its [CLS] token (Devlin et al. 2019, arXiv:1810.04805).

    Shape:
        x: (batch, length, d_model), mask: ignored -> (batch, d_model)

    Example:
        >>> import torch
        >>> ClsPooling()(torch.rand(2, 5, 8)).shape
        torch.Size([2, 8])
    """

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x[:, 0]


class AttentionPooling(nn.Module):
    """Weighted mean; one learned direction scores each position (Yang et al. 2016, NAACL N16-1174).

    NOTE[DIFF]: without Yang's hidden tanh layer; the encoder before it already mixes the features.

    Args:
        d_model: width of a position.

    Shape:
        x: (batch, length, d_model), mask: bool (batch, length) or None -> (batch, d_model)

    Example:
        >>> import torch
        >>> AttentionPooling(8)(torch.rand(2, 5, 8)).shape
        torch.Size([2, 8])
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.score = nn.Linear(d_model, 1, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.score.weight)  # training starts from the plain mean

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        scores: Tensor = self.score(x).squeeze(-1)  # (batch, length)
        if mask is not None:
            # The lowest finite number, not -inf: softmax over a row of -inf is NaN, and so would be its gradient.
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        weights = scores.softmax(dim=1)  # (batch, length)
        if mask is not None:
            weights = weights * mask
        return weights.to(x.dtype).unsqueeze(1).matmul(x).squeeze(1)  # (batch, 1, length) @ x -> (batch, d_model)


POOLINGS: dict[str, Callable[[int], nn.Module]] = {
    "mean": lambda d_model: MeanPooling(),
    "max": lambda d_model: MaxPooling(),
    "cls": lambda d_model: ClsPooling(),
    "attention": AttentionPooling,
}


def build_pooling(name: str, d_model: int) -> nn.Module:
    """Build the pooling called `name` for vectors of width `d_model`; for ``cls`` the caller prepends the token.

    Raises:
        ValueError: the name is unknown; the message lists the names.

    Example:
        >>> import torch
        >>> build_pooling("max", 8)(torch.rand(2, 5, 8)).shape
        torch.Size([2, 8])
    """
    check_choice("pooling", name, list(POOLINGS))
    return POOLINGS[name](d_model)
