"""Which weights timm has for a model, where they are, and how the images were that they were trained on.

`True`, a tag, `hf-hub:OWNER/NAME`, a file -> `Weights`
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from zoo.hub import quiet_hub
from zoo.messages import say_once
from zoo.networks.pretrained import PACKAGE, WEIGHT_ENDINGS, weights_file

HUB = "hf-hub:"
FILE_INSTEAD = "fetch the file elsewhere and give its path: --model.pretrained FILE"


@dataclass(frozen=True)
class Weights:
    """Pretrained weights of a timm model.

    Args:
        name: As people call them.
        config: What timm says of them (its `PretrainedCfg` as a dict): input_size, mean, std, ...
        file: Where they lie; None is the hub.
    """

    name: str
    config: dict[str, Any]
    file: Path | None


def check_name(name: str) -> None:
    """Raise ``ValueError`` unless timm has a model called `name`; the message gives the nearest names.

    Example:
        >>> check_name("resnet_18")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: timm has no model 'resnet_18'; nearest: resnet18, ...
    """
    import timm

    if name.startswith(HUB):
        raise ValueError(f"backbone takes a name of timm; give {name!r} as pretrained, beside the backbone it fits")
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        nearest = get_close_matches(architecture, timm.list_models(), n=3, cutoff=0.4)
        raise ValueError(f"timm has no model {architecture!r}; nearest: {', '.join(nearest) or 'none'}")
    tagged = tags(architecture) if tag else []
    if tag and tag not in tagged:
        listed = ", ".join(f"{architecture}.{known}" for known in tagged)
        raise ValueError(f"timm has no weights {tag!r} for {architecture}; it has: {listed or 'none'}")


def tags(architecture: str) -> list[str]:
    """The tags of the weights that timm has for a model, the default first.

    Example:
        >>> tags("tf_efficientnet_lite0")
        ['in1k']
    """
    import timm

    known = {name.partition(".")[2] for name in timm.list_models(f"{architecture}.*", include_tags=True)}
    default = getattr(timm.get_pretrained_cfg(architecture, allow_unregistered=True), "tag", None)
    return sorted(known, key=lambda tag: (tag != default, tag))


def find_weights(name: str, pretrained: bool | str | Path) -> Weights:
    """The weights that are meant.

    Args:
        name: Model of timm, with or without a tag.
        pretrained: True = those of the tag, or timm's default; a tag; `hf-hub:OWNER/NAME`; a file, or `package:NAME`.

    Raises:
        ValueError: timm has none, the hub cannot be reached, or there is no such file.
    """
    import timm

    architecture = name.partition(".")[0]
    wanted = str(pretrained)
    if wanted.startswith(HUB):
        return _of_hub(architecture, wanted.removeprefix(HUB))
    if pretrained is not True and wanted in tags(architecture):
        return Weights(f"{architecture}.{wanted}", _config(f"{architecture}.{wanted}"), None)
    if pretrained is not True:
        if not wanted.startswith(PACKAGE) and Path(wanted).suffix not in WEIGHT_ENDINGS and not Path(wanted).exists():
            known = ", ".join(tags(architecture)) or "none"
            raise ValueError(
                f"pretrained must be True, a file, {PACKAGE}NAME, {HUB}OWNER/NAME, or weights that timm has for "
                f"{architecture} ({known}), got {wanted!r}"
            )
        return Weights(wanted, _config(name), weights_file(wanted))
    if not timm.is_model_pretrained(name):
        raise ValueError(f"timm has no weights for {name}: leave pretrained out, or give a file")
    config = _config(name)
    tag = config.get("tag")
    return Weights(f"{architecture}.{tag}" if tag else name, config, None)


def data_settings(name: str, pretrained: bool | str | Path = True) -> dict[str, Any]:
    """What an `ImageDataModule` needs to give images as those that the weights were trained on.

    Of a local file timm knows nothing: it is taken to be as timm's own weights of that name.

    Args:
        name: Model of timm.
        pretrained: As of `TimmBackbone`.

    Raises:
        ValueError: timm has no such model or weights, or the hub cannot be reached.

    Example:
        >>> data_settings("tf_efficientnet_lite0")["image_size"], data_settings("tf_efficientnet_lite0")["mean"]
        (224, [0.5, 0.5, 0.5])
    """
    import timm

    check_name(name)
    resolve: Any = timm.data.resolve_data_config  # type: ignore[attr-defined]
    found: dict[str, Any] = resolve({}, pretrained_cfg=find_weights(name, pretrained).config)
    channels, height, width = found["input_size"]
    return {
        "image_size": height if height == width else [height, width],
        "channels": channels,
        "mean": list(found["mean"]),
        "std": list(found["std"]),
        "interpolation": found["interpolation"],
        "center_crop": found["crop_pct"],
    }


@contextmanager
def from_hub(weights: Weights) -> Iterator[None]:
    """Inside, weights are fetched: that is said, and what goes wrong is one line.

    Raises:
        ValueError: The hub does not give them.
    """
    say_once(f"weights: {weights.name} from the hub, or from where they were kept before")
    with quiet_hub() as online:
        try:
            yield
        except (OSError, RuntimeError) as failure:
            reason = next(iter(str(failure).splitlines()), type(failure).__name__) if online else "no network"
            raise ValueError(
                f"the hub gave no weights {weights.name} ({reason.strip()[:160]}): {FILE_INSTEAD}"
            ) from failure


def _of_hub(architecture: str, place: str) -> Weights:
    from timm.models import load_model_config_from_hf

    with from_hub(Weights(place, {}, None)):
        config, found, _ = load_model_config_from_hf(place)
    if found != architecture:
        raise ValueError(f"pretrained {HUB}{place} holds weights of {found}: say --model.backbone {found}")
    return Weights(place, dict(config), None)


def _config(name: str) -> dict[str, Any]:
    import timm

    config: Any = timm.get_pretrained_cfg(name, allow_unregistered=True)
    found: dict[str, Any] = config.to_dict() if config is not None else {}
    return found
