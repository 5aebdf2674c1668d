"""The YAML files that ship with zoo, found in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

from zoo.errors import InputError

_PACKAGE = Path(__file__).resolve().parent.parent


def config_root() -> Path:
    """The folder `configs`: inside the installed package, or beside it in a checkout."""
    inside = _PACKAGE / "configs"
    return inside if inside.is_dir() else _PACKAGE.parent / "configs"


def shipped_configs() -> dict[str, str]:
    """Name as one types it after --config -> its first comment line."""
    root = config_root()
    found = {}
    for file in sorted(root.rglob("*.yaml")):
        with file.open() as stream:
            first = stream.readline().strip()
        found[f"configs/{file.relative_to(root)}"] = first.lstrip("# ") if first.startswith("#") else ""
    return found


def find_config(path: str) -> str:
    """The file as given, or the shipped one of that name where the user has none."""
    if not Path(path).exists() and path.startswith("configs/"):
        shipped = config_root() / path.removeprefix("configs/")
        if shipped.is_file():
            return str(shipped)
    return path


def existing_config(path: str) -> Path:
    """The file behind what was typed after --config.

    Raises:
        InputError: There is none.
    """
    found = Path(find_config(path))
    if not found.is_file():
        raise InputError(f"no config file {found}: `zoo list configs` shows those that ship")
    return found
