"""Pretrained weights of a file into a network: by name, or by order where a file has other names for the same tensors.

file or package -> tensors by name -> the network's names -> all but the head is loaded
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo.messages import say

PACKAGE = "package:"
WEIGHT_ENDINGS = (".pth", ".pt", ".bin", ".safetensors", ".ckpt")
INSIDE = ("network.model.", "network.", "model.")  # names of a network in a checkpoint of a run

_wanted = ContextVar("wanted", default=True)


class WrongNetworkError(ValueError):
    """Weights are of another network."""


@contextmanager
def without_pretrained() -> Iterator[None]:
    """Inside, networks are built without their pretrained weights: a checkpoint is about to fill them anyway.

    So a checkpoint loads where neither the file nor the hub is.
    """
    token = _wanted.set(False)
    try:
        yield
    finally:
        _wanted.reset(token)


def pretrained_is_wanted() -> bool:
    """False inside `without_pretrained`."""
    return _wanted.get()


def weights_file(source: str | Path) -> Path:
    """The file behind a path, or behind `package:NAME`: the only file of weights in an installed package.

    Raises:
        ValueError: There is no such file, no such package, or the package holds not one file of weights.
    """
    if not str(source).startswith(PACKAGE):
        path = Path(source).expanduser()
        if not path.is_file():
            raise ValueError(f"pretrained: there is no file {source}")
        return path
    name = str(source).removeprefix(PACKAGE)
    spec = find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"pretrained: no package {name!r} is installed here; pip install it, or give a file")
    folders = [Path(folder) for folder in spec.submodule_search_locations]
    files = sorted(file for folder in folders for file in folder.rglob("*") if file.suffix in WEIGHT_ENDINGS)
    if len(files) != 1:
        found = ", ".join(str(file) for file in files) or "none"
        raise ValueError(f"pretrained: package {name} should hold one file of weights, found {found}; give a file")
    return files[0]


def load_file(network: nn.Module, path: Path, *, channels: int, d_out: int, head: Sequence[str] = ()) -> list[str]:
    """Fill all of `network` but its head from a file; returns the names of the head that were left in the file.

    A file whose names are others is taken by its order, where each tensor fits the one at its place in shape and kind
    and tensors of one layer stay together; that is said.

    Args:
        network: A timm model, or any network whose head is named.
        path: `.pth`, `.pt`, `.ckpt` or `.safetensors`: tensors by name, or a checkpoint of a run.
        channels: Of the network; colour filters are adapted to other numbers.
        d_out: Outputs of the network's head.
        head: Names of the layers that start afresh; of a timm model it knows them itself.

    Raises:
        WrongNetworkError: The tensors do not fit; names what is missing or differs.
        ValueError: The file holds no weights.
    """
    config: dict[str, Any] = getattr(network, "pretrained_cfg", None) or {}
    layers = tuple(f"{layer}." for layer in (*head, *as_tuple(config.get("classifier"))))
    own = network.state_dict()
    raw = read_weights(path)
    weights = _converted(network, raw)
    said = ""
    if not _fits_by_name(weights, own, layers):
        ordered = by_order(raw, own, layers)
        if ordered is not None:
            weights, said = _converted(network, ordered), ", matched by their order: the file has other names"
    _adapt_channels(weights, as_tuple(config.get("first_conv")), channels)
    left = [name for name in weights if name.startswith(layers)]
    try:
        result = network.load_state_dict({name: weights[name] for name in weights if name not in left}, strict=False)
    except RuntimeError as mismatch:  # shapes
        raise WrongNetworkError(f"weights in {path} do not fit: {' '.join(str(mismatch).split())}") from mismatch
    missing = [name for name in result.missing_keys if not name.startswith(layers)]
    if missing or result.unexpected_keys:
        raise WrongNetworkError(
            f"weights in {path} do not fit: {len(missing)} keys missing {missing[:3]}, "
            f"{len(result.unexpected_keys)} unexpected {result.unexpected_keys[:3]}"
        )
    say(f"weights: {len(weights) - len(left)} tensors of {path.name}{said}; a new head for {d_out} outputs")
    return left


def begin_from(network: nn.Module, pretrained: bool | str, *, channels: int, d_out: int) -> nn.Module:
    """A network of zoo's own with the weights of an earlier run in all but its `head`, where that is wanted.

    Raises:
        ValueError: The file does not fit, or no file was given: there are no weights of such a network to fetch.
    """
    if not pretrained or not pretrained_is_wanted():
        return network
    if pretrained is True:
        raise ValueError(
            f"pretrained: {type(network).__name__} has no weights of its own: give a file of an earlier run, "
            "or choose a backbone of timm"
        )
    try:
        load_file(network, weights_file(pretrained), channels=channels, d_out=d_out, head=["head"])
    except WrongNetworkError as mismatch:
        raise ValueError(
            f"{mismatch}; {type(network).__name__} is built where model.backbone is not given: if the weights are of "
            "another network, say which with --model.backbone"
        ) from mismatch
    return network


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name from a file of weights, or from a checkpoint of a run.

    Raises:
        ValueError: The file holds none.
    """
    from timm.models import load_state_dict

    try:
        weights: dict[str, Tensor] = load_state_dict(str(path), weights_only=True)
    except Exception as error:  # pickle, zip, safetensors: each has errors of its own
        if path.suffix not in WEIGHT_ENDINGS:
            raise ValueError(f"{path} is no file of weights: those end in {', '.join(WEIGHT_ENDINGS)}") from error
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        if isinstance(error, LookupError):  # of the unpickler, which takes any bytes for instructions
            reason = "it is damaged, or something else"
        raise ValueError(f"{path} holds no weights that can be read ({reason.strip()[:120]})") from error
    for prefix in INSIDE:
        inside = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
        if inside:
            return inside
    return weights


