"""The base of models that predict numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoo.errors import InputError
from zoo.models.base import Model
from zoo.models.evaluation import Evaluation
from zoo.models.losses import REGRESSION_LOSSES, members_as_rows, own_loss, regression_loss
from zoo.models.metrics import regression_metrics


class Regressor(Model):
    """Abstract base: a leaf sets `self.network`, which gives (batch, num_targets).

    The network learns targets of mean 0 and standard deviation 1, as they are in the train rows; both are kept in the
    weights file, and what the user sees is in the target's own units.

    Args:
        num_targets: Numbers a row.
        loss: `mse`, `huber`, `mae`, or a class path; of standardised targets.
        lr: Highest learning rate, or "auto": found by a range test before the training.
        optimizer: Name of an optimiser.
        optimizer_options: Further settings of the optimiser by name, as `{betas: [0.9, 0.98]}`.
        weight_decay: L2: decoupled for adamw, lion and muon, part of its scaled step for lamb, through the gradient for
            sgd and adam; biases and normalisation are spared.
        schedule: Name of the learning-rate schedule.
        warmup: Share of the training in which the rate rises, 0-1.
        l1: Weight of the L1 penalty.
        agc: Adaptive clipping: largest gradient as a share of its weights' norm; 0 clips as the trainer says.
        layer_decay: Factor of the rate from each layer to the one below it, 0-1; 1 is the same rate for all.
    """

    task_kind = "regression"
    monitor = ("val/rmse", "min")
    target_mean: Tensor
    target_std: Tensor

    def __init__(
        self,
        *,
        num_targets: int = 1,
        loss: str = "mse",
        lr: float | str = 1e-3,
        optimizer: str = "adamw",
        optimizer_options: dict[str, Any] | None = None,
        weight_decay: float = 0.01,
        schedule: str = "cosine",
        warmup: float = 0.05,
        l1: float = 0.0,
        agc: float = 0.0,
        layer_decay: float = 1.0,
    ) -> None:
        super().__init__(
            lr=lr,
            optimizer=optimizer,
            optimizer_options=optimizer_options,
            weight_decay=weight_decay,
            schedule=schedule,
            warmup=warmup,
            l1=l1,
            agc=agc,
            layer_decay=layer_decay,
        )
        if num_targets < 1:
            raise InputError(f"model.num_targets must be at least 1, got {num_targets}")
        self.own_loss = own_loss(loss, REGRESSION_LOSSES)
        self.num_targets = num_targets
        self.loss_name = loss
        self.register_buffer("target_mean", torch.zeros(num_targets))
        self.register_buffer("target_std", torch.ones(num_targets))

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        logits, target = members_as_rows(logits, target)
        target = (target - self.target_mean) / self.target_std
        return (
            regression_loss(self.loss_name, logits, target) if self.own_loss is None else self.own_loss(logits, target)
        )

    def scores(self, logits: Tensor) -> Tensor:
        return logits * self.target_std + self.target_mean

    def metrics(self, evaluation: Evaluation) -> dict[str, float]:
        return regression_metrics(evaluation.scores, evaluation.target)

    def check_data(self, data: Any) -> None:
        super().check_data(data)
        if data.target_encoder.task != "regression":
            raise InputError(
                f"{data.path}: the target holds classes and {type(self).__name__} predicts numbers: use a Classifier, "
                "or --data.task regression"
            )
        if data.num_targets != self.num_targets:
            raise InputError(
                f"model.num_targets is {self.num_targets}, but {data.path} has {data.num_targets} target columns: leave it out"
            )
        target = data.dataset("train").arrays["target"].double()
        self.target_mean = target.mean(dim=0).float().to(self.device)
        self.target_std = target.std(dim=0, correction=0).clamp(min=1e-12).float().to(self.device)
