"""What `zoo tune` makes of `zoo fit`: the config that trials begin from, and one trial, in this process."""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from zoo.callbacks.monitor import SCORE, score_of, watched
from zoo.callbacks.pruning import MissingMetricError, Pruning
from zoo.cli.configs import config_root
from zoo.cli.fit_cli import RUN_FOLDER, FitCLI
from zoo.cli.mistakes import class_of
from zoo.cli.parser import ZooCLI, prune_links
from zoo.cli.precision import settle_precision
from zoo.cli.threads import use_cores
from zoo.cli.training import train
from zoo.errors import InputError
from zoo.tracking.run_folder import SUMMARY
from zoo.tracking.wandb import RefusedError
from zoo.tuning.space import LR, Parameter, corners, flags, read_space
from zoo.tuning.worker import Job, TrialError

FAMILIES = {"MLP": "mlp", "CNN": "cnn", "Transformer": "transformer"}
CHANGE_THE_LOSS = ("model.loss", "model.label_smoothing", "model.class_weights")
QUIET = ["--progress_bar.enabled", "false", "--trainer.enable_progress_bar", "false"]


class SettingsCLI(ZooCLI):
    """The parser of `zoo fit` alone: settings are checked and resolved, and nothing is built or read."""

    def __init__(self, argv: Sequence[str]) -> None:
        super().__init__("zoo tune", argv)

    def instantiate_classes(self) -> None:
        """Nothing is."""

    def settings(self) -> dict[str, Any]:
        """The resolved settings as plain values."""
        config: dict[str, Any] = yaml.safe_load(self.parser.dump(self.config, skip_none=False))
        for key in ("config", "resume"):
            config.pop(key, None)
        return config


class BaseCLI(SettingsCLI):
    """Builds model and data once, so that a mistake shows before a study begins, and settles the precision of all."""

    def instantiate_classes(self) -> None:
        if self.config.name:  # of a config
            raise InputError("name is of a run: the name of a study is --study")
        ZooCLI.instantiate_classes(self)

    def instantiate_trainer(self, **kwargs: Any) -> Any:
        """There is none: only what it would be told is checked."""
        prune_links(self.model)
        self.check_sizes()
        self.model.check_data(self.datamodule)
        use_cores()
        # By a measurement, where it is auto: trials must not differ by what else the machine had to do.
        self.config.trainer.precision = settle_precision(self.config_init.trainer, self.model, self.datamodule)


def base_settings(words: Sequence[str]) -> tuple[dict[str, Any], Any, tuple[str, str]]:
    """What trials begin from, resolved from a command line of `zoo fit`; the model's rate also where it says none; its
    score, by the name that it has with these data.

    Raises:
        InputError: A mistake in it, or a run of several processes.
    """
    cli = BaseCLI(words)
    config, lr, score = cli.settings(), getattr(cli.model, "lr", None), score_of(cli.model)
    del cli
    gc.collect()
    config.pop("name", None)
    trainer = config["trainer"]
    devices = trainer.get("devices")
    several = isinstance(devices, list | tuple) and len(devices) > 1
    if several or (str(devices).lstrip("-").isdigit() and int(devices) not in (0, 1)) or trainer.get("num_nodes") != 1:
        raise InputError("zoo tune trains each trial in one process: leave out --trainer.devices, and say --workers N")
    if devices == "auto":
        trainer["devices"] = 1  # else a machine with several accelerators would start a process for each
    return config, lr, score


def own_value(config: dict[str, Any], name: str) -> Any:
    """The value of a dotted flag in resolved settings; KeyError where there is none."""
    part, *keys = name.split(".")
    value = config[part]
    if part in ("model", "data") and keys:
        value = value["init_args"]
    elif part in ("model", "data"):
        return value["class_path"].rsplit(".", 1)[-1]
    for key in keys:
        if key != "init_args":
            value = value[key]
    return value


def default_space(config: dict[str, Any]) -> tuple[Path, list[Parameter]]:
    """The shipped sweep of the model's family and what of it this data and model use.

    Raises:
        InputError: None ships for such a model.
    """
    kind = class_of(config["model"]["class_path"])
    modality = class_of(config["data"]["class_path"]).modality
    family = next(
        (FAMILIES[start] for base in kind.__mro__ for start in FAMILIES if base.__name__.startswith(start)), ""
    )
    if not family:
        raise InputError(f"no search space ships for {kind.__name__}: give --space FILE, a W&B sweep YAML")
    if config["model"]["init_args"].get("backbone") not in (None, "small_resnet"):
        family = "backbone"
    elif (family, modality) == ("cnn", "text"):
        family = "cnn-text"
    file = config_root() / "sweeps" / f"{family}.yaml"
    unused = () if modality == "text" else ("model.token_dropout",)
    return file, [parameter for parameter in read_space(file)[0] if parameter.name not in unused]


