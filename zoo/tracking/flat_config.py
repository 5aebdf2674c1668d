"""The resolved config as flat, dot-free keys: by these runs are told apart, in W&B, TensorBoard and `zoo compare`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

# In these alone runs of one group may differ: batches do not depend on how they are read.
SAME_IN_A_GROUP = ("seed", "data_num_workers", "data_cache_limit")
FIRST = ("max_epochs", "max_steps", "max_time", "precision", "accumulate_grad_batches", "gradient_clip_val")
NO_SECTIONS = ("model", "data", "trainer", "seed_everything", "name", "config", "resume", "wandb")
# What a run shows and where it leaves things, which changes nothing of the training.
SHOWN_ONLY = ("lr_monitor", "progress_bar", "figures")
NOT_OF_THE_TRAINING = (
    "default_root_dir",
    "logger",
    "log_every_n_steps",
    "enable_checkpointing",
    "enable_progress_bar",
    "enable_model_summary",
    "enable_autolog_hparams",
    "model_registry",
    "profiler",
    "barebones",
    "num_sanity_val_steps",
    "inference_mode",
    "limit_predict_batches",
)
PLACES = ("checkpoint_dirpath",)
FOLLOWS = ("model_inputs",)  # from the data


def flat_config(config: dict[str, Any]) -> dict[str, Any]:
    """The values by which runs are compared, under dot-free keys: W&B cannot filter by keys with dots.

    All that was set and bears on the training is among them; what is None is left out, and of the trainer what is False
    or auto.

    Example:
        >>> flat_config({"model": {"class_path": "zoo.models.mlp.MLPClassifier", "init_args": {"lr": 0.1}}})
        {'model': 'MLPClassifier', 'model_lr': 0.1}
        >>> flat_config({"early_stopping": {"patience": 3}, "trainer": {"limit_train_batches": 0.5, "logger": False}})
        {'limit_train_batches': 0.5, 'early_stopping_patience': 3}
    """
    flat: dict[str, Any] = {}
    for part in ("model", "data"):
        described = config.get(part) or {}
        flat.update(_class(part, described) if "class_path" in described else _arguments(part, described))
    if config.get("seed_everything") is not None:
        flat["seed"] = config["seed_everything"]
    trainer = config.get("trainer") or {}
    for key in (*FIRST, *(key for key in trainer if key not in FIRST and key not in NOT_OF_THE_TRAINING)):
        value = trainer.get(key)
        if key in FIRST or not (value is False or value == "auto"):
            flat.update(_values(key, value))
    for section, described in config.items():
        if section not in NO_SECTIONS and section not in SHOWN_ONLY:
            flat.update(_values(section.replace(".", "_"), described))
    return {key: value for key, value in flat.items() if key not in PLACES and not key.startswith(FOLLOWS)}


def _arguments(part: str, described: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The arguments of a class, each under the name of its part."""
    for key, value in (described.get("init_args") or {}).items():
        yield from _values(f"{part}_{key}", value)


def _class(key: str, described: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A class and its arguments."""
    yield key, str(described["class_path"]).rsplit(".", 1)[-1]
    yield from _arguments(key, described)


def _values(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A value as flat ones: a dict key by key, of a class its name and its arguments, also of several in a list."""
    if isinstance(value, Mapping):
        if "class_path" in value:
            yield from _class(key, value)
            return
        for inner, one in value.items():
            yield from _values(f"{key}_{str(inner).replace('.', '_')}", one)
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        names = [_name(one) for one in value]
        yield key, names
        for at, (name, one) in enumerate(zip(names, value, strict=True)):
            number = "" if names.index(name) == at else f"_{at + 1}"
            inner = one if not isinstance(one, Mapping) or "class_path" not in one else one.get("init_args") or {}
            if isinstance(inner, Mapping):
                yield from _values(f"{key}_{name}{number}", inner)
    elif isinstance(value, str | int | float | bool | list):
        yield key, value


def _name(one: Any) -> str:
    """Of a class in a list, its own; of another dict, one that says nothing."""
    if isinstance(one, Mapping):
        return str(one.get("class_path", "dict")).rsplit(".", 1)[-1]
    return str(one).replace(".", "_")


def default_group(name: str, flat: Mapping[str, Any]) -> str:
    """The group of a run that names none: its default name and a hash of all that but the seed was set.

    Example:
        >>> one, two = {"model": "MLPClassifier", "seed": 0}, {"model": "MLPClassifier", "seed": 1}
        >>> default_group("mlp-adult", one) == default_group("mlp-adult", two)
        True
    """
    digest = hashlib.sha256(settings_key(flat).encode()).hexdigest()
    return f"{name}-{digest[:8]}"


def settings_key(flat: Mapping[str, Any]) -> str:
    """All that was set but the seed, as text: equal for runs that differ in their seed alone.

    Example:
        >>> settings_key({"model_lr": 1.0, "seed": 3}) == settings_key({"model_lr": 1, "seed": 4})
        True
    """
    told = {key: _plain(value) for key, value in flat.items() if key not in SAME_IN_A_GROUP}
    return json.dumps(told, sort_keys=True, default=str)


def _plain(value: Any) -> Any:
    """Whole numbers as whole ones: on the way through W&B 1.0 becomes 1."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
