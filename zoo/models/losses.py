"""Losses by name. Every loss takes what the network gives and the targets, and returns the mean over rows."""

from __future__ import annotations

from importlib import import_module
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.errors import InputError, did_you_mean

CLASSIFICATION_LOSSES = ("cross_entropy", "focal", "bce")
REGRESSION_LOSSES = ("mse", "huber", "mae")


class FocalLoss(nn.Module):
    """Cross-entropy that counts easy rows less, for unbalanced classes.

    Args:
        gamma: How much less; 0 is cross-entropy.
        weight: Weight of each class, (classes,), or None.
        label_smoothing: Share of the target spread over all classes, 0-1.

    Shape:
        logits (batch, classes), target int64 (batch,) or shares (batch, classes) -> scalar.

    Source:
        Lin et al., "Focal Loss for Dense Object Detection", 2017.

    Example:
        >>> FocalLoss(gamma=2.0)(torch.zeros(4, 3), torch.zeros(4, dtype=torch.long)).shape
        torch.Size([])
    """

    def __init__(self, gamma: float = 2.0, weight: Tensor | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.gamma = gamma
        self.weight = weight
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        log_p = F.log_softmax(logits, dim=1)  # (batch, classes)
        missed = (-torch.expm1(log_p)).clamp(min=1e-12)  # 1 - p; a gamma below 1 has no gradient at 0
        per_class = -(missed**self.gamma) * log_p
        return mean_over_classes(per_class, target, self.weight, self.label_smoothing)


def mean_over_classes(per_class: Tensor, target: Tensor, weight: Tensor | None, label_smoothing: float) -> Tensor:
    """Mean loss of rows whose target is spread over classes, weighted by class.

    Of one class a row this is the mean of torch's `cross_entropy`, weights and smoothing included: the sum over rows
    divided by the weights of the rows' classes, unsmoothed.

    Args:
        per_class: Loss of a row if it were of that class, (batch, classes).
        target: int64 (batch,), or share of each class (batch, classes).
        weight: Weight of each class, (classes,), or None.
        label_smoothing: Share of the target spread over all classes, 0-1.
    """
    n_classes = per_class.shape[1]
    shares = F.one_hot(target, n_classes) if target.ndim == 1 else target
    shares = shares.to(per_class.dtype)
    smoothed = shares * (1 - label_smoothing) + label_smoothing / n_classes
    if weight is None:
        return (smoothed * per_class).sum(dim=1).mean()
    return (smoothed * weight * per_class).sum() / (shares * weight).sum()


def classification_loss(
    name: str,
    logits: Tensor,
    target: Tensor,
    *,
    label_smoothing: float,
    weight: Tensor | None,
    focal_gamma: float = 2.0,
) -> Tensor:
    """The named loss of a batch.

    Args:
        name: `cross_entropy`, `focal` or `bce` (multi-label).
        logits: (batch, classes).
        target: int64 (batch,), or the share of each class (batch, classes); for `bce` float (batch, classes).
        label_smoothing: Share of the target spread over all classes, 0-1.
        weight: Weight of each class, (classes,), or None.
        focal_gamma: How much less `focal` counts easy rows.
    """
    if name == "cross_entropy" and target.ndim == 1:
        return F.cross_entropy(logits, target, weight=weight, label_smoothing=label_smoothing)
    if name == "cross_entropy":  # torch divides by the number of rows here, whatever the classes weigh
        return mean_over_classes(-F.log_softmax(logits, dim=1), target, weight, label_smoothing)
    if name == "focal":
        return cast(Tensor, FocalLoss(focal_gamma, weight, label_smoothing)(logits, target))
    if name == "bce":
        soft = target.to(logits.dtype) * (1 - label_smoothing) + label_smoothing / 2
        return F.binary_cross_entropy_with_logits(logits, soft, pos_weight=weight)
    raise InputError(f"no loss named {name!r} (model.loss)")


def regression_loss(name: str, prediction: Tensor, target: Tensor) -> Tensor:
    """`mse`, `huber` (of delta 1, in standard deviations of the target), or `mae`."""
    if name == "mse":
        return F.mse_loss(prediction, target)
    if name == "huber":
        return F.huber_loss(prediction, target)
    if name == "mae":
        return F.l1_loss(prediction, target)
    raise InputError(f"no loss named {name!r} (model.loss)")


class OwnLoss:
    """A loss of the user's own by its class path, made once; no part of the model, so that no checkpoint holds it.

    Raises:
        InputError: It cannot be imported, is no `nn.Module`, wants arguments, or would have to be trained itself.
    """

    def __init__(self, class_path: str) -> None:
        module, _, name = class_path.rpartition(".")
        try:
            kind = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise InputError(f"model.loss {class_path} cannot be imported: {error}") from error
        if not (isinstance(kind, type) and issubclass(kind, nn.Module)):  # asked before anything of it is run
            raise InputError(f"model.loss {class_path} is no class of torch.nn.Module")
        try:
            self.module = kind()
        except TypeError as error:
            raise InputError(f"model.loss {class_path} must be made without arguments: {error}") from error
        if next(self.module.parameters(), None) is not None:
            raise InputError(f"model.loss {class_path} has parameters of its own, which nothing would train")

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        return cast(Tensor, self.module.to(logits.device)(logits, target))


def own_loss(name: str, valid: tuple[str, ...]) -> OwnLoss | None:
    """The loss of a class path; None for one of the valid names."""
    check_loss(name, valid)
    return None if name in valid else OwnLoss(name)


def check_loss(name: str, valid: tuple[str, ...]) -> None:
    """Raises: InputError when the name is neither one of the valid ones nor a class path."""
    if name not in valid and "." not in name:
        raise InputError(f"no loss named {name!r} (model.loss): {did_you_mean(name, valid)}")


def balanced_label_weights(counts: Tensor, n_rows: int) -> Tensor:
    """Weight of a label's presence that lets presence and absence count the same: rows without it / rows with it.

    Example:
        >>> balanced_label_weights(torch.tensor([30, 10]), 40)
        tensor([0.3333, 3.0000])
    """
    return (n_rows - counts) / counts.clamp(min=1).to(torch.float32)


def balanced_weights(counts: Tensor) -> Tensor:
    """Class weights that let each class count the same: rows / (classes x rows of the class); mean 1 over rows.

    Example:
        >>> balanced_weights(torch.tensor([30, 10]))
        tensor([0.6667, 2.0000])
    """
    return counts.sum() / (len(counts) * counts.clamp(min=1)).to(torch.float32)


def members_as_rows(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Each member of an ensemble in training as rows of its own, so that a loss is the mean over members' losses.

    Shape:
        (batch, members, outputs), (batch, ...) -> (batch * members, outputs), (batch * members, ...)
        (batch, outputs), (batch, ...) -> the same
    """
    if logits.ndim == 2:
        return logits, target
    return logits.flatten(0, 1), target.repeat_interleave(logits.shape[1], dim=0)
