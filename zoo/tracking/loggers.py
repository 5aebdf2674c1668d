"""The loggers that every run has side by side: metrics.csv, TensorBoard, W&B (offline where there is no account)."""

from __future__ import annotations

import io
import netrc
import os
import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, WandbLogger

from zoo.messages import is_first_process, say
from zoo.tracking.metrics_csv import MetricsCSV
from zoo.tracking.run_folder import METRICS
from zoo.tracking.tensorboard import TensorBoard

WANDB_HOST = "api.wandb.ai"


def default_loggers(folder: Path, config: dict[str, Any], *, run_id: str | None = None) -> list[Logger]:
    """CSV, TensorBoard and W&B in the run folder.

    Args:
        folder: The run folder.
        config: What W&B compares runs by: flat, dot-free keys, and the whole config under `cli`.
        run_id: Of the W&B run that goes on; None starts one.
    """
    loggers: list[Logger] = [
        MetricsCSV(folder / METRICS),
        TensorBoard(str(folder), name="tensorboard", version="", default_hp_metric=False),
    ]
    wandb = _wandb_logger(folder, config, run_id)
    return loggers if wandb is None else [*loggers, wandb]


def _wandb_logger(folder: Path, config: dict[str, Any], run_id: str | None) -> WandbLogger | None:
    mode = os.environ.get("WANDB_MODE")
    if mode == "disabled":
        return None
    if mode is None and not _has_key():
        say("W&B: no account here, so the run is kept offline; `wandb sync` sends it later")
        mode = "offline"
        os.environ["WANDB_MODE"] = mode  # children of a distributed run do the same
    os.environ.setdefault("WANDB_SILENT", "true")
    logger = WandbLogger(
        name=folder.name,
        save_dir=str(folder.resolve()),  # W&B's service keeps the working folder of the first run in the process
        id=run_id or id_of_agent() or secrets.token_hex(4),
        project=os.environ.get("WANDB_PROJECT", "zoo"),
        offline=mode == "offline",
        resume="allow",
        log_model=False,
        tags=[str(config["model"])] if "model" in config else None,
        job_type="fit",
    )
    if is_first_process():
        with warnings.catch_warnings(), silenced(mode == "offline"):
            warnings.simplefilter("ignore")  # of wandb's own imports, nothing a user could mend
            run: Any = logger.experiment
            run.config.update(config, allow_val_change=True)
            run.define_metric("trainer/global_step", hidden=True)
            for name in ("train/*", "val/*", "test/*", "lr"):
                run.define_metric(name, step_metric="trainer/global_step")
    return logger


def id_of_agent() -> str | None:
    """The id that `wandb agent` has given the run of a sweep, or None outside of one."""
    return os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None


@contextmanager
def silenced(silent: bool) -> Iterator[None]:
    """Without what W&B prints at the start: offline it is noise, online it is the address of the run."""
    if not silent:
        yield
        return
    with redirect_stderr(io.StringIO()):
        yield


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        known = netrc.netrc(os.environ.get("NETRC"))
    except (OSError, netrc.NetrcParseError):
        return False
    host = os.environ.get("WANDB_BASE_URL", WANDB_HOST).split("//")[-1].split(":")[0].rstrip("/")
    return known.authenticators(host) is not None


def wandb_run_id(loggers: list[Logger]) -> str | None:
    """The id under which a resumed run goes on in W&B."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            return str(logger.version) if logger.version else None
    return None
