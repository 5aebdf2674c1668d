"""Predictions as a table: what predictions.csv holds, for Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from zoo.checkpoint import build_data, build_model, find_class, read_checkpoint, trained_precision
from zoo.models.decision import check_chooses
from zoo.tracking.predictions import predictions_table

if TYPE_CHECKING:
    import pyarrow as pa
    from lightning.pytorch import Trainer

    from zoo.data.base import DataModule
    from zoo.models.base import Model


def predict(
    run: str | Path,
    path: str | Path,
    *,
    trust: bool = False,
    threshold: float | None = None,
    costs: list[list[float]] | None = None,
) -> pa.Table:
    """Predict every row of a file or folder.

    Args:
        run: Run folder, `.ckpt` file, or wandb://entity/project/name:best.
        path: File or folder of the kind the model was trained on; a target is not needed.
        trust: Import classes that are not registered; see `zoo.load`.
        threshold: Probability of the second of two classes (in the order of the columns p_<class>), or of each of
            several labels, from which it is chosen; None decides as in training.
        costs: Cost of each decision (column) by the true class (row); None decides as in training.

    Returns:
        A `pyarrow.Table` of the rows of predictions.csv: index, target (when known), prediction, p_<class>.
    """
    from lightning.pytorch import Trainer

    content = read_checkpoint(run)
    said = {name: value for name, value in (("threshold", threshold), ("costs", costs)) if value is not None}
    if said:
        check_chooses(find_class(content["zoo"]["model"]["class_path"], trust=trust), said)
    given = {"threshold": threshold, "costs": costs} if said else {}
    model, data = build_model(content, trust=trust, decision=given), build_data(content, trust=trust)
    precision: Any = trained_precision(content)
    trainer = Trainer(
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        devices=1,
        precision=precision,
    )
    return predict_table(model, data, str(path), trainer)


def predict_table(model: Model, data: DataModule, path: str, trainer: Trainer) -> pa.Table:
    """As `predict`, of a loaded model and by the given trainer."""
    source = data.use_whole(path, with_target=False)
    outputs = trainer.predict(model, dataloaders=data.predict_dataloader())
    index, scores = (torch.cat(parts) for parts in zip(*(outputs or []), strict=True))
    order = index.argsort()
    return predictions_table(
        labels=source.row_labels(),
        scores=scores[order],
        decisions=model.decide(scores[order]),
        class_names=data.class_names,
        task=data.target_encoder.task,
        target=data.dataset("predict").arrays.get("target"),
    )
