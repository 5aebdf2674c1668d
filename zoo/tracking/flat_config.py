"""The resolved config as flat, dot-free keys: by these runs are told apart, in W&B, TensorBoard and `zoo compare`."""

from __future__ import annotations

import hashlib
import json
from typing import Any

SAME_IN_A_GROUP = ("seed",)  # runs of one group differ in these alone


def flat_config(config: dict[str, Any]) -> dict[str, Any]:
    """The values by which runs are compared, under dot-free keys: W&B cannot filter by keys with dots.

    Example:
        >>> flat_config({"model": {"class_path": "zoo.models.mlp.MLPClassifier", "init_args": {"lr": 0.1}}})
        {'model': 'MLPClassifier', 'model_lr': 0.1}
    """
    flat: dict[str, Any] = {}
    for part in ("model", "data"):
        described = config.get(part) or {}
        if "class_path" in described:
            flat[part] = described["class_path"].rsplit(".", 1)[-1]
        for key, value in (described.get("init_args") or {}).items():
            if isinstance(value, str | int | float | bool | list):
                flat[f"{part}_{key}"] = value
    if config.get("seed_everything") is not None:
        flat["seed"] = config["seed_everything"]
    for key in ("max_epochs", "max_steps", "max_time", "precision", "accumulate_grad_batches", "gradient_clip_val"):
        value = (config.get("trainer") or {}).get(key)
        if value is not None:
            flat[key] = value
    return flat


def default_group(name: str, flat: dict[str, Any]) -> str:
    """The group of a run that names none: its default name and a hash of all that but the seed was set.

    Example:
        >>> one, two = {"model": "MLPClassifier", "seed": 0}, {"model": "MLPClassifier", "seed": 1}
        >>> default_group("mlp-adult", one) == default_group("mlp-adult", two)
        True
    """
    told = {key: value for key, value in flat.items() if key not in SAME_IN_A_GROUP}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()
    return f"{name}-{digest[:8]}"
