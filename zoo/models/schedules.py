"""Learning-rate schedules by name, as a factor of the rate by step. All begin with a linear warm-up.

Where the trainer has a `max_time`, the share of it that is spent counts as well: whichever is further on, the steps or
the time, says how far the training is. So the rate is at its end when the time is up.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Timer
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LinearLR, ReduceLROnPlateau

from zoo.errors import InputError, did_you_mean

STEP_DROPS = (0.5, 0.75)  # shares of the training at which `step` divides the rate by ten
PLATEAU_PATIENCE = 5  # epochs
FIRST_FACTOR = 0.01  # of the rate, where a warm-up by time begins


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
ENDLESS = ("constant", "plateau")  # make sense in a training without an end


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


def lr_factor_by_time(name: str, spent: float, *, warmup: float) -> float:
    """Factor of the learning rate when a share (0-1) of the time is spent.

    Example:
        >>> [round(lr_factor_by_time("linear", spent, warmup=0.2), 2) for spent in (0, 0.1, 0.2, 0.6, 1.0, 1.1)]
        [0.01, 0.5, 1.0, 0.5, 0.0, 0.0]
    """
    if spent < warmup:
        return max(spent / warmup, FIRST_FACTOR)
    return SHAPES[name](min((spent - warmup) / (1 - warmup), 1.0))


def time_share(trainer: Trainer) -> Callable[[], float] | None:
    """A function that gives the share (0-1) of `max_time` that is spent, or None without a `max_time`.

    Of several processes the first one's clock counts, so that all take the same rate: all must call it at the same time.
    """
    timer = next((callback for callback in trainer.callbacks if isinstance(callback, Timer)), None)  # type: ignore[attr-defined]
    if timer is None or timer.time_remaining() is None:
        return None

    def spent() -> float:
        elapsed, remaining = timer.time_elapsed(), timer.time_remaining() or 0.0
        share = elapsed / (elapsed + remaining) if remaining > 0 else 1.0
        return share if trainer.world_size == 1 else float(trainer.strategy.broadcast(share))

    return spent


def build_schedule(
    optimizer: Optimizer,
    name: str,
    *,
    total_steps: int,
    warmup: float,
    mode: str,
    spent: Callable[[], float] | None = None,
) -> tuple[LambdaLR | LinearLR, ReduceLROnPlateau | None]:
    """The schedule to step after each batch and, for `plateau`, the one to step after each epoch.

    Args:
        optimizer: Whose rate is scheduled.
        name: Of the schedule.
        total_steps: Of the training; 0 where it has no such end.
        warmup: Share of the training (0-1) in which the rate rises.
        mode: min or max: what is better, for `plateau`.
        spent: Gives the share (0-1) of the time that is spent; see `time_share`.

    Raises:
        InputError: The rate should fall to the end of a training that has none.
    """
    if not total_steps and spent is None and name not in ENDLESS:
        raise InputError(
            f"the schedule {name} needs an end: give --trainer.max_epochs, --trainer.max_steps or --trainer.max_time, "
            "or --model.schedule constant"
        )
    warmup_steps = round(warmup * total_steps)
    if name != "plateau":
        factor = _factor(name, total_steps=total_steps, warmup_steps=warmup_steps, warmup=warmup, spent=spent)
        return LambdaLR(optimizer, factor), None
    # Multiplies the rate, so that the two leave each other's work alone.
    warm = LinearLR(optimizer, start_factor=1 / (warmup_steps + 1), total_iters=warmup_steps)
    return warm, ReduceLROnPlateau(optimizer, mode=mode, factor=0.3, patience=PLATEAU_PATIENCE)  # type: ignore[arg-type]


def _factor(
    name: str, *, total_steps: int, warmup_steps: int, warmup: float, spent: Callable[[], float] | None
) -> Callable[[int], float]:
    """Step -> factor of the rate. The clock is read once a step, so that all parameter groups take the same rate."""
    shares: dict[int, float] = {}

    def factor(step: int) -> float:
        if spent is not None and step not in shares:
            shares.clear()
            shares[step] = spent()
        share = shares.get(step, 0.0)
        if spent is None or (total_steps and step / total_steps >= share):
            return lr_factor(name, step, total_steps=total_steps, warmup_steps=warmup_steps)
        return lr_factor_by_time(name, share, warmup=warmup)

    return factor
