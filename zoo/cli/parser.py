"""The LightningCLI of zoo: model, data, trainer and named callbacks under one parser, and one line for a mistake."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, Namespace
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from zoo import registry
from zoo.callbacks.budget import seconds_of
from zoo.cli.backbone_data import take_backbone_settings
from zoo.cli.configs import existing_config
from zoo.cli.mistakes import NAMED_CALLBACKS, class_of, explain, given_keys, innermost
from zoo.cli.precision import AUTO, check_precision
from zoo.cli.text_backbone import take_text_backbone
from zoo.cli.trainer import ZooTrainer
from zoo.data.base import DataModule
from zoo.errors import InputError
from zoo.messages import say
from zoo.models.base import Model
from zoo.tracking.wandb_settings import WandbSettings

TRAINER_DEFAULTS: dict[str, Any] = {
    "max_epochs": 50,  # where no other limit is given
    "precision": AUTO,
    "gradient_clip_val": 1.0,
    "log_every_n_steps": 10,
    "num_sanity_val_steps": 0,  # the first epoch ends with a validation anyway
    "enable_autolog_hparams": False,  # zoo.tracking logs a config that can be compared
    "enable_model_summary": False,
    "default_root_dir": "runs",
}
NO_LIMIT = ("-1", "None", "null")
# From the data module to the model, where the model takes it.
LINKS = ("inputs", "num_classes", "num_targets", "multilabel")


class ZooCLI(LightningCLI):
    """Parse, check and build; a command then uses `model`, `datamodule` and `trainer`.

    Args:
        prog: How the command is called, for its help.
        argv: What the user typed after it.
    """

    def __init__(self, prog: str, argv: Sequence[str]) -> None:
        self.argv = [*with_full_names(list(argv))]
        import_registered()
        try:
            super().__init__(
                model_class=Model,
                datamodule_class=DataModule,
                subclass_mode_model=True,
                subclass_mode_data=True,
                save_config_callback=None,
                seed_everything_default=0,
                trainer_class=ZooTrainer,
                trainer_defaults=TRAINER_DEFAULTS,
                auto_configure_optimizers=False,
                run=False,
                args=self.argv,
                parser_kwargs={"allow_abbrev": False, "exit_on_error": False, "prog": prog},
            )
        except ArgumentError as error:
            raise InputError(explain(str(error), self.argv)) from error
        except ValueError as error:
            raise innermost(error) from error

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        for key, kind in NAMED_CALLBACKS.items():
            parser.add_lightning_class_args(kind, key)
        parser.add_class_arguments(WandbSettings, "wandb")
        parser.add_argument(
            "--name", type=str | None, default=None, help="name of the run folder; numbered where taken"
        )
        parser.add_argument(
            "--resume", type=str | None, default=None, metavar="RUN", help="go on where a run stopped, in its folder"
        )
        for name in LINKS:
            parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")

    def before_instantiate_classes(self) -> None:
        """Let the model decide what the data leave open: kind of target, images as its weights know them."""
        check_precision(self.config.trainer.precision)
        self._take_limits()
        self._switch_on()
        kind = class_of(self.config.model.class_path)
        data = self.config.data.init_args
        if data.get("task") == "auto" and getattr(kind, "task_kind", None):
            data["task"] = kind.task_kind
        arguments = self.config.model.get("init_args") or {}
        take_text_backbone(arguments, class_of(self.config.data.class_path), data, self.argv)
        take_backbone_settings(kind, arguments, class_of(self.config.data.class_path), data)
        self._typed_sizes = {
            name: value for name in ("num_classes", "num_targets") for value in [typed(self.argv, name)] if value
        }

    def _take_limits(self) -> None:
        """The default of epochs stands where no limit was given; a time that was typed also beats limits of a config."""
        trainer = self.config.trainer
        if trainer.max_time is not None:
            seconds_of(trainer.max_time)
        given = [
            (key.removeprefix("trainer."), file)
            for key, value, file in given_keys(self.argv)
            if key in ("trainer.max_epochs", "trainer.max_steps", "trainer.max_time") and str(value) not in NO_LIMIT
        ]
        time_is_typed = any(name == "max_time" and not file for name, file in given)
        kept = {name for name, file in given if not (time_is_typed and file)}
        for name in ("max_epochs", "max_steps"):
            if kept and name not in kept:
                trainer[name] = -1
        if (
            kept == {"max_time"}
            and self.config.early_stopping.enabled
            and not self._chose_early_stopping(time_is_typed)
        ):
            self.config.early_stopping.enabled = False  # the rate is to come to its end, and the time was asked for
            say("no early stopping: trainer.max_time is the only limit (--early_stopping.enabled true brings it back)")

    def _switch_on(self) -> None:
        """A callback that is off by default is on where another setting of it was given, and no `enabled` with it."""
        given = [(key, file) for key, _, file in given_keys(self.argv)]
        for name, kind in NAMED_CALLBACKS.items():
            off = inspect.signature(kind).parameters["enabled"].default is False
            chosen = {file for key, file in given if key == f"{name}.enabled"}
            asked = [(key, file) for key, file in given if key.startswith(f"{name}.") and file not in chosen]
            # What was typed beats an `enabled: false` of a file, as of a run's own config.yaml; not one that was typed.
            asked = [] if "" in chosen else asked if not chosen else [(key, file) for key, file in asked if not file]
            if off and asked and not self.config[name].enabled:
                self.config[name].enabled = True
                say(f"{name} is on, for {asked[0][0]} was given (--{name}.enabled false keeps it off)")

    def _chose_early_stopping(self, by_typing: bool) -> bool:
        """Whether the user said anything of early stopping, on the command line or, where that counts, in a config."""
        keys = [(key, file) for key, _, file in given_keys(self.argv)]
        return any(key.startswith("early_stopping") and not (by_typing and file) for key, file in keys)

    def check_sizes(self) -> None:
        """An explicit size that contradicts the data is an error that names both."""
        for name, value in self._typed_sizes.items():
            true = getattr(self.datamodule, name)
            if int(value) != true:
                raise InputError(
                    f"model.{name} is {value}, but {self.datamodule.path} has {true}: leave model.{name} out"
                )

    def plain_config(self) -> dict[str, Any]:
        """The resolved config as plain values, with what the data told the model in its place."""
        config: dict[str, Any] = yaml.safe_load(self.parser.dump(self.config, skip_none=False))
        for key in ("config", "resume"):  # not settings of the run
            config.pop(key, None)
        arguments = config["model"].setdefault("init_args", {})
        arguments |= {name: value for name, value in self.model.hparams.items() if name in LINKS}
        return config


def import_registered() -> None:
    """Import what is registered, so that the parser knows short names; a broken plug-in is said and passed over."""
    for kind in ("models", "data"):
        for name, entry in registry.entries(kind).items():
            try:
                registry.load_class(kind, name)
            except ImportError as error:
                if entry.package == "zoo":
                    raise
                print(f"zoo: the plug-in {name} of {entry.package} cannot be imported: {error}", file=sys.stderr)


def with_full_names(argv: list[str]) -> Iterator[str]:
    """Short names that plug-ins registered -> class paths; shipped configs -> their files."""
    previous = ""
    for word in argv:
        key, separator, value = word.partition("=")
        flag, value = (key, value) if separator else (previous, word)
        kind = {"--model": "models", "--data": "data"}.get(flag)
        if flag in ("--trainer.callbacks", "--trainer.callbacks+"):
            kind = "callbacks"
        if kind and value in registry.entries(kind):
            value = registry.entries(kind)[value].class_path
        elif flag == "--config":
            value = config_with_full_names(str(existing_config(value)))
        yield f"{key}={value}" if separator else value
        previous = word


def config_with_full_names(file: str) -> str:
    """The config file, or its text where a plug-in's short name in it had to be written out."""
    try:
        content = yaml.safe_load(Path(file).read_text())
    except yaml.YAMLError as error:
        raise InputError(f"{file} is not YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(content, dict):
        raise InputError(f"{file} holds no settings")
    if "parameters" in content:
        raise InputError(
            f"{file} is a sweep, not a config: zoo tune --config FILE --space {file}, or wandb sweep {file}"
        )
    changed = False
    for part, kind in (("model", "models"), ("data", "data")):
        described = content.get(part)
        name = described.get("class_path") if isinstance(described, dict) else described
        entry = registry.entries(kind).get(name) if isinstance(name, str) else None
        if entry is None or entry.package == "zoo":
            continue
        content[part] = (
            {**described, "class_path": entry.class_path} if isinstance(described, dict) else entry.class_path
        )
        changed = True
    return yaml.safe_dump(content) if changed else file


def prune_links(model: Any) -> None:
    """Forget linked values that the model's constructor does not take; they would break loading."""
    taken = set(inspect.signature(type(model).__init__).parameters)
    for name in LINKS:
        if name not in taken:
            model.hparams.pop(name, None)
            model.hparams_initial.pop(name, None)


def typed(argv: Sequence[str], name: str) -> Any:
    """A value for a model's argument that the user gave himself, by flag or in a config file."""
    found = None
    for at, word in enumerate(argv):
        key, separator, value = word.partition("=")
        value = value if separator else (argv[at + 1] if at + 1 < len(argv) else "")
        if key in (f"--model.{name}", f"--model.init_args.{name}"):
            found = value
        elif key == "--config":
            content = yaml.safe_load(Path(value).read_text()) if "\n" not in value else yaml.safe_load(value)
            model = content.get("model") if isinstance(content, dict) else None
            found = (model.get("init_args") or {}).get(name, found) if isinstance(model, dict) else found
    return found


def namespace_dict(namespace: Namespace | dict[str, Any]) -> dict[str, Any]:
    return namespace.as_dict() if isinstance(namespace, Namespace) else dict(namespace)
