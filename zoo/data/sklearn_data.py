"""Where scikit-learn keeps its sample data: read there, for to import scikit-learn takes a second."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def sklearn_data(file: str) -> Path:
    """A data file inside the installed scikit-learn, e.g. `wine_data.csv`."""
    package = find_spec("sklearn")
    assert package is not None and package.submodule_search_locations is not None  # noqa: PT018
    return Path(package.submodule_search_locations[0]) / "datasets" / "data" / file