def metric_of(
    config: dict[str, Any], score: tuple[str, str], asked: str | None, sweep: dict[str, Any]
) -> tuple[str, str]:
    """The metric that trials are judged by, and whether less (min) or more (max) of it is better.

    Args:
        config: The base.
        score: The metric of the model's answers, and min or max.
        asked: What the user typed after --metric.
        sweep: The user's own sweep file, whose `metric:` counts where nothing was typed.
    """
    of_sweep, of_epochs = sweep.get("metric") or {}, config["checkpoint"]
    name = asked or of_sweep.get("name")
    if name is None:  # what chooses the epoch of a trial
        name, mode = of_epochs["monitor"], of_epochs["mode"]
    else:
        name = str(name).removeprefix("best/")
        mode = {"minimize": "min", "maximize": "max"}.get(str(of_sweep.get("goal"))) if asked is None else None
        if name != SCORE and not name.startswith("val/"):
            raise InputError(f"--metric must be one of validation, such as val/accuracy, or score, got {name!r}")
    if name == SCORE:
        return score[0], mode or score[1]
    return watched(class_of(config["model"]["class_path"]), name, mode)


def check_space(space: Sequence[Parameter], base: Path, metric: str, where: str) -> None:
    """Parse each choice and both ends of each range as `zoo fit` would.

    Raises:
        InputError: A key or value that `zoo fit` does not take, or trials that could not be compared.
    """
    for parameter in space:
        if parameter.name in CHANGE_THE_LOSS and not parameter.constant and metric == "val/loss":
            raise InputError(
                f"{where}: {parameter.name} changes what val/loss measures, so trials cannot be compared by it: "
                "say --metric val/accuracy"
            )
    for values in corners(space):
        try:
            SettingsCLI(["--config", str(base), *flags(values)])
        except InputError as error:
            raise InputError(f"{where}: {error}") from error


@dataclass(frozen=True)
class Trials:
    """Trains trials in this process, each in a run folder below the study's.

    Args:
        base: The file of the settings they begin from.
        folder: Of the study.
        metric: That they are judged by.
    """

    base: Path
    folder: Path
    metric: str

    def __call__(self, job: Job) -> float | None:
        pruning = Pruning(self.metric, job.report)
        place = ["--trainer.default_root_dir", str(self.folder), "--name", f"trial-{job.number:04d}"]
        try:
            return self._train(["--config", str(self.base), *job.words, *place, *QUIET], pruning, job)
        finally:
            forget()

    def _train(self, argv: Sequence[str], pruning: Pruning, job: Job) -> float | None:
        try:
            cli = FitCLI(argv, extra=[pruning])
        except InputError as error:
            if job.own:  # nothing was drawn yet: it is the user's own config or space that cannot be
                said = f" (the space says {' '.join(job.words)})" if job.words else ""
                raise InputError(f"{error}{said}") from error
            raise TrialError(str(error)) from error
        except Exception as error:
            raise TrialError(first_line(error)) from error
        if cli.lr_range is not None:
            job.found({LR: repr(cli.lr_range.lr)})
        try:
            train(cli, checkpoint_file=None, trial=pruning)
        except (MissingMetricError, RefusedError):
            raise  # no other trial would fare better
        except InputError as error:
            raise TrialError(str(error)) from error
        except Exception as error:
            (cli.folder / "error.txt").write_text(traceback.format_exc())
            raise TrialError(f"{first_line(error)} ({cli.folder / 'error.txt'})") from error
        if not pruning.values:
            raise InputError(f"{cli.datamodule.path}: no validation rows, so trials cannot be told apart")
        return None if pruning.pruned else value_of(cli.folder, pruning)


def value_of(folder: Path, pruning: Pruning) -> float:
    """The metric at the epoch that the checkpoint keeps, as summary.json says; without a checkpoint at the last."""
    summary = json.loads((folder / SUMMARY).read_text())
    last = pruning.values[max(pruning.values)]
    return float(summary.get(f"best/{pruning.metric}", last))


def first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def forget() -> None:
    """Leave nothing of a trial to the next one in the process."""
    os.environ.pop(RUN_FOLDER, None)
    gc.collect()  # model, trainer and loaders hold one another
    if "torch._dynamo" in sys.modules:
        torch._dynamo.reset()  # else it would give up compiling what it takes for one network of many shapes
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def best_settings(base: Path, words: Sequence[str], name: str, root: str) -> dict[str, Any]:
    """The settings of a trial as a config of their own, for `zoo fit --config`."""
    config = SettingsCLI(["--config", str(base), *words]).settings()
    config["name"] = name
    config["trainer"]["default_root_dir"] = root
    return config
