"""Clipping of gradients: by norm (Pascanu et al. 2013, arXiv:1211.5063), and adaptive (Brock et al. 2021,
arXiv:2102.06171). By value is torch's own, through the trainer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from torch import nn
from torch.nn import Parameter
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


def clip_adaptively(parameters: Sequence[Parameter], share: float) -> None:
    """Scale each unit's gradient so that its norm is at most a share of the norm of the unit's weights; timm's.

    Args:
        parameters: Their gradients are changed in place.
        share: Largest ratio, above 0; the paper has 0.01 to 0.16.
    """
    from timm.utils.agc import adaptive_clip_grad

    adaptive_clip_grad(parameters, clip_factor=share)  # type: ignore[no-untyped-call]


def all_but(module: nn.Module, names: Collection[str]) -> list[Parameter]:
    """The parameters of a module without the named ones: the paper leaves the last layer as it is."""
    return [parameter for name, parameter in module.named_parameters() if name not in names]
