"""What all models share: steps that only gather, an optimiser with its schedule, and what a checkpoint says of them.

batch (dict) -> `network(**batch)` -> `loss` -> optimiser; at the end of a split `Evaluation` -> metrics -> log
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, cast

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.enums import GradClipAlgorithmType
from torch import Tensor, nn
from torch.optim import Optimizer

from zoo.errors import InputError
from zoo.messages import say_once
from zoo.models.bins import place_bins
from zoo.models.clipping import all_but, clip_adaptively, clip_by_norm
from zoo.models.driver import forget_absent_driver
from zoo.models.evaluation import Evaluation, gathered
from zoo.models.losses import members_as_rows
from zoo.models.lr_range import AUTO, set_lr
from zoo.models.optimizers import build_optimizer, check_optimizer, l1_norm
from zoo.models.parameter_groups import head_names
from zoo.models.precision import unfused
from zoo.models.reads import without_effect
from zoo.models.schedules import build_schedule, check_schedule, time_share
from zoo.older_checkpoints import NEWEST


class Model(LightningModule, ABC):
    """Base of the task kinds. A leaf sets `self.network`; the task kind gives loss, scores and metrics.

    Args:
        lr: Highest learning rate, or "auto": found by a range test before the training.
        optimizer: Name of an optimiser (timm's factory).
        optimizer_options: Further settings of the optimiser by name, as `{betas: [0.9, 0.98]}`.
        weight_decay: L2: decoupled for adamw, lion and muon, part of its scaled step for lamb, through the gradient for
            sgd and adam; biases and normalisation are spared.
        schedule: `cosine`, `linear`, `step`, `one_cycle`, `plateau` or `constant`.
        warmup: Share of the training (0-1) in which the rate rises from 0.
        l1: Weight of the sum of absolute weights in the loss.
        agc: Adaptive clipping: largest gradient as a share of its weights' norm; 0 clips as the trainer says.
        layer_decay: Factor of the rate from each layer to the one below it, 0-1; 1 is the same rate for all.

    Shape:
        `forward` takes the arrays of a batch by name and returns (batch, outputs); in training an ensemble gives
        (batch, members, outputs).
    """

    network: nn.Module
    task_kind: ClassVar[str]
    monitor: ClassVar[tuple[str, str]]  # what chooses the best epoch, and whether min or max
    example_input_array = None

    def __init__(
        self,
        *,
        lr: float | str,
        optimizer: str,
        optimizer_options: dict[str, Any] | None,
        weight_decay: float,
        schedule: str,
        warmup: float,
        l1: float,
        agc: float,
        layer_decay: float,
    ) -> None:
        super().__init__()
        check_schedule(schedule, warmup)
        if min(weight_decay, l1, agc) < 0:
            raise InputError(
                f"model.weight_decay, model.l1 and model.agc must be at least 0, got {weight_decay}, {l1} and {agc}"
            )
        if isinstance(lr, str) and lr != AUTO:
            raise InputError(f"model.lr must be a number or auto, got {lr!r}")
        if not 0 < layer_decay <= 1:
            raise InputError(f"model.layer_decay must be in (0, 1], got {layer_decay}")
        self.lr = lr
        self.optimizer_name = optimizer
        self.optimizer_options = optimizer_options or {}
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup = warmup
        self.l1 = l1
        self.agc = agc
        self.layer_decay = layer_decay
        # Arguments that were None, as they were chosen: config.yaml tells them, and a checkpoint, which so outlives another
        # default.
        self.settled: dict[str, Any] = {}
        self.evaluation: Evaluation | None = None
        self._kept: list[tuple[Tensor, Tensor, Tensor]] = []
        self._epoch_loss = torch.zeros(())
        self._epoch_rows = 0
        self._clipped: list[nn.Parameter] = []
        self._to_log: tuple[int, Tensor] | None = None

    # ---- what a task kind gives --------------------------------------------------------------------------------

    @abstractmethod
    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean loss of a batch: (batch, outputs), target -> scalar."""

    @abstractmethod
    def scores(self, logits: Tensor) -> Tensor:
        """What the user is shown: probabilities, or numbers in the target's units, (batch, outputs)."""

    @abstractmethod
    def metrics(self, evaluation: Evaluation) -> dict[str, float]:
        """Metrics of a whole split, by name without the split."""

    def decide(self, scores: Tensor) -> Tensor:
        """What is chosen by scores, as it stands in predictions.csv; of numbers, themselves."""
        return scores

    def calibrate(self, logits: Tensor, target: Tensor) -> None:
        """Adjust `scores` to a validation split; called at the end of each one of a fit, before its metrics."""

    def say_decisions(self, class_names: list[str]) -> None:
        """Say how `decide` chooses, where that was given."""

    def resolved_arguments(self) -> dict[str, Any]:
        """Arguments of the constructor that were left to the model as it chose them, and the rate as a test found it."""
        found = {name: value for name, value in self.settled.items() if self.hparams.get(name, 0) is None}
        return found | ({"lr": self.lr} if "lr" in self.hparams else {})

    # ---- forward -----------------------------------------------------------------------------------------------

    def forward(self, **inputs: Tensor) -> Tensor:
        return cast(Tensor, self.network(**inputs))

    def logits(self, batch: dict[str, Tensor]) -> Tensor:
        """(batch, outputs) of a batch of the data module."""
        return cast(Tensor, self(**{name: array for name, array in batch.items() if name not in ("target", "index")}))

    def batch_loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Mean loss of a batch in training, over the members of an ensemble too."""
        return self.loss(*members_as_rows(self.logits(batch), batch["target"]))

    def __setattr__(self, name: str, value: Any) -> None:
        # Lightning notes the name of each hook it calls here, fifty times a step; a text that was a text needs none of
        # what torch does for the sake of parameters and modules.
        if (value is None or type(value) is str) and name in self.__dict__:
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    # ---- hooks -------------------------------------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        forget_absent_driver()
        data = getattr(self.trainer, "datamodule", None)
        if stage == "fit":
            self._check_lr()
        if stage == "fit" and data is not None:
            self.check_data(data)

    def check_data(self, data: Any) -> None:
        """Raise `InputError` where the model cannot be trained on the data; take from it what training needs."""
        check_optimizer(self.optimizer_name, self.lr, self.optimizer_options)
        self.layer_groups()
        place_bins(self.network, data)
        said = without_effect(self)
        if said:
            say_once(said)

    def on_train_epoch_start(self) -> None:
        self._epoch_rows = 0

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        loss = self.batch_loss(batch)
        rows, shown = len(batch["target"]), loss.detach()
        # Kept on the device: a number is read from it once an epoch, not once a step.
        if self._epoch_rows == 0:
            self._epoch_loss = torch.zeros((), device=shown.device)
        self._epoch_loss.add_(shown, alpha=rows)
        self._epoch_rows += rows
        if self.trainer.world_size > 1:
            loss = loss * self._share(rows)
        step, every = self.trainer.global_step + 1, self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if every and step % every == 0:
            self._to_log = (step, loss.detach())
        return loss + self.l1 * l1_norm(self.network) if self.l1 else loss

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Optimizer) -> None:
        # What `zero_grad` does, without the profiler's record of it at each step.
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self._to_log is not None:
            self._log_step()
        if 0 < self.trainer.max_steps <= self.trainer.global_step:
            self.trainer.should_stop = True  # Lightning ends there without the validation that a last epoch is due
        # Here and not at the epoch's end: callbacks are asked before the model, and read it there.
        if (
            self.trainer.is_last_batch or self.trainer.should_stop
        ) and self._epoch_rows:  # a budget ends within an epoch
            self._log_epoch_loss()

    def on_validation_epoch_start(self) -> None:
        self._kept = []

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        self._keep(batch)

    def on_validation_epoch_end(self) -> None:
        self._log_metrics("val")

    def on_test_epoch_start(self) -> None:
        self._kept = []

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        self._keep(batch)

    def on_test_epoch_end(self) -> None:
        self._log_metrics("test")

    def predict_step(self, batch: dict[str, Tensor], batch_idx: int) -> tuple[Tensor, Tensor]:
        """Row numbers (batch,) and scores (batch, outputs)."""
        return batch["index"].cpu(), self.scores(self.logits(batch).float()).cpu()

    def configure_optimizers(self) -> Any:
        if isinstance(self.lr, str):
            raise InputError(f"model.lr must be a number by now, got {self.lr!r}")
        layers = self.layer_groups()
        optimizer = build_optimizer(
            self,
            self.optimizer_name,
            lr=self.lr,
            weight_decay=self.weight_decay,
            options=self.optimizer_options,
            layers=layers,
            layer_decay=self.layer_decay,
        )
        self._clipped = all_but(self, head_names(self, layers)) if self.agc else []
        if self.trainer.precision == "16-mixed":
            optimizer = unfused(optimizer)
        limited = self.trainer.max_epochs != -1 or self.trainer.max_steps > 0
        by_step, by_epoch = build_schedule(
            optimizer,
            self.schedule,
            total_steps=int(self.trainer.estimated_stepping_batches) if limited else 0,
            warmup=self.warmup,
            mode=self.monitor[1],
            spent=time_share(self.trainer),
        )
        schedules: list[dict[str, Any]] = [{"scheduler": by_step, "interval": "step", "name": "lr"}]
        if by_epoch is not None:
            schedules.append(
                {"scheduler": by_epoch, "interval": "epoch", "monitor": self.monitor[0], "name": "lr_plateau"}
            )
        return [optimizer], schedules

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        if self.agc:  # a gradient scaler has taken its factor back before this is called
            clip_adaptively(self._clipped, self.agc)
            return
        plugin = self.trainer.precision_plugin
        unscaled = type(plugin) is Precision or (type(plugin) is MixedPrecision and plugin.scaler is None)
        if gradient_clip_val and gradient_clip_algorithm in (None, "norm") and unscaled and self.device.type == "cpu":
            clip_by_norm(optimizer, float(gradient_clip_val))
        elif isinstance(plugin, MixedPrecision) and plugin.scaler is None and gradient_clip_val:
            # Lightning refuses a fused optimiser here for the sake of a scaler, which bf16 does not have.
            kind = GradClipAlgorithmType(gradient_clip_algorithm or GradClipAlgorithmType.NORM)
            Precision.clip_gradients(plugin, optimizer, gradient_clip_val, kind)
        else:
            super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def no_weight_decay(self) -> set[str]:
        """Parameters that get no weight decay beside biases and normalisation, as the network names them."""
        named: set[str] = getattr(self.network, "no_weight_decay", set)()
        return {f"network.{name}" for name in named}

    def layer_groups(self) -> list[list[str]]:
        """Names of the parameters of each layer, the first to the head, as the network tells them; [] where it does not.

        Raises:
            InputError: It does not, and the rate should differ by layer.
        """
        groups: list[list[str]] = getattr(self.network, "layer_groups", list)()
        if self.layer_decay < 1 and not groups:
            raise InputError(
                f"model.layer_decay lowers the rate layer by layer, and {type(self.network).__name__} does not say which "
                "its layers are (`layer_groups`): leave it out"
            )
        return [[f"network.{name}" for name in names] for names in groups]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say which classes to rebuild, and with what; see `zoo.checkpoint`."""
        about = checkpoint.setdefault("zoo", {})
        about |= {"format": NEWEST, "model": described(self)}
        data = getattr(self._trainer, "datamodule", None) if self._trainer is not None else None
        if data is not None:
            about["data"] = {
                "class_path": f"{type(data).__module__}.{type(data).__qualname__}",
                "init_args": data.portable_arguments(),
                "state_key": type(data).__qualname__,
            }

    # ---- helpers -----------------------------------------------------------------------------------------------

    def _check_lr(self) -> None:
        """Take the rate of the first process, which alone may have found one; raise where none was found."""
        if self.trainer.world_size > 1:
            set_lr(self, self.trainer.strategy.broadcast(self.lr))
        if self.lr == AUTO:
            raise InputError(
                f'model.lr is "{AUTO}", which `zoo fit` settles before the training; in Python find the rate first: '
                "zoo.models.lr_range.find_lr(model, data).lr"
            )

    def _log_step(self) -> None:
        """The loss of a step, straight to the loggers.

        `self.log` costs as much as the step itself here, and carries its values through all later steps of the epoch.
        """
        assert self._to_log is not None
        step, shown = self._to_log
        if self.trainer.global_step < step:
            return  # gradients of more batches are gathered for this step
        self._to_log = None
        if self.trainer.world_size > 1:
            shown = cast(Tensor, self.all_gather(shown)).mean()
        row = {"train/loss_step": float(shown), "epoch": self.current_epoch}
        for logger in self.trainer.loggers:
            logger.log_metrics(row, step=step - 1)

    def _log_epoch_loss(self) -> None:
        sums = torch.stack([self._epoch_loss.cpu().double(), torch.tensor(float(self._epoch_rows)).double()])
        if self.trainer.world_size > 1:
            sums = cast(Tensor, self.all_gather(sums.to(self.device))).sum(dim=0).cpu()
        self.log("train/loss", (sums[0] / sums[1].clamp(min=1)).float(), on_step=False, on_epoch=True, batch_size=1)
        self._epoch_rows = 0

    def _share(self, n_rows: int) -> float | Tensor:
        """Rows of this process over the mean of all: gradients of processes are averaged as if all had the same.

        Only the last batch of an epoch may be shared unequally; so only there the processes ask one another.
        """
        if not self.trainer.is_last_batch:
            return 1.0
        everyone = cast(Tensor, self.all_gather(torch.tensor(float(n_rows), device=self.device)))
        return n_rows / everyone.mean()

    def _keep(self, batch: dict[str, Tensor]) -> None:
        logits = self.logits(batch)
        self._kept.append((batch["index"].cpu(), logits.float().cpu(), batch["target"].cpu()))

    def _log_metrics(self, split: str) -> None:
        """Metrics of the whole split, each row counted once, to the log."""
        index, logits, target = gathered(self._kept, self.trainer.world_size)
        with torch.inference_mode():
            if split == "val" and self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking:
                self.calibrate(logits, target)
            loss = self.loss(logits.to(self.device), target.to(self.device)).cpu()
            scores = self.scores(logits.to(self.device)).cpu()
            self.evaluation = Evaluation(index, scores, target, self.decide(scores))
        values = {"loss": float(loss)} | self.metrics(self.evaluation)
        self.log_dict({f"{split}/{name}": value for name, value in values.items()}, rank_zero_only=False)
        self._kept = []


def described(item: Any) -> dict[str, Any]:
    """Class path and plain constructor arguments of a model, as a checkpoint keeps them: None where nothing stood for it."""
    kind = type(item)
    arguments = {name: value for name, value in item.hparams.items() if name not in ("_instantiator", "_class_path")}
    arguments |= item.resolved_arguments()
    return {"class_path": f"{kind.__module__}.{kind.__qualname__}", "init_args": arguments}
