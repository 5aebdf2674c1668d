"""Which packages are installed here, as requirements.txt says it. Standard library only."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path


def installed(folders: Iterable[str] | None = None) -> list[str]:
    """`name==version` of every package, by the names of the folders that pip leaves.

    Reading what stands in them, as `importlib.metadata` does, takes a tenth of a second.

    Args:
        folders: Where packages lie; None takes those of this interpreter.
    """
    found: dict[str, str] = {}
    for folder in sys.path if folders is None else folders:
        for place in Path(folder or ".").glob("*.dist-info"):
            name, _, version = place.stem.partition("-")
            found.setdefault(name.replace("_", "-"), version)
    return [f"{name}=={version}" for name, version in sorted(found.items(), key=lambda item: item[0].lower())]
