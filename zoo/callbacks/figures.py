"""Pictures of a run: learning curves, and how prediction and truth meet on the test split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from zoo.callbacks.seldom import Seldom

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CLASSES_WITH_NUMBERS = 12  # more cells than this squared cannot be read


class Figures(Seldom):
    """Write `figures/curves.png` after training and `figures/confusion.png` (or `residuals.png`) after the test.

    Args:
        enabled: False switches it off on the command line; in Python leave the callback out.
    """

    def __init__(self, enabled: bool = True) -> None:
        self.enabled = enabled
        self.history: dict[str, list[tuple[int, float]]] = {}

    def state_dict(self) -> dict[str, dict[str, list[tuple[int, float]]]]:
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, dict[str, list[tuple[int, float]]]]) -> None:
        self.history = state_dict["history"]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for name, value in trainer.callback_metrics.items():
            if name in ("train/loss", "val/loss", "val/accuracy", "val/rmse"):
                self.history.setdefault(name, []).append((trainer.current_epoch + 1, float(value)))

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero and self.history:
            save(curves(self.history), Path(trainer.default_root_dir) / "figures" / "curves.png")

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        evaluation = getattr(pl_module, "evaluation", None)
        data = getattr(trainer, "datamodule", None)
        if not trainer.is_global_zero or evaluation is None or data is None:
            return
        folder = Path(trainer.default_root_dir) / "figures"
        if data.target_encoder.task == "classification":
            counts = confusion_counts(evaluation.scores.argmax(dim=1), evaluation.target, len(data.class_names))
            save(confusion(counts, data.class_names), folder / "confusion.png")
        elif data.target_encoder.task == "regression":
            save(residuals(evaluation.scores, evaluation.target, data.class_names), folder / "residuals.png")


def confusion_counts(found: Tensor, target: Tensor, num_classes: int) -> Tensor:
    """Rows: true class, columns: predicted class, int64 (classes, classes)."""
    return torch.bincount(target * num_classes + found, minlength=num_classes**2).reshape(num_classes, num_classes)


def curves(history: dict[str, list[tuple[int, float]]]) -> Figure:
    """Losses on the left, what else was watched on the right, by epoch."""
    from matplotlib.figure import Figure

    other = [name for name in history if not name.endswith("loss")]
    figure = Figure(figsize=(9 if other else 5, 3.5), layout="constrained")
    axes = figure.subplots(1, 2 if other else 1, squeeze=False)[0]
    for name, points in history.items():
        axis = axes[0] if name.endswith("loss") else axes[1]
        axis.plot(*zip(*points, strict=True), label=name, marker="o" if len(points) < 20 else None, markersize=3)
    for axis in axes:
        axis.set_xlabel("epoch")
        axis.grid(alpha=0.3)
        axis.legend()
    return figure


def confusion(counts: Tensor, class_names: list[str]) -> Figure:
    """Share of each true class by predicted class; counts in the cells where they can be read."""
    from matplotlib.figure import Figure

    n = len(class_names)
    side = min(12.0, 2.5 + 0.35 * n)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axis = figure.subplots()
    share = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    image = axis.imshow(share.numpy(), cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, label="share of the true class", shrink=0.8)
    names = [name if len(name) < 20 else name[:18] + "…" for name in class_names]
    if n <= 40:
        axis.set_xticks(range(n), names, rotation=90 if n > 4 else 0)
        axis.set_yticks(range(n), names)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    if n <= MOST_CLASSES_WITH_NUMBERS:
        for row in range(n):
            for column in range(n):
                axis.text(column, row, str(int(counts[row, column])), ha="center", va="center",
                          color="white" if share[row, column] > 0.5 else "black")  # fmt: skip
    return figure


def residuals(prediction: Tensor, target: Tensor, names: list[str]) -> Figure:
    """Predicted against true numbers, one panel a target."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5 * min(len(names), 4), 4.2), layout="constrained")
    axes = figure.subplots(1, min(len(names), 4), squeeze=False)[0]
    for column, axis in enumerate(axes):
        truth, found = target[:, column], prediction[:, column]
        axis.scatter(truth, found, s=6, alpha=0.4)
        axis.axline((float(truth.mean()), float(truth.mean())), slope=1, color="grey", linewidth=1)
        axis.set_xlabel(f"true {names[column]}")
        axis.set_ylabel("predicted")
    return figure


def save(figure: Figure, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)
