"""A pretrained backbone has its own resolution and normalisation: the data module is told before it is built."""

from __future__ import annotations

from typing import Any

from zoo.data.image import ImageDataModule
from zoo.errors import InputError
from zoo.messages import say
from zoo.models import CNNClassifier, CNNRegressor, TransformerClassifier, TransformerRegressor
from zoo.networks.hub import data_settings
from zoo.networks.pretrained import pretrained_is_wanted

WITH_BACKBONES = (CNNClassifier, CNNRegressor, TransformerClassifier, TransformerRegressor)
OWN = ("small_resnet",)  # backbones that are not timm's


def take_backbone_settings(model_class: Any, model: dict[str, Any], data_class: Any, data: dict[str, Any]) -> None:
    """Write what the backbone's weights were trained with into the settings of the data that the user left open.

    Args:
        model_class: Of the model; one that is none of zoo's may mean something else by these words.
        model: Its arguments; those of interest are `backbone` and `pretrained`.
        data_class: Class of the data module.
        data: Its arguments, as the parser holds them; changed in place.

    Raises:
        InputError: No such backbone or weights, or the hub cannot be reached.
    """
    name, pretrained = model.get("backbone"), model.get("pretrained")
    if not name or not pretrained or not pretrained_is_wanted():
        return
    if name in OWN or not issubclass(model_class, WITH_BACKBONES) or not issubclass(data_class, ImageDataModule):
        return
    try:
        settings = data_settings(name, pretrained)
    except ValueError as error:
        raise InputError(f"model: {error}") from error
    if data.get("mean") is not None or data.get("std") is not None:
        settings |= {"mean": data.get("mean"), "std": data.get("std")}
    if data.get("channels") not in (None, settings["channels"]):  # the normalisation is of colours
        settings |= {"mean": None, "std": None}
    taken = {key: value for key, value in settings.items() if data.get(key) is None and value is not None}
    for key, value in taken.items():
        data[key] = value
    if taken:
        say(f"data as {name} knows it: {', '.join(f'{key} {shown(value)}' for key, value in taken.items())}")


def shown(value: Any) -> str:
    """Example:

    >>> shown([0.5, 0.5, 0.5]), shown([0.485, 0.456, 0.406]), shown(224)
    ('0.5', '0.485/0.456/0.406', '224')
    """
    if not isinstance(value, list):
        return str(value)
    return str(value[0]) if len(set(value)) == 1 else "/".join(map(str, value))
