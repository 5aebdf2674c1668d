"""`--unfreezing.enabled true`: a pretrained body is left as it is at first, and trained from the head down later.

Freezing the body while a new head is random: Kumar et al. 2022, arXiv:2202.10054 ("linear probing then fine-tuning");
layer by layer: Howard and Ruder 2018, arXiv:1801.06146 ("gradual unfreezing").
"""

from __future__ import annotations

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.callbacks.seldom import Seldom
from zoo.errors import InputError
from zoo.messages import say

FOR_GOOD = -1


class Unfreezing(Seldom):
    """Train only the head in the first epochs, then the layers below it too: all at once, or some more each epoch.

    What is frozen gets no gradient, and so costs no backward pass; its batch normalisation and dropout are in eval mode.
    All parameters are in the optimiser from the start. What is frozen follows from the epoch alone, so a resumed run
    goes on as it would have. Several processes need `--trainer.strategy ddp_find_unused_parameters_true`.

    Args:
        enabled: True switches it on; in Python leave the callback out instead.
        epochs: In which only the head trains; -1 is all: the body stays as it is.
        layers_per_epoch: Layers, from the head down, that begin to train in each epoch after those; None is all at once.
        fixed_statistics: Whether batch normalisation keeps the means and variances it came with for good. For a
            pretrained body and few rows: those of the new rows are learnt too slowly to be of use.

    Raises:
        InputError: A number that cannot be; at the start of the fit a network without `layer_groups()`, or a strategy
            that does not take parameters without gradients.
    """

    def __init__(
        self,
        enabled: bool = False,
        *,
        epochs: int = 1,
        layers_per_epoch: int | None = None,
        fixed_statistics: bool = False,
    ) -> None:
        if epochs < 1 and epochs != FOR_GOOD:
            raise InputError(f"unfreezing.epochs must be at least 1, or {FOR_GOOD} for all, got {epochs}")
        if layers_per_epoch is not None and layers_per_epoch < 1:
            raise InputError(f"unfreezing.layers_per_epoch must be at least 1, got {layers_per_epoch}")
        self.enabled = enabled
        self.epochs = epochs
        self.layers_per_epoch = layers_per_epoch
        self.fixed_statistics = fixed_statistics
        self._groups: list[list[nn.Parameter]] = []
        self._open = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit" or not self.enabled:
            return
        check_strategy(trainer.strategy)
        network: Any = pl_module.network
        if not hasattr(network, "layer_groups"):
            raise InputError(
                f"unfreezing needs a network that names its layers, and {type(network).__name__} does not: "
                "leave --unfreezing.enabled out, or choose a pretrained --model.backbone"
            )
        if type(pl_module).__module__.startswith("zoo.") and not pl_module.hparams.get("pretrained"):
            n = "for good" if self.epochs == FOR_GOOD else f"for {self.epochs} epoch{'s' * (self.epochs > 1)}"
            say(
                f"unfreezing: nothing is pretrained here, so the body stays random {n} (--model.pretrained gives weights)"
            )
        named = dict(network.named_parameters())
        # What somebody else has frozen stays so.
        self._groups = [
            [named[name] for name in group if named[name].requires_grad] for group in network.layer_groups()
        ]
        self._open = 0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._groups:
            return
        self._apply(trainer, pl_module)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A run that goes on within an epoch is not told that an epoch starts.
        if self._groups:
            self._apply(trainer, pl_module)

    def _apply(self, trainer: Trainer, pl_module: LightningModule) -> None:
        n_open = open_layers(trainer.current_epoch, len(self._groups), self.epochs, self.layers_per_epoch)
        if n_open != self._open:
            self._show(n_open, pl_module.network)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._release(pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._release(pl_module)

    def _show(self, n_open: int, network: Any) -> None:
        """Let the last so many layers train."""
        first = len(self._groups) - n_open
        for place, group in enumerate(self._groups):
            for parameter in group:
                parameter.requires_grad_(place >= first)
        set_modes(network, fixed_statistics=self.fixed_statistics)
        self._open = n_open

    def _release(self, pl_module: Any) -> None:
        """Parameters and modes as they were before the fit: another one finds them all."""
        if self._groups:
            pl_module.network.train()
        for parameter in (parameter for group in self._groups for parameter in group):
            parameter.requires_grad_(True)
        self._groups = []


def open_layers(epoch: int, n_layers: int, epochs: int, layers_per_epoch: int | None) -> int:
    """How many of the layers train in an epoch (from 0), counted from the head.

    Example:
        >>> [open_layers(epoch, 5, 2, None) for epoch in range(4)]
        [1, 1, 5, 5]
        >>> [open_layers(epoch, 5, 1, 2) for epoch in range(4)]
        [1, 3, 5, 5]
        >>> open_layers(99, 5, -1, None)
        1
    """
    if epochs == FOR_GOOD or epoch < epochs:
        return 1
    if layers_per_epoch is None:
        return n_layers
    return min(n_layers, 1 + layers_per_epoch * (epoch - epochs + 1))


def set_modes(module: nn.Module, *, fixed_statistics: bool) -> None:
    """Eval mode for what is frozen, and for batch normalisation where its statistics stay; train mode for the rest.

    A part without parameters, a dropout or a norm without weights, goes with the layer that it feeds.
    """
    parameters = list(module.parameters())
    frozen = bool(parameters) and not any(parameter.requires_grad for parameter in parameters)
    if frozen or (fixed_statistics and isinstance(module, _BatchNorm)):
        module.eval()
        return
    module.training = True
    children = list(module.children())
    for place, child in enumerate(children):
        beside = (next(part.parameters(), None) for part in [*children[place:], *reversed(children[:place])])
        nearest = next((parameter for parameter in beside if parameter is not None), None)
        if nearest is not None and not nearest.requires_grad and next(child.parameters(), None) is None:
            child.eval()
        else:
            set_modes(child, fixed_statistics=fixed_statistics)


def check_strategy(strategy: Any) -> None:
    """Raise where parameters without gradients are not taken."""
    if isinstance(strategy, SingleDeviceStrategy):
        return
    if isinstance(strategy, DDPStrategy):
        if strategy._ddp_kwargs.get("find_unused_parameters"):
            return
        raise InputError("unfreezing in several processes: say --trainer.strategy ddp_find_unused_parameters_true")
    raise InputError(f"unfreezing does not work with {type(strategy).__name__}: use one device, or DDP")
