"""`zoo test RUN` and `zoo validate RUN`: metrics of a trained run; nothing but the run is needed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import Trainer

from zoo import checkpoint
from zoo.cli.mistakes import class_of
from zoo.cli.parser import ZooCLI, namespace_dict
from zoo.cli.precision import AUTO
from zoo.cli.quiet import quiet
from zoo.cli.threads import use_cores
from zoo.cli.words import take_flag, take_option
from zoo.errors import InputError
from zoo.messages import say
from zoo.models.classifier import Classifier
from zoo.models.decision import check_chooses
from zoo.networks.pretrained import without_pretrained
from zoo.tracking.predictions import PredictionWriter

DECIDING = ("threshold", "costs")  # arguments of a model that only say what is chosen by its probabilities


class RunCLI(ZooCLI):
    """The parser of `zoo fit`, begun from what a checkpoint says; model and data come from the checkpoint.

    Args:
        prog: How the command is called.
        content: Of the checkpoint.
        argv: What the user typed after the run.
        trust: Import classes that are not registered.
    """

    def __init__(self, prog: str, content: dict[str, Any], argv: Sequence[str], *, trust: bool) -> None:
        self.content = content
        self.trust = trust
        config = stored_config(content, trust=trust)
        said = [name for name in DECIDING if any(re.match(rf"--(model\.)?{name}(=|$)", word) for word in argv)]
        check_chooses(class_of(config["model"]["class_path"]), said)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "config.yaml"
            file.write_text(yaml.safe_dump(config))
            super().__init__(prog, ["--config", str(file), *with_decision(argv)])

    def instantiate_classes(self) -> None:
        arguments = namespace_dict(self.config.data.init_args)
        model_arguments = namespace_dict(self.config.model.init_args)
        stored = self.content["zoo"]["model"]["init_args"]
        for name, value in model_arguments.items():
            if name in stored and name not in DECIDING and value != stored[name]:
                raise InputError(
                    f"model.{name} was {stored[name]!r} in training and cannot become {value!r} now: fit a new model"
                )
        self.trained_path = self.content["zoo"]["data"]["init_args"]["path"]
        wanted = arguments["path"]
        arguments["path"] = self.trained_path
        self.datamodule = checkpoint.build_data(self.content, trust=self.trust, arguments=arguments)
        decision = {name: value for name, value in model_arguments.items() if name in DECIDING}
        self.model = checkpoint.build_model(self.content, trust=self.trust, decision=decision)
        if isinstance(self.model, Classifier) and self.model.costs is None:
            self.model.prices = stored.get("costs")
        self.model.say_decisions(self.datamodule.class_names)
        self.wanted_path = wanted if wanted != self.trained_path else None
        use_cores()
        settings = namespace_dict(self.config.trainer)
        if settings["precision"] == AUTO:
            settings["precision"] = checkpoint.trained_precision(self.content)
        plain = {"logger": False, "callbacks": [], "enable_checkpointing": False, "default_root_dir": None}
        self.trainer = Trainer(**{**settings, **plain, "enable_progress_bar": False})


def with_decision(argv: Sequence[str]) -> list[str]:
    """`--threshold` and `--costs` as the model's arguments; one that is typed takes the place of a stored other.

    Raises:
        InputError: One has no value, or is misspelt.

    Example:
        >>> with_decision(["--threshold", "0.3"])
        ['--model.threshold', '0.3', '--model.costs', 'null']
    """
    for word, value in zip(argv, [*argv, "--"][1:], strict=True):
        name = word.removeprefix("--")
        if word.startswith("--") and name.removeprefix("model.") in DECIDING and value.startswith("--"):
            raise InputError(f"{word} needs a value")
        meant = [] if "." in name else get_close_matches(name.partition("=")[0], DECIDING, n=1)
        if word.startswith("--") and meant and name.partition("=")[0] not in DECIDING:
            raise InputError(f"no option {word.partition('=')[0]}: did you mean --{meant[0]}?")
    words = [re.sub(rf"^--({'|'.join(DECIDING)})(?==|$)", r"--model.\1", word) for word in argv]
    typed = {word.split("=")[0].removeprefix("--model.") for word in words} & set(DECIDING)
    others = [word for name in DECIDING if typed and name not in typed for word in (f"--model.{name}", "null")]
    return [*words, *others]


def stored_config(content: dict[str, Any], *, trust: bool) -> dict[str, Any]:
    """What the checkpoint says of model and data, as a config; its trainer settings do not matter after training."""
    config: dict[str, Any] = {}
    for part in ("model", "data"):
        about = content["zoo"].get(part)
        if about is None:
            raise InputError("the checkpoint holds no data module: it was trained on loaders of its own")
        checkpoint.find_class(about["class_path"], trust=trust)
        config[part] = {"class_path": about["class_path"], "init_args": about["init_args"]}
    return config


def run(command: str, argv: Sequence[str]) -> int:
    if argv[0].startswith("-"):
        raise InputError(f"zoo {command} needs a run first: zoo {command} runs/NAME")
    words, trust = take_flag(list(argv[1:]), "--trust")
    words, output = take_option(words, "-o", "--output")
    content = checkpoint.read_checkpoint(argv[0])
    with quiet():
        with without_pretrained():
            cli = RunCLI(f"zoo {command}", content, words, trust=trust)
        if cli.wanted_path is not None:
            source = cli.datamodule.use_whole(cli.wanted_path, with_target=True)
            say(f"{cli.wanted_path}: all {len(source)} rows")
        else:
            check_same_rows(cli)
        if output is not None:
            cli.trainer.callbacks.append(PredictionWriter(output))  # type: ignore[attr-defined]
        evaluate = cli.trainer.test if command == "test" else cli.trainer.validate
        results = evaluate(cli.model, datamodule=cli.datamodule, verbose=False)
    for name, value in sorted(results[0].items()):
        print(f"{name} {value:.6g}")
    return 0


def check_same_rows(cli: RunCLI) -> None:
    """Say so where the file is no longer the one that was trained on: test rows may have been train rows."""
    state = cli.content[cli.content["zoo"]["data"]["state_key"]]
    if cli.datamodule.fingerprint != state["fingerprint"]:
        say(
            f"{cli.trained_path} is not as it was in training: its rows or their split differ, so these figures are not those of the run"
        )
