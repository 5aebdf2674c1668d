"""The base of models that choose a class, or several labels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from zoo.errors import InputError
from zoo.messages import say_once
from zoo.models.base import Model
from zoo.models.calibration import fit_temperature
from zoo.models.decision import check_decision, decide, description
from zoo.models.evaluation import Evaluation
from zoo.models.losses import (
    CLASSIFICATION_LOSSES,
    balanced_label_weights,
    balanced_weights,
    classification_loss,
    members_as_rows,
    own_loss,
)
from zoo.models.metrics import classification_metrics, multilabel_metrics
from zoo.models.mixing import Mixing

FOCAL_GAMMA = 2.0  # where nothing is said
STATE = "_extra_state"  # torch's key for what `get_extra_state` gives


class Classifier(Model):
    """Abstract base: a leaf sets `self.network`, which gives (batch, num_classes).

    `temperature` divides the logits before they become probabilities. It is fitted to the validation rows at the end of
    each epoch, so that every checkpoint holds the one of its own weights.

    Args:
        num_classes: Number of classes (of labels, when multilabel).
        multilabel: Whether a row may have several labels; the loss is then `bce`.
        loss: `cross_entropy`, `focal`, `bce`, or a class path; None takes what fits.
        label_smoothing: Share of the target that is spread over all classes, 0-1.
        class_weights: One number a class, or "balanced": each class counts the same.
        focal_gamma: How much less `focal` counts easy rows; 0 is cross-entropy.
        mixup: Strength (alpha) with which two images of a batch are blended; 0 is off.
        cutmix: Strength (alpha) with which a box of one image is pasted into another; 0 is off.
        threshold: Of two classes, the probability of the second from which it is chosen; None is 0.5.
        costs: Cost of each decision, one row a true class: the cheapest expected one is chosen.
        calibrate: Fit a temperature to the validation rows, so that probabilities are as sure as they are right.
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

    Example:
        class Mine(Classifier):
            def __init__(self, inputs: dict, num_classes: int, *, width: int = 64, lr: float = 1e-3):
                super().__init__(num_classes=num_classes, lr=lr)
                self.save_hyperparameters()
                self.network = MyNet(inputs["channels"], width, num_classes)
    """

    task_kind = "classification"
    monitor = ("val/loss", "min")
    class_weight: Tensor | None

    def __init__(
        self,
        *,
        num_classes: int,
        multilabel: bool = False,
        loss: str | None = None,
        label_smoothing: float = 0.0,
        class_weights: str | list[float] | None = None,
        focal_gamma: float = FOCAL_GAMMA,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        threshold: float | None = None,
        costs: list[list[float]] | None = None,
        calibrate: bool = True,
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
        if num_classes < (1 if multilabel else 2):
            raise InputError(f"model.num_classes must be at least 2, got {num_classes}")
        if min(focal_gamma, mixup, cutmix) < 0:
            raise InputError(
                "model.focal_gamma, model.mixup and model.cutmix must be at least 0, "
                f"got {focal_gamma}, {mixup} and {cutmix}"
            )
        if not 0 <= label_smoothing < 1:
            raise InputError(f"model.label_smoothing must be in [0, 1), got {label_smoothing}")
        self.num_classes = num_classes
        self.multilabel = multilabel
        self.loss_name = loss or ("bce" if multilabel else "cross_entropy")
        self.own_loss = own_loss(self.loss_name, CLASSIFICATION_LOSSES)
        for word, given in (("label_smoothing", label_smoothing), ("class_weights", class_weights)):
            if self.own_loss is not None and given:
                raise InputError(f"model.{word} has no effect on a loss of your own, {self.loss_name}: leave it out")
        if multilabel and self.loss_name in ("cross_entropy", "focal"):
            raise InputError(f"several labels a row need model.loss bce, got {self.loss_name}")
        if not multilabel and self.loss_name == "bce":
            raise InputError(
                "model.loss bce is for several labels a row; give data.target several columns, or use cross_entropy"
            )
        self.label_smoothing = label_smoothing
        self.focal_gamma = focal_gamma
        self.mixing = Mixing(mixup, cutmix, num_classes)
        check_decision(threshold, costs, num_classes=num_classes, multilabel=multilabel)
        self.threshold = threshold
        self.costs = costs
        self.prices = costs  # of decisions, also where a threshold has taken the place of the costs
        self.calibrated = calibrate
        self.temperature = 1.0
        self._balanced = class_weights == "balanced"
        self.register_buffer("class_weight", self._first_weights(class_weights))
        self.settled["loss"] = self.loss_name
        self.register_load_state_dict_pre_hook(_with_temperature)  # type: ignore[no-untyped-call]

    def _first_weights(self, class_weights: str | list[float] | None) -> Tensor | None:
        if class_weights is None:
            return None
        if class_weights == "balanced":
            return torch.ones(self.num_classes)  # counted in `check_data`
        if isinstance(class_weights, str) or len(class_weights) != self.num_classes:
            raise InputError(
                f'model.class_weights must be "balanced" or {self.num_classes} numbers, one a class, got {class_weights!r}'
            )
        weights = torch.tensor(class_weights, dtype=torch.float32)
        if not (weights.isfinite() & (weights >= 0)).all() or not weights.any():
            raise InputError(f"model.class_weights must be at least 0, and one above it, got {class_weights}")
        return weights

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        return super().training_step(self.mixing(batch) if self.mixing else batch, batch_idx)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        logits, target = members_as_rows(logits, target)
        if self.own_loss is not None:
            return self.own_loss(logits, target)
        return classification_loss(
            self.loss_name,
            logits,
            target,
            label_smoothing=self.label_smoothing,
            weight=self.class_weight,
            focal_gamma=self.focal_gamma,
        )

    def scores(self, logits: Tensor) -> Tensor:
        logits = logits / self.temperature
        return logits.sigmoid() if self.multilabel else logits.softmax(dim=1)

    def decide(self, scores: Tensor) -> Tensor:
        return decide(scores, multilabel=self.multilabel, threshold=self.threshold, costs=self.costs)

    def calibrate(self, logits: Tensor, target: Tensor) -> None:
        if self.calibrated:
            self.temperature = fit_temperature(logits, target)

    def say_decisions(self, class_names: list[str]) -> None:
        said = description(self.threshold, self.costs, class_names, multilabel=self.multilabel)
        if said:
            say_once(said)

    def metrics(self, evaluation: Evaluation) -> dict[str, float]:
        if self.multilabel:
            return multilabel_metrics(evaluation.scores, evaluation.target, evaluation.decisions)
        return classification_metrics(evaluation.scores, evaluation.target, evaluation.decisions, self.prices)

    def get_extra_state(self) -> Tensor:
        # Not a buffer: averaging of weights would average it, and half precision round it.
        return torch.tensor(self.temperature, dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        self.temperature = float(state)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        if STATE in checkpoint["state_dict"]:  # that of averaged weights comes from a copy of the model
            checkpoint["state_dict"][STATE] = self.get_extra_state()

    def check_data(self, data: Any) -> None:
        super().check_data(data)
        if data.target_encoder.task == "regression":
            raise InputError(
                f"{data.path}: the target {data.class_names[0]!r} is a number and {type(self).__name__} chooses classes: "
                "use a Regressor, or --data.task classification"
            )
        if data.num_classes != self.num_classes:
            raise InputError(
                f"model.num_classes is {self.num_classes}, but {data.path} has {data.num_classes} classes: leave it out"
            )
        if data.multilabel != self.multilabel:
            raise InputError(f"model.multilabel is {self.multilabel}, but {data.path} says {data.multilabel}")
        if self.mixing:
            self.mixing.check(data.inputs["modality"])
        self.say_decisions(data.class_names)
        if self.focal_gamma != FOCAL_GAMMA and self.loss_name != "focal":
            say_once(f"model: focal_gamma has no effect on the loss {self.loss_name}")
        if self._balanced:
            counts = data.class_counts
            weights = (
                balanced_label_weights(counts, len(data.dataset("train")))
                if self.multilabel
                else balanced_weights(counts)
            )
            self.class_weight = weights.to(self.device)

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if stage == "fit" and self._balanced and getattr(self.trainer, "datamodule", None) is None:
            raise InputError(
                'model.class_weights "balanced" counts the rows of a data module: give one, or give the weights'
            )


def _with_temperature(model: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    """Weights that tell no temperature, of before there was one or of a network trained elsewhere, have 1."""
    state_dict.setdefault(prefix + STATE, torch.ones((), dtype=torch.float64))
