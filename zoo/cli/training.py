"""A training of what `zoo fit` built: fit, test the best epoch, write summary.json, say what to type next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from zoo import checkpoint, registry
from zoo.callbacks.pruning import Pruning
from zoo.cli.fit_cli import FitCLI, remove_unstarted
from zoo.cli.learning_rate import rate_line
from zoo.messages import say
from zoo.models.classifier import STATE as TEMPERATURE
from zoo.models.classifier import Classifier


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
    best = None if cli.best is None or not cli.best.best_model_path else Path(cli.best.best_model_path)
    content = best_content(cli)
    cli.tracker.summary.facts |= temperature_of(cli.model, content)
    cli.tracker.end(
        status=status,
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
