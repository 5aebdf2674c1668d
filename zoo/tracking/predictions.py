"""predictions.csv: index, target (when known), prediction, one p_<class> a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from zoo.callbacks.seldom import Seldom
from zoo.tracking.run_folder import PROBABILITY, SEPARATOR, UNKNOWN


def predictions_table(
    *,
    labels: Sequence[str],
    scores: Tensor,
    decisions: Tensor,
    class_names: Sequence[str],
    task: str,
    target: Tensor | None,
) -> pa.Table:
    """The table of predictions.

    Args:
        labels: Row number or file path of each row.
        scores: Probabilities, or for regression the numbers, (rows, outputs).
        decisions: What the model chose: class ids (rows,) or 0/1 (rows, labels).
        class_names: Name of each output.
        task: classification, multilabel or regression.
        target: Class ids (rows,), 0/1 (rows, labels), numbers (rows, targets), or None.
    """
    columns: dict[str, pa.Array] = {"index": pa.array(labels)}
    if task == "regression":
        several = len(class_names) > 1
        for column, name in enumerate(class_names):
            if target is not None:
                columns[f"target_{name}" if several else "target"] = pa.array(target[:, column].numpy())
            columns[f"prediction_{name}" if several else "prediction"] = pa.array(scores[:, column].numpy())
        return pa.table(columns)
    if target is not None:
        columns["target"] = pa.array(_names(target, class_names, task))
    columns["prediction"] = pa.array(_names(decisions, class_names, task))
    for column, name in enumerate(class_names):
        columns[f"{PROBABILITY}{name}"] = pa.array(scores[:, column].contiguous().numpy())
    return pa.table(columns)


def _names(ids: Tensor, class_names: Sequence[str], task: str) -> list[str]:
    if task == "classification":
        return [class_names[i] if i >= 0 else UNKNOWN for i in ids.tolist()]
    rows = (ids > 0.5).tolist()
    return [SEPARATOR.join(name for name, on in zip(class_names, row, strict=True) if on) for row in rows]


def write_predictions(table: pa.Table, file: Path) -> None:
    """Write the table whole or not at all."""
    part = file.with_name(file.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    pa_csv.write_csv(table, part, pa_csv.WriteOptions(quoting_style="needed"))
    part.replace(file)


class PredictionWriter(Seldom):
    """Write the test split's predictions when the test ends.

    Args:
        file: Where to.
    """

    def __init__(self, file: str) -> None:
        self.file = Path(file)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        evaluation = getattr(pl_module, "evaluation", None)
        data = getattr(trainer, "datamodule", None)
        if not trainer.is_global_zero or evaluation is None or data is None:
            return
        labels = data.source("test").row_labels()
        table = predictions_table(
            labels=[labels[i] for i in evaluation.index.tolist()],
            scores=evaluation.scores,
            decisions=evaluation.decisions,
            class_names=data.class_names,
            task=data.target_encoder.task,
            target=evaluation.target,
        )
        write_predictions(table, self.file)
