"""From probabilities to a decision: the likeliest class, one from a threshold on, or the one of least expected cost.

Everything that names one class for a row (metrics, figures, predictions.csv, `zoo predict`) takes it from `decide`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.errors import InputError

Costs = Sequence[Sequence[float]]


def check_decision(threshold: float | None, costs: Costs | None, *, num_classes: int, multilabel: bool) -> None:
    """Check how decisions are to be made.

    Args:
        threshold: Of two classes the probability of the second from which it is chosen; of labels, that of each.
        costs: Cost of each decision (column) by the true class (row).
        num_classes: Number of classes, or labels.
        multilabel: Whether a row may have several labels.

    Raises:
        InputError: Such a threshold or such costs cannot be, or not with that many classes.
    """
    if threshold is not None and costs is not None:
        raise InputError("model.threshold and model.costs both say what is chosen: give one of them")
    if threshold is not None:
        if not 0 < threshold < 1:
            raise InputError(f"model.threshold is a probability and must be in (0, 1), got {threshold}")
        if num_classes != 2 and not multilabel:
            raise InputError(
                f"model.threshold is for two classes or several labels, and here are {num_classes} classes: "
                "model.costs says what each mistake costs"
            )
    if costs is None:
        return
    if multilabel:
        raise InputError("model.costs is for rows of one class each; for several labels give model.threshold")
    if len(costs) != num_classes or any(len(row) != num_classes for row in costs):
        shape = " and ".join(dict.fromkeys(str(len(row)) for row in costs)) or "0"
        raise InputError(
            f"model.costs must have {num_classes} rows (true class) of {num_classes} numbers (decision), "
            f"got {len(costs)} of {shape}"
        )
    for true, row in enumerate(costs):
        if not all(0 <= cost < float("inf") for cost in row):
            raise InputError(f"model.costs must be at least 0, got {list(row)} in row {true + 1}")
        if any(cost <= row[true] for decision, cost in enumerate(row) if decision != true):
            raise InputError(
                f"row {true + 1} of model.costs, {list(row)}, has a mistake that costs no more than being right, "
                f"{row[true]:g}: rows are true classes, columns decisions"
            )


def check_chooses(kind: Any, given: Iterable[str]) -> None:
    """Raises: InputError where `threshold` or `costs` are given for a kind of model that predicts numbers."""
    for name in given:
        if getattr(kind, "task_kind", None) == "regression":
            raise InputError(f"{kind.__name__} predicts numbers, it has no {name}")


def decide(scores: Tensor, *, multilabel: bool, threshold: float | None, costs: Costs | None) -> Tensor:
    """What is chosen by probabilities: the likeliest, where neither a threshold nor costs are given.

    Args:
        scores: Probabilities, (rows, classes).
        multilabel: Whether a row may have several labels.
        threshold: Of the second of two classes, or of each label.
        costs: Rows true class, columns decision; the least expected cost is chosen (Elkan 2001).

    Shape:
        int64 (rows,); of several labels 0 and 1, (rows, labels).

    Example:
        >>> p = torch.tensor([[0.9, 0.1], [0.6, 0.4]])
        >>> decide(p, multilabel=False, threshold=None, costs=None).tolist()
        [0, 0]
        >>> decide(p, multilabel=False, threshold=0.3, costs=None).tolist()
        [0, 1]
        >>> decide(p, multilabel=False, threshold=None, costs=[[0, 1], [20, 0]]).tolist()
        [1, 1]
    """
    if multilabel:
        return (scores > 0.5 if threshold is None else scores >= threshold).long()
    if costs is not None:
        return expected_costs(scores, costs).argmin(dim=1)
    if threshold is not None:
        return (scores[:, 1] >= threshold).long()
    return scores.argmax(dim=1)


def expected_costs(scores: Tensor, costs: Costs) -> Tensor:
    """(rows, classes) probabilities -> (rows, decisions) mean cost of each decision."""
    return scores.double() @ torch.tensor(costs, dtype=torch.float64, device=scores.device)


def mean_cost(decisions: Tensor, target: Tensor, costs: Costs) -> float:
    """What the decisions cost a row, in the units of the costs; both (rows,)."""
    return float(torch.tensor(costs, dtype=torch.float64)[target, decisions].mean())


def description(threshold: float | None, costs: Costs | None, class_names: Sequence[str], *, multilabel: bool) -> str:
    """How decisions are made, in words with the names of the classes; nothing to say of the usual way."""
    if threshold is not None and multilabel:
        return f"decisions: each label from a probability of {threshold:g}"
    if threshold is not None:
        return f"decisions: {class_names[1]!r} from a probability of {threshold:g}, else {class_names[0]!r}"
    if costs is not None:
        order = ", ".join(map(repr, class_names[:10])) + (", ..." if len(class_names) > 10 else "")
        return f"decisions: least expected cost; model.costs has true classes as rows, decisions as columns: {order}"
    return ""
