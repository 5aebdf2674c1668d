"""`zoo fit`: parse, build, train, test the best epoch, write the run folder, say what to type next."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Timer

from zoo import checkpoint, registry
from zoo.callbacks import Budget, RandomState
from zoo.callbacks.lr_range_curve import LRRangeCurve
from zoo.callbacks.pruning import Pruning
from zoo.cli.learning_rate import rate_line, settle_lr
from zoo.cli.parser import ZooCLI, prune_links
from zoo.cli.precision import settle_precision
from zoo.cli.quiet import quiet
from zoo.cli.resume import kept_words
from zoo.cli.resume_recipe import found_before, new_recipe
from zoo.cli.threads import processes_here, use_cores
from zoo.cli.words import take_option
from zoo.errors import InputError
from zoo.messages import is_first_process, say
from zoo.models.base import described
from zoo.models.classifier import STATE as TEMPERATURE
from zoo.models.classifier import Classifier
from zoo.networks.pretrained import without_pretrained
from zoo.older_checkpoints import check_resumable
from zoo.tracking.artifacts import is_address
from zoo.tracking.no_profiler import NoProfiler
from zoo.tracking.predictions import PredictionWriter
from zoo.tracking.run_folder import CONFIG, PREDICTIONS, default_name, new_run_folder
from zoo.tracking.run_info import RunInfo
from zoo.tracking.tracker import Tracker, stored_run_id

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

    def _build(self, config: dict[str, Any], settings: Any) -> Trainer:
        facts = {
            "data_fingerprint": self.datamodule.fingerprint,
            **{f"rows_{part}": len(source) for part, source in self.datamodule.sources.items()},
            "classes": self.datamodule.num_classes,
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
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
        keys = self._parser(self.subcommand).callback_keys
        named = [self._get(self.config_init, key) for key in keys]
        user = settings.callbacks or []
        own: list[Callback] = [
            RandomState(),
            self.tracker.summary,
            RunInfo(config, self.tracker.wandb_run_id),
            *self.extra,
        ]
        if settings.max_time is not None and not any(isinstance(c, Timer) for c in as_list(user)):
            own.append(Budget(settings.max_time))
        if self.lr_range is not None:
            drawn = self.config_init.figures.enabled
            own.append(LRRangeCurve(self.lr_range.columns(), self.lr_range.lr, drawn=drawn))
        # A callback of the user's own kind beats the named one of that kind.
        kept = [
            c
            for c in named
            if c.enabled and not any(isinstance(c, type(u)) or isinstance(u, type(c)) for u in as_list(user))
        ]
        switched = {"enable_checkpointing": any(type(c).__name__ == "BestCheckpoint" for c in kept) or None}
        self.best = next((c for c in kept if type(c).__name__ == "BestCheckpoint"), None)
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
                *as_list(user),
                *own,
            ],
        }
        if self.best is None and not switched["enable_checkpointing"]:
            arguments["enable_checkpointing"] = arguments.get("enable_checkpointing") or False
        return Trainer(**arguments)


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value] if value else []


def remove_unstarted(folder: Path) -> None:
    """Take back a run folder in which nothing was trained yet."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    os.environ.pop(RUN_FOLDER, None)


def run(command: str, argv: Sequence[str]) -> int:
    words, resume = take_option(list(argv), "--resume")
    os.environ.pop(RUN_FOLDER, None) if is_first_process() else None
    with quiet():
        if resume is None:
            return train(FitCLI(words), checkpoint_file=None)
        return resume_run(resume, words)


def resume_run(run_path: str, words: list[str]) -> int:
    """Go on where a run stopped: same folder, same config, same W&B run; what is typed beats the stored config."""
    if is_address(run_path):
        raise InputError(
            f"{run_path} cannot be resumed: only a run folder can, which holds its last epoch and its config"
        )
    folder = Path(run_path)
    last = folder / "checkpoints" / "last.ckpt"
    run_id = stored_run_id(folder)
    if not (folder / CONFIG).is_file() or not (last.is_file() or run_id):
        raise InputError(f"{run_path} cannot be resumed: it needs {CONFIG} and checkpoints/last.ckpt")
    argv = ["--config", str(folder / CONFIG), *words]
    if not last.is_file():
        say(f"{run_path} ended before its first epoch did: it begins again, in its folder")
        return train(FitCLI(argv, resume=folder, run_id=run_id, resume_step=0), checkpoint_file=None)
    content = checkpoint.read_checkpoint(last)
    check_resumable(content, run_path)
    run_id = run_id or content["zoo"].get("wandb_run_id")
    argv += kept_words(content, folder, words)
    # Built from the config, as by --config; of the checkpoint only values are taken, never a class.
    before = content["zoo"]["model"]["init_args"]
    with without_pretrained():
        cli = FitCLI(found_before(argv, before), resume=folder, run_id=run_id, resume_step=content["global_step"])
    done = content["epoch"] + 1
    if cli.trainer.max_epochs is not None and 0 < cli.trainer.max_epochs <= done:
        raise InputError(f"{run_path} has its {done} epochs: say --trainer.max_epochs {done * 2} to train on")
    check_time_left(content, cli.trainer, run_path)
    check_same_model(content, cli.model, run_path)
    cli.trainer.callbacks.extend(new_recipe(before, described(cli.model)["init_args"], run_path))  # type: ignore[attr-defined]
    return train(cli, checkpoint_file=str(last))


def check_time_left(content: dict[str, Any], trainer: Trainer, run_path: str) -> None:
    """Raise where the run has spent its `max_time`, but for a remainder too short for anything."""
    for timer in trainer.callbacks:  # type: ignore[attr-defined]
        state = content.get("callbacks", {}).get(timer.state_key)
        if isinstance(timer, Budget) and state is not None:
            timer.load_state_dict(state)
            if (timer.time_remaining() or 0.0) <= 0.02 * timer.time_elapsed():
                raise InputError(
                    f"{run_path} has spent its {timer.time_elapsed():.0f} seconds: say a longer --trainer.max_time, "
                    "in which those count"
                )


