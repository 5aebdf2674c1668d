"""The names of timm's models, and which have weights, read from its sources: to import timm, and torch with it, takes seconds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path

_REGISTERED = re.compile(r"^@register_model\s+def (\w+)\(", re.MULTILINE)
# The settings of a model's weights begin with its name, with or without a tag; `untrained` ones name no place.
_SETTINGS = re.compile(r"""["'](\w+)(?:\.\w+)?["']: *(?=[\w{])""")
_PLACE = re.compile(r"""(?<![#"'])(?<!# )["']?\b(?:hf_hub_id|url|file)["']?(?:=|: )(?!None|''|"")""")


def backbones() -> dict[str, bool]:
    """What `timm.list_models()` gives, in its order, and whether it has pretrained weights of it.

    Of one in fifty that have weights this says no: timm makes their settings by code.
    """
    package = find_spec("timm")
    if package is None or not package.submodule_search_locations:
        return {}
    folder = Path(package.submodule_search_locations[0]) / "models"
    sources = [file.read_text("utf-8") for file in folder.glob("*.py")]
    names = {name for source in sources for name in _REGISTERED.findall(source)}
    trained = {name for source in sources for name in _with_weights(source, names)}
    return {name: name in trained for name in sorted(names, key=_natural)}


def _with_weights(source: str, names: set[str]) -> Iterator[str]:
    found = [settings for settings in _SETTINGS.finditer(source) if settings[1] in names]
    for settings, following in zip_longest(found, found[1:]):
        if _PLACE.search(source, settings.end(), len(source) if following is None else following.start()):
            yield settings[1]


def _natural(name: str) -> list[str | int]:
    """`vit_9` before `vit_10`."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