def by_order(
    weights: Mapping[str, Tensor], own: Mapping[str, Tensor], head: tuple[str, ...] = ()
) -> dict[str, Tensor] | None:
    """The tensors of a file under the names of a network, one by one in their order, or None where that is not certain.

    Certain is: as many tensors; each with the shape, the kind of number and the last name (weight, bias,
    running_mean, ...) of the one at its place; tensors of one layer here are of one layer there; and no name of the
    network stands at another place of the file. Only the outputs of the head may differ, and three colours.

    Args:
        weights: Of the file.
        own: Of the network.
        head: How the names of the network's head begin.

    Example:
        >>> file = {"_conv.weight": torch.ones(4, 3), "_fc.weight": torch.ones(9, 4)}
        >>> list(by_order(file, {"stem.weight": torch.zeros(4, 3), "fc.weight": torch.zeros(2, 4)}, ("fc.",)))
        ['stem.weight', 'fc.weight']
        >>> by_order(file, {"fc.weight": torch.zeros(9, 4), "stem.weight": torch.zeros(4, 3)}) is None
        True
    """
    if len(weights) != len(own):
        return None
    places = dict(zip(own, weights, strict=True))
    layers: dict[str, str] = {}
    others: dict[str, str] = {}
    for name, other in places.items():
        one, two = own[name], weights[other]
        (layer, _, last), (other_layer, _, other_last) = name.rpartition("."), other.rpartition(".")
        same_kind = last == other_last and one.is_floating_point() == two.is_floating_point()
        together = (
            layers.setdefault(layer, other_layer) == other_layer and others.setdefault(other_layer, layer) == layer
        )
        moved = other in own and other != name
        if not (same_kind and together and not moved and _same_shape(one, two, head=name.startswith(head))):
            return None
    return {name: weights[other] for name, other in places.items()}


def as_tuple(names: str | Sequence[str] | None) -> tuple[str, ...]:
    """timm's configs hold one name, several or none."""
    if names is None:
        return ()
    return (names,) if isinstance(names, str) else tuple(names)


def _same_shape(own: Tensor, other: Tensor, *, head: bool) -> bool:
    if head:
        return own.shape[1:] == other.shape[1:] and own.ndim == other.ndim
    in_colour = own.ndim == other.ndim == 4 and other.size(1) == 3 and own[:, 0].shape == other[:, 0].shape
    return own.shape == other.shape or in_colour


def _fits_by_name(weights: Mapping[str, Tensor], own: Mapping[str, Tensor], head: tuple[str, ...]) -> bool:
    body = {name for name in own if not name.startswith(head)}
    return {name for name in weights if not name.startswith(head)} == body


def _converted(network: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """By timm's own hand: old names become new ones, position tables are resized to this image size."""
    convert = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if convert is None or not hasattr(network, "pretrained_cfg"):
        return dict(weights)
    converted: dict[str, Tensor] = convert(dict(weights), network)
    return converted


def _adapt_channels(weights: dict[str, Tensor], layers: tuple[str, ...], channels: int) -> None:
    """Sum or repeat the colour filters of the first convolution, as timm does for its own weights."""
    from timm.models import adapt_input_conv

    for name in (f"{layer}.weight" for layer in layers):
        if name in weights and weights[name].ndim == 4 and weights[name].size(1) == 3 and channels != 3:
            adapted: torch.Tensor = adapt_input_conv(channels, weights[name])
            weights[name] = adapted
