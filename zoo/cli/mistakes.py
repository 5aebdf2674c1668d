"""One line for a mistake on the command line or in a config: key, value given, nearest valid name."""

from __future__ import annotations

import importlib
import inspect
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import Trainer

from zoo import registry
from zoo.callbacks import (
    EMA,
    BestCheckpoint,
    Compile,
    EarlyStopping,
    Figures,
    LRMonitor,
    ProgressBar,
    StopOnNaN,
    Unfreezing,
)
from zoo.data.base import DataModule
from zoo.errors import InputError, did_you_mean
from zoo.models.base import Model
from zoo.tracking.wandb_settings import WandbSettings

NAMED_CALLBACKS: dict[str, Any] = {
    "early_stopping": EarlyStopping,
    "checkpoint": BestCheckpoint,
    "lr_monitor": LRMonitor,
    "progress_bar": ProgressBar,
    "stop_on_nan": StopOnNaN,
    "figures": Figures,
    "compile": Compile,
    "ema": EMA,
    "unfreezing": Unfreezing,
}
KINDS = {  # as a person would say them
    "NoneType": "null",
    "list[int]": "whole numbers, e.g. [64, 32]",
    "list[float]": "numbers, e.g. [0.5, 2]",
    "list[list[float]]": "rows of numbers, e.g. [[0, 1], [5, 0]]",
}


def class_of(class_path: str) -> Any:
    """The class of a dotted path that the parser has accepted."""
    module, _, name = class_path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def innermost(error: ValueError) -> InputError:
    """What a constructor said, out of the parser's account of every type that did not fit."""
    found: BaseException = error
    while not isinstance(found, InputError) and found.__cause__ is not None:
        found = found.__cause__
    return found if isinstance(found, InputError) else InputError(shorten(" ".join(str(found).split())))


def explain(message: str, argv: Sequence[str]) -> str:
    """The parser's message as one line: key, value given, nearest valid name."""
    wrong = unknown_key(argv)
    if wrong is not None:
        return wrong
    text = " ".join(message.split())
    # The innermost key is the one that was typed; around it stands every way in which a union did not fit.
    for key, wrong in re.findall(r"[Kk]ey \"?([\w.]+)\"?: ?(.*?)(?= - Expected|[Pp]arser key|$)", text)[::-1]:
        expected = re.search(r"Expected an? (.+?)\. Got value: (.+?)(?: - |$)", wrong)
        if expected:
            kind = re.sub(r"<class '([\w.]+)'>", r"\1", expected[1])
            return f"{full_key(key, argv)} must be {kind}, got {shorten(expected[2], 80)!r}"
    unions = re.findall(
        r'[Kk]ey "?([\w.]+)"?: Does not validate against any of the Union subtypes Subtypes: \[(.*?)\] Err', text
    )
    if unions and unions[-1][0] not in ("model", "data"):
        key, kinds = unions[-1]
        found = re.findall(r"<class '(?:[\w.]+\.)?(\w+)'>|(list\[[\w\[]+\]+)", kinds)
        names = " or ".join(KINDS.get(one or other, one or other) for one, other in found)
        value = next(
            (
                value
                for given, value, _ in reversed(list(given_keys(argv)))
                if given.split(".")[-1] == key.split(".")[-1]
            ),
            "",
        )
        return f"{full_key(key, argv)} must be {names or kinds}, got {shorten(str(value), 80)!r}"
    required = re.search(
        r"Key \"?([\w.]+)\"? is required|the following arguments are required: (.+)|Option \"?([\w.]+)\"? is required",
        text,
    )
    if required:
        keys = [key.strip() for key in next(part for part in required.groups() if part).split(",")]
        wanted = " and ".join(f"--{key}" for key in keys)
        return (
            f"{' and '.join(keys)} missing: give --config configs/mlp.yaml (or cnn.yaml, transformer.yaml), or {wanted}"
        )
    return shorten(text)


def full_key(key: str, argv: Sequence[str]) -> str:
    """The key as the user typed it, for the last part of one that the parser named."""
    typed_keys = [given for given, _, _ in given_keys(argv)]
    return next((given for given in reversed(typed_keys) if given.split(".")[-1] == key.split(".")[-1]), key)


def shorten(text: str, length: int = 300) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


def unknown_key(argv: Sequence[str]) -> str | None:
    """The first key, typed or in a config file, that nothing takes; with the nearest that is taken."""
    given = list(given_keys(argv))
    classes = {"model": Model, "data": DataModule}
    for part, kind in (("model", "models"), ("data", "data")):
        names = [value for key, value, _ in given if key in (part, f"{part}.class_path") and isinstance(value, str)]
        if names:
            found = find_named(names[-1], kind)
            if found is None:
                return f"no {part} named {names[-1]!r}: {did_you_mean(names[-1], registry.entries(kind))}"
            classes[part] = found
    for key, value, where in given:
        wrong = check_key(key, classes)
        if wrong is not None:
            return f"{where}{wrong}" + (f" (given {shorten(str(value), 60)})" if value not in (None, "") else "")
    return None


def find_named(name: str, kind: str) -> Any:
    known = registry.entries(kind)
    path = known[name].class_path if name in known else name
    if "." not in path:
        return None
    try:
        return class_of(path)
    except (ImportError, AttributeError):
        return None


def check_key(key: str, classes: dict[str, Any]) -> str | None:
    """Why nothing takes a key, or None."""
    head, _, rest = key.partition(".")
    heads = [
        "config",
        "name",
        "resume",
        "seed_everything",
        "trainer",
        "model",
        "data",
        "print_config",
        "help",
        "wandb",
        *NAMED_CALLBACKS,
    ]
    if head not in heads:
        dotted = [*heads, *(f"{part}.{name}" for part, kind in owners(classes) for name in parameters(kind))]
        return f"no option {key!r}: {did_you_mean(key, dotted)}"
    owner = dict(owners(classes)).get(head)
    name = rest.removeprefix("init_args.").split(".")[0].removesuffix("+")
    if owner is None or not name or name in ("class_path", "init_args", "dict_kwargs", "help"):
        return None
    valid = parameters(owner)
    return None if name in valid else f"no option {head}.{name!s} in {owner.__name__}: {did_you_mean(name, valid)}"


def owners(classes: dict[str, Any]) -> list[tuple[str, Any]]:
    return [("trainer", Trainer), *classes.items(), ("wandb", WandbSettings), *NAMED_CALLBACKS.items()]


def parameters(kind: Any) -> list[str]:
    return [name for name in inspect.signature(kind.__init__).parameters if name != "self"]


def given_keys(argv: Sequence[str]) -> Iterator[tuple[str, Any, str]]:
    """Each dotted key that the user gave, its value, and the config file it stands in."""
    for at, word in enumerate(argv):
        if not word.startswith("--"):
            continue
        key, separator, value = word[2:].partition("=")
        following = argv[at + 1] if at + 1 < len(argv) else ""
        value = value if separator else ("" if following.startswith("--") else following)
        if key == "config":
            content = yaml.safe_load(Path(value).read_text() if "\n" not in value else value)
            for inner, found in dotted_keys(content if isinstance(content, dict) else {}):
                yield inner, found, f"{value if os.linesep not in value else 'config'}: "
        else:
            yield key, value, ""


def dotted_keys(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Keys of a config down to a model's or data module's arguments."""
    for name, value in content.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and (not prefix or name == "init_args"):
            yield from dotted_keys(value, f"{key}.")
        else:
            yield key, value
