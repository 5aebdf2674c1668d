"""A text backbone has its own tokenizer and a longest text: the data module is told before it is built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoo.cli.mistakes import given_keys
from zoo.data.text import TextDataModule
from zoo.messages import say


def take_text_backbone(model: Any, data_class: Any, data: Any, argv: Sequence[str]) -> None:
    """Write what `model.backbone` needs into the settings of the data that the user left open.

    Args:
        model: Arguments of the model; those of interest are `backbone` and `backbone_config`.
        data_class: Class of the data module.
        data: Its arguments, as the parser holds them; changed in place.
        argv: What the user typed after the command.

    Raises:
        InputError: No such backbone, or the hub is out of reach.
    """
    backbone = model.get("backbone")
    if backbone is None or "backbone_config" not in model or not issubclass(data_class, TextDataModule):
        return  # another family's backbone reads images
    if model.get("backbone_config") is not None:
        return  # the model comes from a checkpoint, and so do the tokens
    from zoo.networks.pretrained_encoder import longest_of

    said = {key.removeprefix("data.").removeprefix("init_args.") for key, value, _ in given_keys(argv) if value != ""}
    longest = longest_of(str(backbone))
    taken: dict[str, Any] = {}
    if "tokenizer" not in said:
        taken["tokenizer"] = str(backbone)
    if "max_length" not in said and longest is not None and longest < data["max_length"]:
        taken["max_length"] = longest
    for key, value in taken.items():
        data[key] = value
    if taken:
        say(f"data as {backbone} knows it: {', '.join(f'{key} {value}' for key, value in taken.items())}")
