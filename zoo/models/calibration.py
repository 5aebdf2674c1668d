"""Temperature scaling: one number that makes probabilities about as sure as they are right.

logits and targets of the validation split -> `fit_temperature` -> logits / temperature -> softmax or sigmoid
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

BOUNDS = (0.05, 20.0)
SPREAD = 0.5  # of log T, as it is expected before any row was seen: lets few rows change little
MOST_NUMBERS = 2**22  # of logits; of more, evenly spread rows are taken, which tell one number well enough


def fit_temperature(logits: Tensor, target: Tensor) -> float:
    """The temperature at which held-out rows have the lowest log loss; 1 leaves the probabilities as they are.

    Few rows, all of them right, would ask for certainty, and the first mistake would then cost without limit. So log T
    has a normal prior around 0, in all as heavy as a few rows: with 300 rows it is not felt any more, with 10 to 100 it
    makes the difference between help and harm.

    Args:
        logits: (rows, classes), of rows that were not trained on.
        target: int64 (rows,); or 0 and 1, (rows, labels): one temperature for all labels.

    Source:
        Guo et al., "On Calibration of Modern Neural Networks", 2017, arXiv:1706.04599. NOTE[DIFF]: the prior.

    Example:
        >>> logits = torch.tensor([[4.0, 0.0]]).repeat(1000, 1)  # 98 % sure
        >>> target = (torch.arange(1000) % 4 == 0).long()  # and right in three of four
        >>> round(float((logits / fit_temperature(logits, target)).softmax(dim=1)[0, 0]), 2)
        0.75
    """
    from scipy.optimize import minimize_scalar

    rows = len(target)
    if rows == 0 or not bool(torch.isfinite(logits).all()):
        return 1.0
    every = max(1, -(-logits.numel() // MOST_NUMBERS))
    logits, target = logits[::every].double(), target[::every]

    def objective(log_t: float) -> float:
        return log_loss(logits / math.exp(log_t), target) + (log_t / SPREAD) ** 2 / (2 * rows)

    found = minimize_scalar(objective, bounds=tuple(map(math.log, BOUNDS)), method="bounded", options={"xatol": 1e-4})
    return math.exp(found.x) if objective(found.x) < objective(0.0) else 1.0


def log_loss(logits: Tensor, target: Tensor) -> float:
    """Mean negative log likelihood of a row, or of a label of a row.

    Shape:
        logits (rows, classes), target int64 (rows,) or 0 and 1 (rows, classes).
    """
    if target.ndim == 2:
        return float(F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype)))
    return float(F.cross_entropy(logits, target))
