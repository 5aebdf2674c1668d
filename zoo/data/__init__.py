"""Data modules: from the user's own file to batches. Looked up on first use, so that one modality costs only its own."""

from typing import TYPE_CHECKING, Any

__all__ = ["DataModule", "ImageDataModule", "TabularDataModule", "TextDataModule"]

if TYPE_CHECKING:
    from zoo.data.base import DataModule
    from zoo.data.image import ImageDataModule
    from zoo.data.tabular import TabularDataModule
    from zoo.data.text import TextDataModule

_HOME = {
    "DataModule": "zoo.data.base",
    "ImageDataModule": "zoo.data.image",
    "TabularDataModule": "zoo.data.tabular",
    "TextDataModule": "zoo.data.text",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.data' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
