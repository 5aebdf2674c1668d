"""`--model.lr auto`: a rate found by a range test, decided once and written into the run's config."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from zoo.data.base import DataModule
from zoo.messages import is_first_process
from zoo.models.base import Model
from zoo.models.lr_range import AUTO, LRRange, find_lr, set_lr

HANDED_ON = "ZOO_LR"  # tells the other processes of a distributed run what the first one found


def settle_lr(trainer: Any, model: Model, data: DataModule) -> LRRange | None:
    """Where the rate is `auto`, find one and give it to the model.

    Args:
        trainer: The trainer's settings by attribute, the precision settled.
        model: As it will be trained; only its rate is set.
        data: Gives the rows.

    Returns:
        What the test saw; None where there was none, here or at all.
    """
    if model.lr != AUTO:
        return None
    if not is_first_process():  # of one that a cluster started, the model asks the first one when all are connected
        if HANDED_ON in os.environ:
            set_lr(model, float(os.environ[HANDED_ON]))
        return None
    found = find_lr(
        model,
        data,
        accelerator=trainer.accelerator,
        devices=trainer.devices,
        precision=trainer.precision or "32-true",
        gradient_clip_val=trainer.gradient_clip_val,
        gradient_clip_algorithm=trainer.gradient_clip_algorithm,
        accumulate_grad_batches=trainer.accumulate_grad_batches,
    )
    set_lr(model, found.lr)
    os.environ[HANDED_ON] = repr(found.lr)
    return found


def rate_line(found: LRRange, folder: Path, *, drawn: bool) -> str:
    """The rate that a test found, in one line.

    Args:
        found: What the test saw.
        folder: Of the run.
        drawn: Whether there will be a picture beside the table.
    """
    where = folder / "figures" / f"lr_range.{'png' if drawn else 'csv'}"
    return f"lr: {found.lr:g} (range test: {len(found.rates)} steps, {found.seconds:.1f} s; {where})"
