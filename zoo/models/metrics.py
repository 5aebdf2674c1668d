"""Metrics of a whole split at once, from its logits and targets. A step only keeps its outputs."""

from __future__ import annotations

import torch
import torchmetrics.functional as M
from torch import Tensor
from torch.nn import functional as F

from zoo.models.decision import Costs, mean_cost

ECE_BINS = 15
SMALLEST = torch.finfo(torch.float32).eps  # a probability of zero is one that float32 could not tell from it


def classification_metrics(
    probabilities: Tensor, target: Tensor, decisions: Tensor | None = None, costs: Costs | None = None
) -> dict[str, float]:
    """accuracy, f1_macro (of decisions); log_loss, brier, ece, auroc, average_precision (of probabilities); cost.

    Args:
        probabilities: (rows, classes), each row sums to 1.
        target: int64 (rows,).
        decisions: int64 (rows,); None takes the likeliest class.
        costs: Rows true class, columns decision; None leaves `cost` out.

    Returns:
        `f1_macro` is the mean over the classes that occur in target or decisions. `log_loss` is the mean negative log
        of the true class's probability. `brier` is the mean squared error of the probabilities: of the second of two
        classes, of more summed over them (as scikit-learn has it). `ece` uses 15 equal bins. `auroc` is one against
        the rest, the mean over classes that occur; it is left out where only one class occurs, and so is
        `average_precision`, the area under precision and recall of the second of two classes. `cost` is that of the
        decisions, mean over rows.
    """
    n_classes = probabilities.shape[1]
    found = probabilities.argmax(dim=1) if decisions is None else decisions
    f1 = M.f1_score(found, target, task="multiclass", num_classes=n_classes, average="none")
    present = torch.zeros(n_classes, dtype=torch.bool)
    present[found], present[target] = True, True
    exact = probabilities.double()
    error = (exact - F.one_hot(target, n_classes)) ** 2
    metrics = {
        "accuracy": float((found == target).float().mean()),
        "f1_macro": float(f1[present].mean()),
        "log_loss": float(exact.gather(1, target[:, None]).clamp(SMALLEST, 1).log().mean().abs()),
        "brier": float(error.sum(dim=1).mean()) / (2 if n_classes == 2 else 1),
        "ece": expected_calibration_error(probabilities, target),
    }
    if costs is not None:
        metrics["cost"] = mean_cost(found, target, costs)
    if n_classes == 2:
        areas = {
            "auroc": binary_auroc(probabilities[:, 1], target == 1),
            "average_precision": average_precision(probabilities[:, 1], target == 1),
        }
    else:
        areas = {"auroc": mean_known([binary_auroc(probabilities[:, c], target == c) for c in range(n_classes)])}
    return metrics | known(areas)


def multilabel_metrics(probabilities: Tensor, target: Tensor, decisions: Tensor | None = None) -> dict[str, float]:
    """Means over labels: accuracy (share of single labels that are right), f1_macro, log_loss, brier, ece, auroc, ...

    Args:
        probabilities: (rows, labels), each 0-1.
        target: 0 or 1, (rows, labels).
        decisions: 0 or 1, (rows, labels); None takes what is likelier than not.

    Returns:
        As `classification_metrics`, of each label as two classes; `auroc` and `average_precision` over the labels that
        some rows have and some have not.
    """
    truth = target > 0.5
    found = probabilities > 0.5 if decisions is None else decisions > 0.5
    hits = (truth & found).sum(dim=0).float()
    f1 = 2 * hits / (truth.sum(dim=0) + found.sum(dim=0)).clamp(min=1)
    exact = probabilities.double()
    said = torch.where(truth, exact, 1 - exact)  # probability of what is true
    pairs = torch.stack([1 - probabilities, probabilities], dim=-1)  # (rows, labels, 2)
    labels = range(target.shape[1])
    metrics = {
        "accuracy": float((truth == found).float().mean()),
        "f1_macro": float(f1.mean()),
        "log_loss": float(said.clamp(SMALLEST, 1).log().mean().abs()),
        "brier": float(((1 - said) ** 2).mean()),
        "ece": expected_calibration_error(pairs.flatten(0, 1), truth.flatten().long()),
    }
    areas = {
        "auroc": mean_known([binary_auroc(probabilities[:, c], truth[:, c]) for c in labels]),
        "average_precision": mean_known([average_precision(probabilities[:, c], truth[:, c]) for c in labels]),
    }
    return metrics | known(areas)


def expected_calibration_error(probabilities: Tensor, target: Tensor) -> float:
    """Mean gap between confidence and share that is right, over 15 equal bins of the confidence in the likeliest class.

    Shape:
        probabilities (rows, classes), target int64 (rows,).
    """
    n_classes = probabilities.shape[1]
    return float(M.calibration_error(probabilities, target, task="multiclass", num_classes=n_classes, n_bins=ECE_BINS))


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


def average_precision(scores: Tensor, positive: Tensor) -> float | None:
    """Precision, averaged over the steps of recall; None where only one class occurs."""
    if not bool(positive.any()) or bool(positive.all()):
        return None
    return float(M.classification.binary_average_precision(scores, positive.long()))


def mean_known(values: list[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None


def known(values: dict[str, float | None]) -> dict[str, float]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}
