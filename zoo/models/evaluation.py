"""A whole split as a model answered it, each row once, whatever batches and processes it came in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Evaluation:
    """What a model said of a whole split: one row each, sorted by `index`, every row once.

    Shape:
        index int64 (rows,); scores (rows, outputs): probabilities, or predicted numbers; target (rows, ...); decisions:
        what is chosen by the scores, class ids (rows,), 0 and 1 (rows, labels), or the numbers.
    """

    index: Tensor
    scores: Tensor
    target: Tensor
    decisions: Tensor


def gathered(batches: Iterable[tuple[Tensor, Tensor, Tensor]], world_size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Batches of index, logits and target of all processes as one, sorted by index; a row that pads a batch counts once.

    Shape:
        int64 (batch,), (batch, outputs), (batch, ...) each -> int64 (rows,), (rows, outputs), (rows, ...)
    """
    index, logits, target = (torch.cat(parts) for parts in zip(*batches, strict=True))
    if world_size > 1:
        everyone: list[Any] = [None] * world_size
        torch.distributed.all_gather_object(everyone, (index, logits, target))
        index, logits, target = (torch.cat(parts) for parts in zip(*everyone, strict=True))
    order = index.argsort(stable=True)
    first = torch.ones(len(order), dtype=torch.bool)
    first[1:] = index[order][1:] != index[order][:-1]
    order = order[first]
    return index[order], logits[order], target[order]
