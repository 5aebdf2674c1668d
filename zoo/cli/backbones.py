"""The names of timm's models, read from its sources: to import timm, and torch with it, takes seconds."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

_REGISTERED = re.compile(r"^@register_model\s+def (\w+)\(", re.MULTILINE)


def backbone_names() -> list[str]:
    """What `timm.list_models()` gives, in its order."""
    package = find_spec("timm")
    if package is None or not package.submodule_search_locations:
        return []
    folder = Path(package.submodule_search_locations[0]) / "models"
    names = {name for file in folder.glob("*.py") for name in _REGISTERED.findall(file.read_text("utf-8"))}
    return sorted(names, key=_natural)


def _natural(name: str) -> list[str | int]:
    """`vit_9` before `vit_10`."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
