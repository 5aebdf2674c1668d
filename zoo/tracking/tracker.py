"""All that keeps the figures of one run: axes, loggers, summary.json; told when it starts and how it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch.loggers import Logger, WandbLogger

from zoo.tracking.axes import Axes
from zoo.tracking.flat_config import default_group, flat_config
from zoo.tracking.loggers import default_loggers, metrics_csv_of, tensorboard_of, wandb_of
from zoo.tracking.run_folder import CONFIG, OLD_PREDICTIONS, PREDICTIONS, SUMMARY, default_name
from zoo.tracking.summary import Summary, versions
from zoo.tracking.wandb_settings import WandbSettings

DONE = ("finished", "pruned")  # a trial that a search has ended did not fail
COMPARED = ("best/", "test/")  # metrics by which runs are compared


class Tracker:
    """Axes, loggers and summary of one run.

    Args:
        folder: The run folder.
        config: The resolved config.
        settings: Of W&B.
        facts: What is known of the run before it starts: data fingerprint, numbers of rows, parameters, the metric that
            chooses the best epoch.
        logger: The user's own; None or True takes those of zoo, False none.
        run_id: Of the W&B run that goes on.
        resume_step: The first step that a resumed run trains now; None for a new run.
    """

    def __init__(
        self,
        folder: Path,
        config: dict[str, Any],
        settings: WandbSettings,
        facts: Mapping[str, Any],
        *,
        logger: Any = None,
        run_id: str | None = None,
        resume_step: int | None = None,
    ) -> None:
        self.folder = folder
        self.config = config
        self.flat = flat_config(config)
        self.facts = dict(facts)
        self.resume_step = resume_step
        self._predicted: int | None = None
        self.axes = Axes()
        model, path = config["model"]["class_path"], config["data"]["init_args"]["path"]
        name = default_name(model, path)
        tags = (model.rsplit(".", 1)[-1], name.partition("-")[2])
        self.place = settings.place(group=default_group(name, self.flat), tags=tuple(tag[:64] for tag in tags if tag))
        self.loggers = _given(logger)
        if logger is None or logger is True:
            self.loggers = default_loggers(
                folder, self.axes, settings, self.place, run_id=run_id, resume_step=resume_step
            )
        wandb = wandb_of(self.loggers)
        self.wandb_run_id = run_id if wandb is None else wandb.run_id  # W&B may be on again at the next resumption
        self.summary = Summary(str(folder / SUMMARY), self._known(model, path), self.axes)

    def _known(self, model: str, path: str) -> dict[str, Any]:
        identity = {} if self.wandb_run_id is None else {"wandb_run_id": self.wandb_run_id}
        named = {"name": self.folder.name, "group": self.place.group, "model": model, "data": path}
        return {**named, "seed": self.config["seed_everything"], **self.facts, **identity}

    def start(self) -> None:
        """Open the run in W&B, and say in the run folder that it has begun. Called in the first process.

        Nothing in the folder changes before all is checked: a resumption that is refused leaves the run as it was.

        Raises:
            RefusedError: By W&B.
        """
        wandb = wandb_of(self.loggers)
        if wandb is not None:
            known = {"num_params": self.facts["parameters"], "data_fingerprint": self.facts["data_fingerprint"]}
            config = {**self.flat, **known, "versions": versions(), "cli": self.config}
            metrics = metrics_csv_of(self.loggers)
            wandb.open(config, last_step=-1 if metrics is None else metrics.last_step())
        try:
            self._begin_folder()
        except BaseException:
            self.release()
            raise

    def _begin_folder(self) -> None:
        (self.folder / CONFIG).write_text(yaml.safe_dump(self.config, sort_keys=False))
        metrics = metrics_csv_of(self.loggers)
        if metrics is not None and self.resume_step is not None:
            metrics.cut(self.resume_step)
        self.summary.start()
        self._predicted = modified(self.folder / PREDICTIONS)

    def end(
        self,
        *,
        status: str,
        best_epoch: int | None,
        test: dict[str, float],
        checkpoint: Path | None,
    ) -> None:
        """Write what the run ended at, everywhere. Called in the first process.

        Args:
            status: finished, pruned, interrupted or failed.
            best_epoch: The epoch of best.ckpt.
            test: Metrics of the test split, `test/...`.
            checkpoint: best.ckpt, where there is one.
        """
        predictions = self.folder / PREDICTIONS
        if self.summary.trained and not test and modified(predictions) == self._predicted is not None:
            predictions.replace(predictions.with_name(OLD_PREDICTIONS))  # of weights that are trained on
        content = self.summary.write(best_epoch=best_epoch, test=test, status=status)
        outcome = {name: value for name, value in content.items() if name.startswith(COMPARED)}
        tensorboard, wandb = tensorboard_of(self.loggers), wandb_of(self.loggers)
        if tensorboard is not None and outcome:
            tensorboard.show_hyperparameters(self.flat, outcome)
        failed = status not in DONE
        if wandb is not None:
            monitor, mode = self.facts["monitor"], self.facts["monitor_mode"]
            score = {"monitor": monitor, "mode": mode, "score": content.get(f"best/{monitor}")}
            about = {**score, "epoch": best_epoch, "classes": self.facts.get("classes"), **test}
            wandb.close(content, failed=failed, checkpoint=checkpoint, about=about)
        for logger in self.loggers:  # the user's own
            if isinstance(logger, WandbLogger) and logger is not wandb:
                experiment: Any = logger.experiment
                experiment.finish(exit_code=int(failed))

    def release(self) -> None:
        """End the W&B run where `end` did not come to that."""
        wandb = wandb_of(self.loggers)
        if wandb is not None:
            wandb.finish(failed=True)


def stored_run_id(folder: Path) -> str | None:
    """The id of the W&B run of a run folder, known from the run's first second on."""
    file = folder / SUMMARY
    found = json.loads(file.read_text()).get("wandb_run_id") if file.is_file() else None
    return None if found is None else str(found)


def modified(file: Path) -> int | None:
    """When a file was written, in nanoseconds; None where it is not there."""
    return file.stat().st_mtime_ns if file.is_file() else None


def _given(logger: Any) -> list[Logger]:
    return list(logger) if isinstance(logger, list | tuple) else [logger] if isinstance(logger, Logger) else []
