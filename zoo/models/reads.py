"""Which words of a model each network reads: a word without effect is said, and a name that there is not is an error."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from zoo.errors import InputError
from zoo.networks import ACTIVATIONS, INITIALISATIONS, POOLINGS, POSITIONS
from zoo.networks.checks import check_choice
from zoo.networks.mlp import NORMS
from zoo.networks.numeric_embedding import NUMERIC_EMBEDDINGS

if TYPE_CHECKING:
    from zoo.models.base import Model

_LAYERS = {"hidden", "activation", "dropout", "norm", "init"}
_BLOCKS = {"d_model", "n_layers", "n_heads", "d_feedforward", "dropout", "drop_path", "activation", "init"}
_TEXT_BACKBONE = {"backbone", "backbone_config", "pretrained", "pooling", "dropout", "token_dropout", "phrases"}

# Class of the network -> how a user would call it, and the words that it reads.
READS: dict[str, tuple[str, set[str]]] = {
    "TabularMLP": ("tables", _LAYERS | {"ensemble", "numeric_embedding"}),
    "TabM": ("tables", _LAYERS | {"ensemble", "numeric_embedding"}),
    "ImageMLP": ("images", _LAYERS),
    "TextMLP": ("text", _LAYERS),
    "SmallResNet": (
        "small_resnet",
        {"backbone", "widths", "n_blocks", "pretrained", "activation", "dropout", "drop_path", "init"},
    ),
    "TextCNN": ("text", {"widths", "activation", "dropout", "init"}),
    "TimmBackbone": ("a timm backbone", {"backbone", "pretrained", "dropout", "drop_path"}),
    "TabularTransformer": ("tables", _BLOCKS | {"numeric_embedding"}),
    "SmallViT": ("images without a backbone", _BLOCKS | {"patch", "pooling", "pretrained"}),
    "TextTransformer": (
        "text without a backbone",
        _BLOCKS | {"token_dropout", "head_dropout", "window", "phrases", "position", "pooling"},
    ),
    "PretrainedEncoder": ("a text backbone", _TEXT_BACKBONE),
}
WORDS = set().union(*(words for _, words in READS.values()))
NAMES: dict[str, tuple[str, ...]] = {
    "activation": tuple(ACTIVATIONS),
    "init": INITIALISATIONS,
    "norm": NORMS,
    "numeric_embedding": NUMERIC_EMBEDDINGS,
    "pooling": tuple(POOLINGS),
    "position": POSITIONS,
}


def check_names(**given: str | None) -> None:
    """Check names that a network may not read, so that a typo is found with any kind of input.

    Raises:
        InputError: A name that there is not.

    Example:
        >>> check_names(activation="relu", position=None)
    """
    for word, name in given.items():
        if name is not None:
            try:
                check_choice(word, name, NAMES[word])
            except ValueError as error:
                raise InputError(f"model: {error}") from error


def without_effect(model: Model) -> str | None:
    """One line of the words of a model that differ from their default and that its network does not read, or None.

    A line and no error: a config that is written for one kind of input goes on with another.
    """
    network = getattr(model.network, "deep", model.network)  # of a text network with others beside it
    if type(network).__name__ not in READS:
        return None  # a network of the user's own
    called, read = READS[type(network).__name__]
    words = [name for name in _changed(model) if name in WORDS - read]
    if not words:
        return None
    return f"model: {', '.join(words)} {'have' if len(words) > 1 else 'has'} no effect on {called}"


def _changed(model: Model) -> list[str]:
    """Arguments that are not as the constructor has them where nothing is said."""
    parameters: dict[str, Any] = dict(inspect.signature(type(model).__init__).parameters)
    return [name for name, value in model.hparams.items() if name in parameters and value != parameters[name].default]
