"""`--ema.enabled true`: the running average of the weights is what is judged, kept and used (Polyak & Juditsky 1992).

Lightning's `EMAWeightAveraging` is not used: it copies the model before the data tells it its class weights and the
scale of its target, it averages from the first, random weights on, and it lets validation change a buffer of one copy only.
"""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.strategies import FSDPStrategy, ModelParallelStrategy
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from zoo.callbacks.seldom import Seldom
from zoo.errors import InputError

KEY = "ema"  # in a checkpoint: the weights that train; the average is its `state_dict`


class EMA(Seldom):
    """Average the weights over the steps and put the average in their place whenever something is judged or kept.

    Validation, and so early stopping and the best checkpoint, see the average, and every checkpoint holds it as the
    model's weights; a resumed run goes on with both. The statistics of batch normalisation are averaged as well.

    Args:
        enabled: True switches it on.
        decay: Share of the average that stays at a step, 0-1; 0.999 looks back about a thousand steps. Early on it is
            (1 + n) / (10 + n) after n steps, so that the average never looks back further than a ninth of the training.

    Raises:
        InputError: A decay out of range; at the start of a fit whose weights are spread over devices.
    """

    def __init__(self, enabled: bool = False, *, decay: float = 0.999) -> None:
        if not 0 < decay < 1:
            raise InputError(f"ema.decay must be between 0 and 1, got {decay}")
        self.enabled = enabled
        self.decay = decay
        self._weights: dict[str, Tensor] = {}  # of the model, by name
        self._average: list[Tensor] = []
        self._kept: list[Tensor] | None = None  # the weights that train, while the average stands in their place
        self._updates = 0
        self._step = 0
        self._restored: tuple[dict[str, Tensor], dict[str, Any]] | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if isinstance(trainer.strategy, FSDPStrategy | ModelParallelStrategy):
            raise InputError(
                "ema needs the whole weights on every device: use --trainer.strategy ddp, or leave ema out"
            )

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if KEY in checkpoint:
            self._restored = (checkpoint["state_dict"], checkpoint[KEY])

    @torch.no_grad()
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._weights, self._kept, self._updates = averaged(pl_module), None, 0
        self._average = [at_least_float32(weight.detach().clone()) for weight in self._weights.values()]
        if self._restored is not None:
            average, training = self._restored
            self._restored = None
            for (name, weight), value in zip(self._weights.items(), self._average, strict=True):
                value.copy_(average[name])
                weight.copy_(training["weights"][name])
            self._updates = training["updates"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._step = trainer.global_step

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.global_step == self._step:
            return  # gradients of more batches are gathered
        self._step = trainer.global_step
        self._updates += 1
        update(self._average, self._training(), decay_at(self._updates, self.decay))

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._put_average()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._put_back()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._put_average()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._weights, self._average, self._kept, self._restored = {}, [], None, None

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if not self._average:
            return  # after the fit: the model holds the average
        training = dict(zip(self._weights, self._kept or self._training(), strict=True))
        checkpoint[KEY] = {"weights": training, "updates": self._updates}
        average = {id(weight): value for weight, value in zip(self._weights.values(), self._average, strict=True)}
        for name, value in pl_module.state_dict(keep_vars=True).items():  # a weight that is used twice has two names
            if id(value) in average:
                checkpoint["state_dict"][name] = average[id(value)].to(value.dtype)

    def _training(self) -> list[Tensor]:
        return [weight.detach() for weight in self._weights.values()]

    @torch.no_grad()
    def _put_average(self) -> None:
        if self._average and self._kept is None:
            self._kept = [weight.clone() for weight in self._training()]
            torch._foreach_copy_(self._training(), self._average)

    @torch.no_grad()
    def _put_back(self) -> None:
        if self._kept is not None:
            torch._foreach_copy_(self._training(), self._kept)
            self._kept = None


def averaged(module: nn.Module) -> dict[str, Tensor]:
    """What is averaged, by its name in a checkpoint: parameters, and the statistics of batch normalisation.

    Other buffers are no result of training steps: class weights, the scale of a target.

    Example:
        >>> list(averaged(nn.Sequential(nn.BatchNorm1d(4))))
        ['0.weight', '0.bias', '0.running_mean', '0.running_var']
    """
    found: dict[str, Tensor] = dict(module.named_parameters())
    for name, part in module.named_modules():
        if isinstance(part, _NormBase):
            statistics = part.named_buffers(name, recurse=False)
            found |= {key: buffer for key, buffer in statistics if buffer.is_floating_point()}
    return found


def decay_at(updates: int, decay: float) -> float:
    """Share of the average that stays at an update, counted from 1; as TensorFlow's ExponentialMovingAverage has it.

    Example:
        >>> [round(decay_at(n, 0.999), 3) for n in (1, 10, 100, 10_000)]
        [0.182, 0.55, 0.918, 0.999]
    """
    return min(decay, (1 + updates) / (10 + updates))


def update(average: list[Tensor], weights: list[Tensor], decay: float) -> None:
    """average <- decay * average + (1 - decay) * weights, in place."""
    torch._foreach_lerp_(average, [at_least_float32(weight) for weight in weights], 1 - decay)


def at_least_float32(weight: Tensor) -> Tensor:
    """A step of the average is lost in half precision."""
    return weight.float() if weight.dtype in (torch.float16, torch.bfloat16) else weight
