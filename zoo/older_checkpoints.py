"""Checkpoints of older formats in today's words: arguments that came later say what was the rule then.

A file of format 1 is from before ensembles, temperatures, n-grams and the image settings of pretrained weights.
"""

from __future__ import annotations

import inspect
import math
from typing import Any

from torch import Tensor

from zoo.errors import InputError

NEWEST = 2
FORMATS = (1, NEWEST)
Content = dict[str, Any]

_MLP, _CNN, _TRANSFORMER = _FAMILIES = ("zoo.models.mlp", "zoo.models.cnn", "zoo.models.transformer")
# What each family did when it had no such argument, or when it said None.
_ADDED: dict[tuple[str, str], dict[str, Any]] = {
    (_MLP, "tabular"): {"ensemble": 1, "numeric_embedding": "none"},
    (_CNN, "image"): {"flip_at_test": False},
    (_TRANSFORMER, "tabular"): {"numeric_embedding": "none"},
}
_NONE_WAS: dict[str, dict[str, Any]] = {_MLP: {"hidden": [256, 256]}}
_TEXT_FILTERS = [3, 4, 5]


def data_in_new_words(content: Content) -> None:
    """Add to the state of the data module what a later one asks for; in place."""
    about = content["zoo"].get("data")
    if content["zoo"]["format"] == 1 and about is not None:
        encoder = content[about["state_key"]]["encoder"]
        if {"size", "channels", "mean"} <= set(encoder):
            encoder.setdefault("interpolation", "bicubic")
            encoder.setdefault("center_crop", 1.0)


def check_resumable(content: Content, run: str) -> None:
    """Raise where training cannot go on: the state of the optimiser and the settings are those of another zoo."""
    number = content["zoo"]["format"]
    if number != NEWEST:
        raise InputError(
            f"{run} cannot be resumed: an older zoo wrote it (format {number}, now {NEWEST}); zoo.load, predict and test "
            "read it"
        )


def model_in_new_words(content: Content, kind: type) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Arguments and weights from which the class of a checkpoint makes the model that was written.

    Args:
        content: Of the file.
        kind: The class that it names.

    Raises:
        InputError: The network of that time is gone.
    """
    arguments, weights = dict(content["zoo"]["model"]["init_args"]), content["state_dict"]
    if content["zoo"]["format"] > 1:
        return arguments, weights
    family = next((base.__module__ for base in kind.__mro__ if base.__module__ in _FAMILIES), "")
    modality = (arguments.get("inputs") or {}).get("modality")
    taken = inspect.signature(kind).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
    added = {
        name: value for name, value in _ADDED.get((family, str(modality)), {}).items() if takes_all or name in taken
    }
    arguments = added | arguments
    nones = _NONE_WAS.get(family, {}) | ({"widths": _TEXT_FILTERS} if (family, modality) == (_CNN, "text") else {})
    arguments |= {name: value for name, value in nones.items() if name in arguments and arguments[name] is None}
    if family == _CNN and modality == "image" and arguments.get("backbone") == "small_resnet":
        raise InputError(
            "the checkpoint was trained by an older small_resnet, a network that zoo no longer has: retrain it, or use "
            "the version of zoo that wrote it"
        )
    if family == _TRANSFORMER and modality == "text" and arguments.get("position") == "sinusoidal":
        weights = _embedding_as_now(weights, arguments)
    return arguments, weights


def _embedding_as_now(weights: dict[str, Tensor], arguments: dict[str, Any]) -> dict[str, Tensor]:
    """Tokens beside sines were multiplied by the root of their width, today they are by another number."""
    from zoo.networks.text_transformer import STD

    name = "network.embedding.weight"
    factor = math.sqrt(arguments["d_model"]) * STD * math.sqrt(2)
    return {key: value * factor if key == name else value for key, value in weights.items()}
