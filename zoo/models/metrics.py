"""Metrics of a whole split at once, from its logits and targets. A step only keeps its outputs."""

from __future__ import annotations

import torch
import torchmetrics.functional as M
from torch import Tensor

ECE_BINS = 15


def classification_metrics(probabilities: Tensor, target: Tensor) -> dict[str, float]:
    """accuracy, f1_macro, auroc, ece.

    Args:
        probabilities: (rows, classes), each row sums to 1.
        target: int64 (rows,).

    Returns:
        `f1_macro` is the mean over the classes that occur in target or prediction. `auroc` is one against the rest,
        the mean over classes that occur; it is left out where only one class occurs. `ece` uses 15 equal bins.
    """
    n_classes = probabilities.shape[1]
    found = probabilities.argmax(dim=1)
    f1 = M.f1_score(found, target, task="multiclass", num_classes=n_classes, average="none")
    present = torch.zeros(n_classes, dtype=torch.bool)
    present[found], present[target] = True, True
    metrics = {
        "accuracy": float((found == target).float().mean()),
        "f1_macro": float(f1[present].mean()),
        "ece": float(
            M.calibration_error(probabilities, target, task="multiclass", num_classes=n_classes, n_bins=ECE_BINS)
        ),
    }
    if n_classes == 2:
        area = binary_auroc(probabilities[:, 1], target == 1)
    else:
        area = mean_known([binary_auroc(probabilities[:, c], target == c) for c in range(n_classes)])
    return metrics if area is None else metrics | {"auroc": area}


def multilabel_metrics(probabilities: Tensor, target: Tensor) -> dict[str, float]:
    """accuracy (share of single labels that are right), f1_macro, auroc.

    Args:
        probabilities: (rows, labels), each 0-1.
        target: 0 or 1, (rows, labels).
    """
    truth, found = target > 0.5, probabilities > 0.5
    hits = (truth & found).sum(dim=0).float()
    f1 = 2 * hits / (truth.sum(dim=0) + found.sum(dim=0)).clamp(min=1)
    metrics = {"accuracy": float((truth == found).float().mean()), "f1_macro": float(f1.mean())}
    area = mean_known([binary_auroc(probabilities[:, c], truth[:, c]) for c in range(target.shape[1])])
    return metrics if area is None else metrics | {"auroc": area}


def regression_metrics(prediction: Tensor, target: Tensor) -> dict[str, float]:
    """rmse, mae (in the target's units), r2. Several targets: the mean over them.

    Args:
        prediction: (rows, targets).
        target: (rows, targets).
    """
    prediction, target = prediction.double(), target.double()
    error = prediction - target
    spread = ((target - target.mean(dim=0)) ** 2).sum(dim=0)
    metrics = {
        "rmse": float((error**2).mean(dim=0).sqrt().mean()),
        "mae": float(error.abs().mean()),
    }
    if bool((spread > 0).all()):
        metrics["r2"] = float((1 - (error**2).sum(dim=0) / spread).mean())
    return metrics


def binary_auroc(scores: Tensor, positive: Tensor) -> float | None:
    """Area under the ROC curve, ties counted half; None where only one class occurs."""
    if not bool(positive.any()) or bool(positive.all()):
        return None
    return float(M.classification.binary_auroc(scores, positive.long()))


def mean_known(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
