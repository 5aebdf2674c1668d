"""What a backbone asks of the data, set before the data module is built, where the user did not say it himself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo.cli.mistakes import class_of, given_keys
from zoo.data.text import TextDataModule


def take_backbone_settings(config: Any, argv: Sequence[str]) -> None:
    """Give the data module what `model.backbone` needs.

    Args:
        config: The parsed config; `config.data.init_args` is changed.
        argv: What the user typed, whose settings of the data stay.
    """
    model, data = config.model.init_args, config.data.init_args
    backbone = model.get("backbone")
    if backbone is None:
        return
    said = {key.removeprefix("data.").removeprefix("init_args.") for key, value, _ in given_keys(argv) if value != ""}
    kind = class_of(config.data.class_path)
    if issubclass(kind, TextDataModule) and model.get("backbone_config") is None:
        text_settings(str(backbone), data, said)


def text_settings(backbone: str, data: Any, said: set[str]) -> None:
    """A text backbone reads texts by its own tokenizer, and no longer ones than it has positions for."""
    from zoo.networks.pretrained_encoder import longest_of

    if "tokenizer" not in said:
        data["tokenizer"] = backbone
    longest = longest_of(backbone)
    if "max_length" not in said and longest is not None:
        data["max_length"] = min(data["max_length"], longest)
