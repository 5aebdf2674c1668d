"""In what the settings of runs differ, those that tell most first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MODEL = "model"
Config = Mapping[str, Any]


def differing(configs: Sequence[Config]) -> list[str]:
    """Flat config keys whose values differ.

    The model's class comes first, then what differs between runs of one class, then what differs only with the class,
    and last what only some classes have.

    Example:
        >>> mlp, cnn = {"model": "MLP", "lr": 0.1, "hidden": 8}, {"model": "CNN", "lr": 0.1, "widths": 4}
        >>> differing([mlp, cnn, cnn | {"lr": 0.2}])
        ['model', 'lr', 'hidden', 'widths']
    """
    keys = dict.fromkeys(key for config in configs for key in config)
    differ = [key for key in keys if len({repr(config.get(key)) for config in configs}) > 1]
    return sorted(differ, key=lambda key: (key != MODEL, tied_to_model(key, configs), not in_all(key, configs)))


def tied_to_model(key: str, configs: Sequence[Config]) -> bool:
    """All runs of one model class have the same value: the model's class says it."""
    values: dict[str, set[str]] = {}
    for config in configs:
        values.setdefault(str(config.get(MODEL)), set()).add(repr(config.get(key)))
    return len(values) > 1 and all(len(found) == 1 for found in values.values())


def in_all(key: str, configs: Sequence[Config]) -> bool:
    """Every run has the setting."""
    return all(key in config for config in configs)


def as_word(value: Any) -> str:
    """A setting as a table shows it.

    Example:
        >>> as_word([64, 64]), as_word(0.1 * 3), as_word(None)
        ('64,64', '0.3', '-')
    """
    if value is None:
        return "-"
    if isinstance(value, list):
        return ",".join(map(as_word, value)) or "[]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
