"""Clipping by norm (Pascanu et al. 2013, arXiv:1211.5063) that does nothing where there is nothing to clip."""

from __future__ import annotations

from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer


def clip_by_norm(optimizer: Optimizer, limit: float) -> None:
    """Scale all gradients of an optimiser so that their norm together is at most `limit`; for a CPU.

    The same numbers as `torch.nn.utils.clip_grad_norm_`, which multiplies by one where the norm is small enough already,
    as it is in most steps. On a CPU to look at the norm costs nothing; an accelerator would have to be waited for.

    Args:
        optimizer: Its parameters' gradients are changed in place.
        limit: Largest norm, above 0.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    norm = get_total_norm([p.grad for p in parameters if p.grad is not None])
    if not float(norm) <= limit:  # NaN too: it spreads to all, as it does in torch
        clip_grads_with_norm_(parameters, limit, norm)
