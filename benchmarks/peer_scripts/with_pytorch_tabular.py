"""pytorch-tabular: `TabularModel` with `CategoryEmbeddingModelConfig`, its own preprocessing, Lightning's Trainer."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

import torch
from pytorch_lightning import Callback
from pytorch_tabular import TabularModel  # type: ignore[import-not-found]
from pytorch_tabular.config import DataConfig, OptimizerConfig, TrainerConfig  # type: ignore[import-not-found]
from pytorch_tabular.models import CategoryEmbeddingModelConfig  # type: ignore[import-not-found]

from benchmarks.peer_scripts.task import BATCH_SIZE, DROPOUT, HIDDEN, LR, THREADS, WEIGHT_DECAY, Task
from benchmarks.peer_scripts.turns import Turns, scores, tell


class TakeTurns(Callback):
    def __init__(self, turns: Turns) -> None:
        self.turns = turns

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self.turns.next()


def build(task: Task, cardinalities: dict[str, int]) -> Any:
    tabular = TabularModel(
        data_config=DataConfig(
            target=[task.target], continuous_cols=task.numbers, categorical_cols=list(task.widths), pin_memory=False
        ),
        model_config=CategoryEmbeddingModelConfig(
            task="classification",
            layers="-".join(map(str, HIDDEN)),
            activation="ReLU",
            dropout=DROPOUT,
            batch_norm_continuous_input=False,
            embedding_dims=[[cardinalities[name], width] for name, width in task.widths.items()],
            head_config={"layers": ""},
            learning_rate=LR,
        ),
        optimizer_config=OptimizerConfig(optimizer="AdamW", optimizer_params={"weight_decay": WEIGHT_DECAY}),
        trainer_config=TrainerConfig(
            batch_size=BATCH_SIZE,
            max_epochs=task.epochs,
            accelerator="cpu",
            early_stopping=None,
            checkpoints=None,
            load_best=False,
            progress_bar="none",
            trainer_kwargs={"enable_model_summary": False, "num_sanity_val_steps": 0},
        ),
        verbose=False,
    )
    tabular.logger = False  # else Lightning's default writes TensorBoard files, which the others do not
    return tabular


def main(task: Task) -> None:
    torch.set_num_threads(THREADS)
    turns = Turns()
    train, val, test = (task.frame(part) for part in ("train", "val", "test"))
    classes = sorted(train[task.target].unique())
    tabular = build(task, {name: train[name].nunique(dropna=False) + 1 for name in task.widths})  # and one for unknown
    data = tabular.prepare_dataloader(train=train, validation=val, seed=0)
    model = tabular.prepare_model(data)
    tell(library=f"pytorch-tabular {version('pytorch-tabular')}", parameters=sum(p.numel() for p in model.parameters()))
    tabular.train(model, data, callbacks=[TakeTurns(turns)])
    turns.end()
    found = tabular.predict(test)
    probabilities = found[[f"{task.target}_{name}_probability" for name in classes]].to_numpy()
    tell(**scores(probabilities, test[task.target].map(classes.index).to_numpy()))


if __name__ == "__main__":
    main(Task.load(sys.argv[1]))
