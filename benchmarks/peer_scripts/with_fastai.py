"""fastai: `TabularDataLoaders` and `tabular_learner`, its own preprocessing, its own Adam (decoupled decay)."""

from __future__ import annotations

import sys
from importlib.metadata import version

import torch
from fastai.tabular.all import (  # type: ignore[import-not-found]
    Callback,
    Categorify,
    CategoryBlock,
    Normalize,
    TabularDataLoaders,
    accuracy,
    tabular_config,
    tabular_learner,
)

from benchmarks.peer_scripts.task import BATCH_SIZE, DROPOUT, HIDDEN, LR, THREADS, WEIGHT_DECAY, Task
from benchmarks.peer_scripts.turns import Turns, scores, tell


class TakeTurns(Callback):  # type: ignore[misc]
    def __init__(self, turns: Turns) -> None:
        self.turns = turns

    def before_epoch(self) -> None:
        self.turns.next()


def main(task: Task) -> None:
    torch.set_num_threads(THREADS)
    turns = Turns()
    train, val, test = (task.frame(part) for part in ("train", "val", "test"))
    loaders = TabularDataLoaders.from_df(
        task.frame("train", "val"),
        procs=[Categorify, Normalize],
        cat_names=list(task.widths),
        cont_names=task.numbers,
        y_names=task.target,
        y_block=CategoryBlock(),
        valid_idx=list(range(len(train), len(train) + len(val))),
        bs=BATCH_SIZE,
        device="cpu",
    )
    learner = tabular_learner(
        loaders,
        layers=list(HIDDEN),
        emb_szs=task.widths,
        config=tabular_config(ps=DROPOUT, use_bn=False, bn_cont=False),
        metrics=accuracy,
        wd=WEIGHT_DECAY,
        cbs=TakeTurns(turns),
    )
    tell(library=f"fastai {version('fastai')}", parameters=sum(p.numel() for p in learner.model.parameters()))
    with learner.no_bar(), learner.no_logging():
        learner.fit(task.epochs, lr=LR)
        turns.end()
        learner.remove_cb(TakeTurns)  # the test below is an epoch to fastai too
        probabilities, target = learner.get_preds(dl=loaders.test_dl(test))
    tell(**scores(probabilities, target.flatten()))


if __name__ == "__main__":
    main(Task.load(sys.argv[1]))
