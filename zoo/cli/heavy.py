"""Import what is large: torch and what stands on it, W&B."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from types import ModuleType


def import_heavy(module: str) -> ModuleType:
    """Import a module that pulls in thousands of functions and classes.

    Meanwhile the collector of cyclic garbage rests: it would walk all of them again and again and find nothing, which
    takes a fifth of the time. What was imported stays to the end, so it is set aside and never walked later.
    """
    if module in sys.modules:
        return sys.modules[module]
    collects, knows_torch = gc.isenabled(), "torch" in sys.modules
    gc.disable()
    try:
        found = import_module(module)
        if not knows_torch:  # else there may be other objects than those of imports
            gc.freeze()
    finally:
        if collects:
            gc.enable()
    return found
