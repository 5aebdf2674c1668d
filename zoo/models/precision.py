"""Whether bf16 pays on this processor: a few steps of the real model on real rows, both ways in alternation.

A copy of the model does the steps and the random state is put back, so that nothing of the run changes. Also here: what
an optimiser must not do under a gradient scaler.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor
from torch.optim import Optimizer

if TYPE_CHECKING:
    from zoo.models.base import Model

FEW = 2  # rows to start with: the least that batch normalisation takes
LONG = 0.15  # seconds a measured step may take; of a larger model fewer rows are taken
TINY = 0.002  # seconds; a whole batch that takes less has nothing to gain
BUDGET = 1.0  # seconds of steps in alternation
ROUNDS = 3  # at least, where a step is not much longer than `LONG`


def bf16_gain(model: Model, rows: Callable[[int], dict[str, Tensor]], n_rows: int) -> float | None:
    """How many times as fast a step (forward and backward) is under bf16 autocast.

    Measured on a whole batch where a step of it takes at most `LONG`: the few rows of a part gain much less than all,
    since what bf16 saves grows with the rows and what it costs (casting the weights) does not. Takes about a second and
    a half, and longer only where two rows do.

    Args:
        model: On the CPU. Not touched: a deep copy does the steps.
        rows: Gives a batch of that many train rows.
        n_rows: Rows in a batch of the training.

    Returns:
        Seconds in float32 divided by seconds in bf16, or None where a batch takes under two milliseconds.
    """
    with isolate_rng(include_cuda=False):
        trial = copy.deepcopy(model).train()
        batch, n = _sized(trial, rows, n_rows)
        _step_seconds(trial, batch, bf16=False)
        once = _step_seconds(trial, batch, bf16=False)
        if once * n_rows / n < TINY:
            return None
        _step_seconds(trial, batch, bf16=True)
        pairs: list[tuple[float, float]] = []
        while not pairs or sum(map(sum, pairs)) < BUDGET or (len(pairs) < ROUNDS and once < 2 * LONG):
            pairs.append((_step_seconds(trial, batch, bf16=False), _step_seconds(trial, batch, bf16=True)))
        return gain_of(pairs)


def gain_of(pairs: Sequence[tuple[float, float]]) -> float:
    """How many times as fast the second of each pair is, on the cautious side.

    The best times say what the processor can do, the median of the ratios what it did; a busy machine spoils either.

    Example:
        >>> gain_of([(2.0, 1.0), (2.0, 1.0), (9.0, 1.0)])
        2.0
    """
    plain, half = zip(*pairs, strict=True)
    return float(min(min(plain) / min(half), statistics.median(one / other for one, other in pairs)))


def _sized(trial: Model, rows: Callable[[int], dict[str, Tensor]], n_rows: int) -> tuple[dict[str, Tensor], int]:
    """A batch that is as large as in training, or as large as a step of `LONG` allows; and its rows.

    In two goes: of a few rows each takes longer than of many, so that they alone would say too little.
    """
    n = min(FEW, n_rows)
    batch = rows(n)
    once = _step_seconds(trial, batch, bf16=False)
    if once < 1:  # the first step also sets things up
        once = min(once, _step_seconds(trial, batch, bf16=False))
    for _ in range(2):
        allowed = min(n_rows, int(n * LONG / once))
        if allowed <= n:
            break
        n, batch = allowed, rows(allowed)
        if n < n_rows:
            once = _step_seconds(trial, batch, bf16=False)
    return batch, n


def _step_seconds(trial: Model, batch: dict[str, Tensor], *, bf16: bool) -> float:
    trial.zero_grad()
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False) if bf16 else nullcontext():  # as Lightning does
        loss = trial.batch_loss(batch)
    torch.autograd.backward(loss)
    return time.perf_counter() - start


def unfused(optimizer: Optimizer) -> Optimizer:
    """The same optimiser by torch's plain steps: under a gradient scaler Lightning cannot clip for a fused one."""
    if not any(group.get("fused") for group in optimizer.param_groups):
        return optimizer
    groups = [{**group, "fused": False} for group in optimizer.param_groups]
    return type(optimizer)(groups, lr=groups[0]["lr"])  # type: ignore[call-arg]
