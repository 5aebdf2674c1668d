"""zoo: ready, strong MLP, CNN and Transformer models for tables, images and text.

Importing zoo imports no torch; the names below are looked up on first use (PEP 562).

    model, data = zoo.load("runs/cnn-digits")
    table = zoo.predict("runs/cnn-digits", "photos/")
    comparison = zoo.compare("runs/")
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["InputError", "__version__", "compare", "load", "predict"]

if TYPE_CHECKING:
    from zoo.checkpoint import load
    from zoo.comparing.compare import compare
    from zoo.errors import InputError
    from zoo.prediction import predict

_HOME = {
    "load": "zoo.checkpoint",
    "predict": "zoo.prediction",
    "compare": "zoo.comparing.compare",
    "InputError": "zoo.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