def check_same_model(content: dict[str, Any], model: Any, run_path: str) -> None:
    """Raise where the weights of the run do not fit the model that was asked for."""
    stored = {name: tuple(value.shape) for name, value in content["state_dict"].items()}
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if stored != wanted:
        name = sorted(set(stored.items()) ^ set(wanted.items()))[0][0]
        raise InputError(
            f"{run_path} was trained with another network ({name}: {stored.get(name, 'absent')} there, "
            f"{wanted.get(name, 'absent')} now): leave the model's options as they were, or start a new run"
        )


def train(cli: FitCLI, *, checkpoint_file: str | None, trial: Pruning | None = None) -> int:
    """Fit, test the best epoch, write summary.json; whatever ends it, nothing half-written looks finished.

    Args:
        cli: Model, data and trainer.
        checkpoint_file: To go on from.
        trial: Of a search, where this is one: test rows are for the end of the search, so it is not tested.
    """
    status, test = "failed", {}
    trainer: Trainer = cli.trainer
    if trial is None:
        say(f"run folder: {cli.folder}")
    if cli.lr_range is not None:
        say(rate_line(cli.lr_range, cli.folder, drawn=cli.config_init.figures.enabled))
    start_tracking(cli)
    try:
        trainer.fit(cli.model, datamodule=cli.datamodule, ckpt_path=checkpoint_file, weights_only=True)
        status = "interrupted" if trainer.interrupted else "finished"
        if trial is not None and trial.pruned:
            status = "pruned"
        elif trial is None and status == "finished":
            test = test_best(cli)
    except SystemExit as stop:  # Lightning ends so after Ctrl-C
        if not trainer.interrupted:
            raise
        status = "interrupted"
        raise KeyboardInterrupt from stop
    finally:
        if trainer.is_global_zero:
            try:
                end_tracking(cli, status=status, test=test)
            finally:
                cli.tracker.release()
    if status == "interrupted":
        raise KeyboardInterrupt
    if trial is None:
        say_what_next(cli, test)
    return 0


def start_tracking(cli: FitCLI) -> None:
    """Begin in the run folder and in W&B; where that cannot be, a new folder is taken back and an old one is as it was."""
    if not cli.trainer.is_global_zero:
        return
    try:
        cli.tracker.start()
    except BaseException:
        if cli.resume is None:
            remove_unstarted(cli.folder)
        raise


def test_best(cli: FitCLI) -> dict[str, float]:
    """Metrics of the best epoch on the test split; its predictions and figures are written on the way."""
    if "test" not in cli.datamodule.sources:
        say("no test rows, so no test")
        return {}
    trainer: Trainer = cli.trainer
    if cli.best is not None and cli.best.best_model_path:
        content = checkpoint.read_checkpoint(cli.best.best_model_path)
        cli.model.load_state_dict(content["state_dict"])
    results = trainer.test(cli.model, datamodule=cli.datamodule, verbose=False)
    # None where no batch is tested: --trainer.limit_test_batches 0
    return {name: float(value) for metrics in results for name, value in metrics.items()}


def best_content(cli: FitCLI) -> dict[str, Any] | None:
    """Of best.ckpt, where there is one."""
    if cli.best is None or not cli.best.best_model_path or not Path(cli.best.best_model_path).exists():
        return None
    return checkpoint.read_checkpoint(cli.best.best_model_path)


def temperature_of(model: Any, content: dict[str, Any] | None) -> dict[str, float]:
    """`temperature` as the best epoch has it, of a model that is calibrated."""
    if not isinstance(model, Classifier) or not model.calibrated:
        return {}
    return {"temperature": model.temperature if content is None else float(content["state_dict"][TEMPERATURE])}


def end_tracking(cli: FitCLI, *, status: str, test: dict[str, float]) -> None:
    """Write summary.json and what the loggers say at the end."""
    monitor = cli.model.monitor if cli.best is None else (cli.best.monitor, cli.best.mode)
    best = None if cli.best is None or not cli.best.best_model_path else Path(cli.best.best_model_path)
    content = best_content(cli)
    cli.tracker.summary.facts |= temperature_of(cli.model, content)
    cli.tracker.end(
        status=status,
        monitor=monitor,
        best_epoch=None if content is None else int(content["epoch"]),
        test=test,
        checkpoint=best if best is not None and best.is_file() else None,
    )


def say_what_next(cli: FitCLI, test: dict[str, float]) -> None:
    known = registry.is_registered(f"{type(cli.model).__module__}.{type(cli.model).__qualname__}")
    own = str(cli.model.hparams.get("loss"))
    trust = "" if known and ("." not in own or own.startswith("torch.")) else " --trust"
    temperature, val = cli.tracker.summary.facts.get("temperature"), cli.datamodule.sources.get("val")
    if temperature is not None and val is not None:
        say(f"calibrated: temperature {temperature:.3g}, fitted to {len(val)} validation rows")
    if test:
        say("test: " + "  ".join(f"{name.removeprefix('test/')} {value:.4g}" for name, value in sorted(test.items())))
    say(f"done: {cli.folder} holds config.yaml, checkpoints/, metrics.csv, summary.json, predictions.csv, figures/")
    say(
        f"next: zoo predict {cli.folder} YOUR_FILE{trust}    or: zoo test {cli.folder}{trust}    "
        f"or: zoo compare {cli.folder.parent}/    or: tensorboard --logdir {cli.folder}"
    )
