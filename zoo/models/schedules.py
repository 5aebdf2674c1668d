"""Learning-rate schedules by name, as a factor of the rate by step. All begin with a linear warm-up."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LinearLR, ReduceLROnPlateau

from zoo.errors import InputError, did_you_mean

STEP_DROPS = (0.5, 0.75)  # shares of the training at which `step` divides the rate by ten
PLATEAU_PATIENCE = 5  # epochs


def _cosine(done: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * done))


def _linear(done: float) -> float:
    return 1 - done


def _constant(done: float) -> float:
    return 1.0


def _step(done: float) -> float:
    return 0.1 ** sum(done >= drop for drop in STEP_DROPS)


def _one_cycle(done: float) -> float:
    """Up from 1/25 over the first 30 %, then down to 1/10,000, both along a cosine (Smith & Topin, 2018)."""
    if done < 0.3:
        return 1 / 25 + (1 - 1 / 25) * (1 - _cosine(done / 0.3))
    return 1e-4 + (1 - 1e-4) * _cosine((done - 0.3) / 0.7)


SHAPES: dict[str, Callable[[float], float]] = {
    "cosine": _cosine,
    "linear": _linear,
    "constant": _constant,
    "step": _step,
    "one_cycle": _one_cycle,
}
SCHEDULES = (*SHAPES, "plateau")


def check_schedule(name: str, warmup: float) -> None:
    """Raises: InputError for an unknown name or a warm-up outside 0-1."""
    if name not in SCHEDULES:
        raise InputError(f"no schedule named {name!r} (model.schedule): {did_you_mean(name, SCHEDULES)}")
    if not 0 <= warmup < 1:
        raise InputError(f"model.warmup is a share of the training and must be in [0, 1), got {warmup}")


def lr_factor(name: str, step: int, *, total_steps: int, warmup_steps: int) -> float:
    """Factor of the learning rate at a step, counted from 0.

    Example:
        >>> [round(lr_factor("linear", step, total_steps=6, warmup_steps=2), 2) for step in range(7)]
        [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return SHAPES[name](min(done, 1.0))


def build_schedule(
    optimizer: Optimizer, name: str, *, total_steps: int, warmup_steps: int, mode: str
) -> tuple[LambdaLR | LinearLR, ReduceLROnPlateau | None]:
    """The schedule to step after each batch and, for `plateau`, the one to step after each epoch."""
    if name != "plateau":

        def factor(step: int) -> float:
            return lr_factor(name, step, total_steps=total_steps, warmup_steps=warmup_steps)

        return LambdaLR(optimizer, factor), None
    # Multiplies the rate, so that the two leave each other's work alone.
    warm = LinearLR(optimizer, start_factor=1 / (warmup_steps + 1), total_iters=warmup_steps)
    return warm, ReduceLROnPlateau(optimizer, mode=mode, factor=0.3, patience=PLATEAU_PATIENCE)  # type: ignore[arg-type]
