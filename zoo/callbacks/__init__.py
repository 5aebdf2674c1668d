"""Callbacks, one idea a file, looked up on first use."""

from typing import TYPE_CHECKING, Any

__all__ = [
    "EMA",
    "BestCheckpoint",
    "Budget",
    "Compile",
    "EarlyStopping",
    "Figures",
    "LRMonitor",
    "ProgressBar",
    "RandomState",
    "StopOnNaN",
    "Unfreezing",
]

if TYPE_CHECKING:
    from zoo.callbacks.best_checkpoint import BestCheckpoint, RandomState
    from zoo.callbacks.budget import Budget
    from zoo.callbacks.compile import Compile
    from zoo.callbacks.early_stopping import EarlyStopping
    from zoo.callbacks.ema import EMA
    from zoo.callbacks.figures import Figures
    from zoo.callbacks.lr_monitor import LRMonitor
    from zoo.callbacks.progress_bar import ProgressBar
    from zoo.callbacks.stop_on_nan import StopOnNaN
    from zoo.callbacks.unfreezing import Unfreezing

_HOME = {
    "BestCheckpoint": "zoo.callbacks.best_checkpoint",
    "Budget": "zoo.callbacks.budget",
    "Compile": "zoo.callbacks.compile",
    "EMA": "zoo.callbacks.ema",
    "EarlyStopping": "zoo.callbacks.early_stopping",
    "Figures": "zoo.callbacks.figures",
    "LRMonitor": "zoo.callbacks.lr_monitor",
    "ProgressBar": "zoo.callbacks.progress_bar",
    "RandomState": "zoo.callbacks.best_checkpoint",
    "StopOnNaN": "zoo.callbacks.stop_on_nan",
    "Unfreezing": "zoo.callbacks.unfreezing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.callbacks' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
