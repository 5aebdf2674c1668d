"""`zoo fit --resume RUN --model.lr 1e-4`: what is typed beats the state of the optimiser, which holds the numbers of before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from zoo.errors import InputError
from zoo.models.lr_range import AUTO

RECIPE = ("lr", "weight_decay", "layer_decay", "optimizer_options")  # of a model: what its optimiser keeps by itself


class NewRecipe(Callback):
    """Once the state of a stopped run is restored, gives the optimiser and its schedules the new numbers.

    The schedule goes on where it was: a rate is what it would be had the run begun with the new one.

    Args:
        options: Names of the optimiser's options that differ from the run's.
    """

    def __init__(self, options: Sequence[str]) -> None:
        self.options = options

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        made: Any = pl_module.configure_optimizers()
        wanted = {id(p): group for group in made[0][0].param_groups for p in group["params"]}
        optimizer = trainer.optimizers[0]
        for group in optimizer.param_groups:
            new = wanted[id(group["params"][0])]
            group["lr"] *= new["initial_lr"] / group["initial_lr"]
            group["initial_lr"] = new["initial_lr"]
            for name in ("weight_decay", *self.options):
                group[name] = new[name]
        for config in trainer.lr_scheduler_configs:
            if hasattr(config.scheduler, "base_lrs"):
                config.scheduler.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]


def new_recipe(before: dict[str, Any], now: dict[str, Any], run_path: str) -> list[Callback]:
    """What lets a resumed run take new numbers; nothing where there are none.

    Args:
        before: Arguments of the model in the checkpoint.
        now: Those of the model that goes on.
        run_path: For messages.

    Raises:
        InputError: Another optimiser, or other groups of weights, for which the state of the old one is of no use.
    """
    old, new = before.get("optimizer"), now.get("optimizer")
    if old != new:
        raise InputError(
            f"{run_path} was trained by the optimiser {old or 'that fits its network'} and cannot go on with {new}: "
            "leave --model.optimizer out, or start a new run"
        )
    changed = [name for name in RECIPE if before.get(name) != now.get(name)]
    for name, none in (("weight_decay", 0), ("layer_decay", 1)):
        if name in changed and none in (before.get(name), now.get(name)):
            raise InputError(
                f"model.{name} of {run_path} was {before.get(name)} and cannot become {now.get(name)}: weights are in "
                "other groups then; start a new run"
            )
    first, then = (about.get("optimizer_options") or {} for about in (before, now))
    options = sorted(name for name in first.keys() | then.keys() if first.get(name) != then.get(name))
    return [NewRecipe(options)] if changed else []


def found_before(words: Sequence[str], before: dict[str, Any]) -> list[str]:
    """`--model.lr auto` of a resumed run is the rate that was found or given when it began."""
    last = ""
    for at, word in enumerate(words):
        key, separator, value = word.partition("=")
        if key in ("--model.lr", "--model.init_args.lr"):
            last = value if separator else next(iter(words[at + 1 :]), "")
    lr = before.get("lr")
    return [*words, "--model.lr", "null" if lr is None else repr(lr)] if last == AUTO else list(words)
