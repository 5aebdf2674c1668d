"""`--compile.enabled true`: the network through torch.compile, in place, so that checkpoints keep their keys."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from zoo.errors import InputError, did_you_mean

MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


class Compile(Callback):
    """Compile `pl_module.network` when a fit begins. Off by default: it takes a minute or so before the first step.

    Args:
        enabled: True switches it on.
        mode: default, reduce-overhead (small networks on a GPU) or max-autotune (longer to compile).

    Raises:
        InputError: An unknown mode; at the start of the fit where no compiler works on this machine.
    """

    def __init__(self, enabled: bool = False, *, mode: str = "default") -> None:
        if mode not in MODES:
            raise InputError(f"no mode {mode!r} (compile.mode): {did_you_mean(mode, MODES)}")
        self.enabled = enabled
        self.mode = mode

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if not self.enabled:
            return
        network: Any = pl_module.network
        # `Module.compile` swaps the call and leaves the module: `torch.compile(network)` would rename every weight.
        if stage == "fit" and network._compiled_call_impl is None:
            check_compiler(trainer.strategy.root_device)
            network.compile(mode=self.mode)


def check_compiler(device: torch.device) -> None:
    """Compile and run a line of arithmetic.

    Raises:
        InputError: Something that compiling needs is not here; the message says what.
    """
    try:
        torch.compile(_line)(torch.ones(2, device=device))
    except Exception as error:
        cause = error.__cause__ or error.__context__ or error
        reason = next(iter(str(cause).splitlines()), "") or type(cause).__name__
        raise InputError(
            f"torch.compile does not work here ({reason.strip()[:160]}): install a C++ compiler such as g++, "
            "or leave --compile.enabled out"
        ) from error


def _line(x: torch.Tensor) -> torch.Tensor:
    return torch.sin(x) * 2
