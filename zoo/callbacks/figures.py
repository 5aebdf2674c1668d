"""Pictures and tables of a run: learning curves, and how prediction and truth meet on the test split.

What they show is decided in `zoo.tracking.report`, drawn in `zoo.tracking.plots`, and put into the run folder and into
every logger that shows such things.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch import LightningModule, Trainer

from zoo.callbacks.seldom import Seldom
from zoo.messages import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WATCHED = ("train/loss", "val/loss", "val/accuracy", "val/rmse")


class Figures(Seldom):
    """Write `figures/curves.png` after training, and after the test what its rows say beyond the metrics.

    Of classes: confusion.png, roc_pr.png, reliability.png, and mistakes.png of pictures; of numbers residuals.png. The
    same goes to TensorBoard, and to W&B as tables and charts of its own, with the rows the model got most wrong.

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
            if name in WATCHED:
                self.history.setdefault(name, []).append((trainer.current_epoch + 1, float(value)))

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero and self.history:
            from zoo.tracking.plots import learning_curves

            with said_only():
                show(trainer, {"curves": learning_curves(self.history)})

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        evaluation = getattr(pl_module, "evaluation", None)
        data = getattr(trainer, "datamodule", None)
        if not trainer.is_global_zero or evaluation is None or data is None:
            return
        with said_only():
            show_test(trainer, evaluation, data)


@contextmanager
def said_only() -> Iterator[None]:
    """What goes wrong inside is said in one line: a picture is no reason to lose a training or the test's metrics."""
    try:
        yield
    except Exception as error:
        lines = str(error).split("\n")
        say(f"figures: {type(error).__name__}: {lines[0][:200]}; all but the pictures is there")


def show_test(trainer: Trainer, evaluation: Any, data: Any) -> None:
    """Pictures and tables of a test, to the loggers also where they cannot be drawn."""
    from zoo.tracking.examples import examples
    from zoo.tracking.plots import figures_of
    from zoo.tracking.shows import Shows

    report = report_of(evaluation, data)
    rows = evaluation.index[[mistake.row for mistake in report.mistakes]].tolist()
    shown = examples(data.source("test"), rows, columns=data.used_columns)
    with said_only():
        show(trainer, figures_of(report, shown))
    for logger in trainer.loggers:
        if isinstance(logger, Shows):
            logger.show_report(report, shown)


def report_of(evaluation: Any, data: Any) -> Any:
    """The report of the task at hand."""
    from zoo.tracking.report import class_report, label_report, regression_report

    kind = {"classification": class_report, "multilabel": label_report}
    if data.target_encoder.task == "regression":
        return regression_report(evaluation.scores, evaluation.target, data.class_names)
    make = kind[data.target_encoder.task]
    return make(evaluation.scores, evaluation.target, data.class_names, evaluation.decisions)


def show(trainer: Trainer, figures: Mapping[str, Figure]) -> None:
    """Put pictures into `figures/` and the loggers."""
    from zoo.tracking.plots import png
    from zoo.tracking.shows import Shows

    pictures = {name: png(figure) for name, figure in figures.items()}
    folder = Path(trainer.default_root_dir) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        (folder / f"{name}.png").write_bytes(picture)
    for logger in trainer.loggers:
        if isinstance(logger, Shows):
            logger.show_pictures(pictures)
