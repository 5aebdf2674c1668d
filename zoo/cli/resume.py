"""`zoo fit --resume`: the checks of a run that goes on, and what it takes from its own folder.

Its config may name a place that is gone: the folder or model on the hub of a text backbone, of which config and
tokenizer are in the checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from zoo import checkpoint
from zoo.callbacks import Budget
from zoo.cli.fit_cli import FitCLI
from zoo.cli.resume_recipe import found_before, new_recipe
from zoo.cli.training import train
from zoo.data.tokenizer import TOKENIZER
from zoo.errors import InputError
from zoo.messages import say
from zoo.models.base import described
from zoo.networks.pretrained import without_pretrained
from zoo.older_checkpoints import check_resumable
from zoo.tracking.artifacts import is_address
from zoo.tracking.run_folder import CONFIG
from zoo.tracking.tracker import stored_run_id


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


def kept_words(content: dict[str, Any], folder: Path, typed: Sequence[str]) -> list[str]:
    """Options, as if typed, that give a fine-tuned text run what its checkpoint holds of the backbone.

    Args:
        content: Of the checkpoint.
        folder: The run folder, in which the tokenizer is written.
        typed: What the user typed, which stands.
    """
    about = content["zoo"]
    config = about["model"]["init_args"].get("backbone_config")
    if config is None or "data" not in about:
        return []
    said = {word.partition("=")[0].replace(".init_args.", ".") for word in typed}
    words: list[str] = []
    if not said & {"--model.backbone", "--model.backbone_config"}:
        words += ["--model.backbone_config", json.dumps(config)]
    tokenizer = content[about["data"]["state_key"]]["encoder"].get("tokenizer")
    if tokenizer is not None and "--data.tokenizer" not in said:
        (folder / TOKENIZER).write_text(tokenizer, encoding="utf-8")
        words += ["--data.tokenizer", str(folder / TOKENIZER)]
    return words
