"""One answer of the several that an ensemble gives."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

AVERAGES = ("softmax", "sigmoid", "mean")


def averaged(members: Tensor, average: str) -> Tensor:
    """One answer from those of all members, at least in single precision.

    Args:
        average: ``softmax``: the logarithm of the mean probability; ``sigmoid``: the log-odds of it; ``mean``: the mean.

    Shape:
        (batch, members, d_out) -> (batch, d_out)

    Example:
        >>> import torch
        >>> averaged(torch.tensor([[[1.0], [3.0]]]), "mean")
        tensor([[2.]])
    """
    members = members.to(torch.promote_types(members.dtype, torch.float32))
    if average == "mean":
        return members.mean(dim=1)
    if average == "softmax":
        return members.log_softmax(dim=2).logsumexp(dim=1) - math.log(members.shape[1])
    return F.logsigmoid(members).logsumexp(dim=1) - F.logsigmoid(-members).logsumexp(dim=1)
