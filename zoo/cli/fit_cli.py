"""What `zoo fit` builds of a command line: model, data, and a trainer whose root is the run folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Timer

from zoo.callbacks import BestCheckpoint, Budget, RandomState
from zoo.callbacks.lr_range_curve import LRRangeCurve
from zoo.callbacks.monitor import watched
from zoo.cli.learning_rate import settle_lr
from zoo.cli.parser import ZooCLI, prune_links
from zoo.cli.precision import settle_precision
from zoo.cli.threads import processes_here, use_cores
from zoo.messages import is_first_process
from zoo.tracking.no_profiler import NoProfiler
from zoo.tracking.predictions import PredictionWriter
from zoo.tracking.run_folder import PREDICTIONS, default_name, new_run_folder
from zoo.tracking.run_info import RunInfo
from zoo.tracking.tracker import Tracker

RUN_FOLDER = "ZOO_RUN_FOLDER"  # tells the other processes of a distributed run where the first one writes


class FitCLI(ZooCLI):
    """Builds a trainer whose root is the run folder.

    Args:
        argv: What the user typed after `zoo fit`.
        resume: The run folder that goes on, or None for a new one.
        run_id: Of the W&B run that goes on.
        resume_step: The first step that a resumed run trains now.
        extra: Callbacks of the caller's own.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        resume: Path | None = None,
        run_id: str | None = None,
        resume_step: int | None = None,
        extra: Sequence[Callback] = (),
    ) -> None:
        self.resume = resume
        self.run_id = run_id
        self.resume_step = resume_step
        self.extra = extra
        super().__init__("zoo fit", argv)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        prune_links(self.model)
        self.check_sizes()
        self.model.check_data(self.datamodule)
        settings = self.config_init.trainer
        use_cores(processes_here(settings))
        settings.precision = settle_precision(settings, self.model, self.datamodule)
        self.config.trainer.precision = settings.precision  # a resumed or repeated run computes alike
        self.lr_range = settle_lr(settings, self.model, self.datamodule)
        for name, value in self.model.resolved_arguments().items():
            if name in self.config.model.init_args:
                self.config.model.init_args[name] = value
        config = self.plain_config()
        self.folder = self._folder(settings.default_root_dir or "runs")
        try:
            return self._build(config, settings)
        except BaseException:
            if self.resume is None and is_first_process():
                remove_unstarted(self.folder)
            raise

    def _folder(self, root: str) -> Path:
        if self.resume is not None:
            return self.resume
        name = self.config.name or default_name(self.config.model.class_path, self.datamodule.path)
        if not is_first_process():  # writes nothing itself; where a cluster starts the processes it is told no folder
            return Path(os.environ.get(RUN_FOLDER) or Path(root) / name)
        folder = new_run_folder(root, name)
        os.environ[RUN_FOLDER] = str(folder.resolve())
        return folder

    def _named_callbacks(self, user: list[Any]) -> list[Any]:
        """Those of zoo that are on; a callback of the user's own kind beats the named one of that kind."""
        keys = self._parser(self.subcommand).callback_keys
        return [
            callback
            for callback in (self._get(self.config_init, key) for key in keys)
            if callback.enabled
            and not any(isinstance(callback, type(u)) or isinstance(u, type(callback)) for u in user)
        ]

    def _build(self, config: dict[str, Any], settings: Any) -> Trainer:
        user = as_list(settings.callbacks)
        kept = self._named_callbacks(user)
        self.best = next((callback for callback in kept if isinstance(callback, BestCheckpoint)), None)
        monitor, mode = watched(self.model, None, None) if self.best is None else self.best.choice(self.model)
        facts = {
            "data_fingerprint": self.datamodule.fingerprint,
            **{f"rows_{part}": len(source) for part, source in self.datamodule.sources.items()},
            "classes": self.datamodule.num_classes,
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "monitor": monitor,
            "monitor_mode": mode,
        }
        self.tracker = Tracker(
            self.folder,
            config,
            self.config_init.wandb,
            facts,
            logger=settings.logger,
            run_id=self.run_id,
            resume_step=self.resume_step,
        )
        own: list[Callback] = [
            RandomState(),
            self.tracker.summary,
            RunInfo(config, self.tracker.wandb_run_id),
            *self.extra,
        ]
        if settings.max_time is not None and not any(isinstance(c, Timer) for c in user):
            own.append(Budget(settings.max_time))
        if self.lr_range is not None:
            drawn = self.config_init.figures.enabled
            own.append(LRRangeCurve(self.lr_range.columns(), self.lr_range.lr, drawn=drawn))
        arguments = {
            **settings.as_dict(),
            "default_root_dir": str(self.folder),
            "logger": self.tracker.loggers or False,
            "profiler": settings.profiler or NoProfiler(),
            # Predictions are written before anything is drawn of them.
            "callbacks": [
                self.tracker.axes,
                PredictionWriter(str(self.folder / PREDICTIONS)),
                *kept,
                *user,
                *own,
            ],
        }
        if self.best is None:
            arguments["enable_checkpointing"] = arguments.get("enable_checkpointing") or False
        return Trainer(**arguments)


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value] if value else []


def remove_unstarted(folder: Path) -> None:
    """Take back a run folder in which nothing was trained yet."""
    shutil.rmtree(folder, ignore_errors=True)
    os.environ.pop(RUN_FOLDER, None)
