"""The loggers that every run has side by side: metrics.csv, TensorBoard, W&B (offline where there is no account)."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger

from zoo.messages import say
from zoo.tracking.axes import Axes
from zoo.tracking.metrics_csv import MetricsCSV
from zoo.tracking.run_folder import METRICS
from zoo.tracking.tensorboard import TensorBoard
from zoo.tracking.wandb import Wandb
from zoo.tracking.wandb_link import has_key, mode
from zoo.tracking.wandb_settings import Place, WandbSettings


def default_loggers(
    folder: Path,
    axes: Axes,
    settings: WandbSettings,
    place: Place,
    *,
    run_id: str | None = None,
    resume_step: int | None = None,
) -> list[Logger]:
    """CSV, TensorBoard and W&B in the run folder.

    Args:
        folder: The run folder.
        axes: Of all rows.
        settings: Of W&B.
        place: Where the run stands in W&B.
        run_id: Of the W&B run that goes on; None starts one.
        resume_step: The first step that a resumed run trains now.
    """
    loggers: list[Logger] = [
        MetricsCSV(folder / METRICS, axes),
        TensorBoard(str(folder / "tensorboard"), axes, resume_step=resume_step),
    ]
    if not settings.enabled or mode() == "disabled":
        return loggers
    online = choose_online(mode())
    wandb = Wandb(
        folder,
        place,
        axes,
        run_id=run_id or id_of_agent() or secrets.token_hex(4),
        online=online,
        log_model=settings.log_model,
        log_rows=settings.log_rows,
        save_code=settings.save_code,
        resume_step=resume_step,
    )
    return [*loggers, wandb]


def id_of_agent() -> str | None:
    """The id that `wandb agent` has given the run of a sweep, or None outside of one."""
    return os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None


def choose_online(told: str | None) -> bool:
    """Whether the run is sent: as WANDB_MODE or `wandb offline` says, else where there is an account."""
    if told is None and not has_key():
        say("W&B: no account here, so the run is kept offline; `wandb sync` sends it later")
        return False
    return told not in ("offline", "dryrun")


def wandb_of(loggers: list[Any]) -> Wandb | None:
    """The W&B logger among others."""
    return next((logger for logger in loggers if isinstance(logger, Wandb)), None)


def metrics_csv_of(loggers: list[Any]) -> MetricsCSV | None:
    """The logger of metrics.csv among others."""
    return next((logger for logger in loggers if isinstance(logger, MetricsCSV)), None)


def tensorboard_of(loggers: list[Any]) -> TensorBoard | None:
    """The TensorBoard logger among others."""
    return next((logger for logger in loggers if isinstance(logger, TensorBoard)), None)
