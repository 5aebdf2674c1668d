"""zoo: its data module and its MLP in Lightning's Trainer."""

from __future__ import annotations

import sys

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

import zoo
from benchmarks.peer_scripts.task import BATCH_SIZE, DROPOUT, HIDDEN, LR, THREADS, WEIGHT_DECAY, Task
from benchmarks.peer_scripts.turns import Turns, scores, tell
from zoo.data import TabularDataModule
from zoo.models import MLPClassifier


class TakeTurns(Callback):
    def __init__(self, turns: Turns) -> None:
        self.turns = turns

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.turns.next()


def main(task: Task) -> None:
    torch.set_num_threads(THREADS)
    turns = Turns()
    data = TabularDataModule(task.folder, target=task.target, batch_size=BATCH_SIZE)
    model = MLPClassifier(
        data.inputs,
        data.num_classes,
        ensemble=1,
        hidden=list(HIDDEN),
        dropout=DROPOUT,
        optimizer="adamw",
        lr=LR,
        weight_decay=WEIGHT_DECAY,
        schedule="constant",
        warmup=0.0,
    )
    trainer = Trainer(
        max_epochs=task.epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[TakeTurns(turns)],
    )
    tell(library=f"zoo {zoo.__version__}", parameters=sum(p.numel() for p in model.parameters()))
    trainer.fit(model, datamodule=data)
    turns.end()
    trainer.test(model, datamodule=data, verbose=False)
    assert model.evaluation is not None
    tell(**scores(model.evaluation.scores, model.evaluation.target))


if __name__ == "__main__":
    main(Task.load(sys.argv[1]))
