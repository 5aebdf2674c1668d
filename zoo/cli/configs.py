"""The YAML files that ship with zoo, found in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

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
