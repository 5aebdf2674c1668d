"""Texts: tokens a second of zoo's length-grouped batches against random ones, and what they reach.

The texts are the train part of ag_news_small where ZOO_SHARED_DATA (or ../shared/data) holds it, else sample:languages.
Both ways train the transformer of configs/transformer.yaml, on the same rows with the same number of steps; random
batches are padded to their own longest row, too. Tokens are real ones: padding does not count. The speed is of whole
epochs over a twelfth of the rows; for the accuracy a smaller transformer is trained on all of them, several times.
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, RandomSampler

from benchmarks.ratios import Result, alternate, main, ratio
from zoo.data import TextDataModule
from zoo.data.arrays import ArrayDataset, Batch, whole_batch
from zoo.data.loaders import build_loader
from zoo.models import TransformerClassifier

HERE = Path(__file__).resolve().parent
SHARED_DATA = Path(os.environ.get("ZOO_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
CONFIG = HERE.parent / "configs" / "transformer.yaml"
BATCH_SIZE = 64
SMALL: dict[str, Any] = {"d_model": 32, "n_layers": 1, "n_heads": 2}


def run(small: bool) -> list[Result]:
    data = texts()
    settings = yaml.safe_load(CONFIG.read_text())["model"]["init_args"]
    if small:
        settings |= SMALL
    dataset = data.dataset("train")
    part = every(dataset, 40 if small else 12)
    say_padding(dataset)
    costs = alternate(
        {name: partial(seconds_a_token, data, settings, part, name) for name in ("random", "grouped")},
        rounds=2 if small else 5,
    )
    speed = ratio(costs, "random", "grouped", what="tokens/s grouped / random", bar=1.5, at_most=False)
    whole = part if small else dataset
    seeds = range(2 if small else 3)
    accuracies = {
        name: [accuracy(data, whole, name, epochs=1 if small else 3, seed=seed) for seed in seeds]
        for name in ("random", "grouped")
    }
    for name, values in accuracies.items():
        print(f"test accuracy, {name}: " + " ".join(f"{value:.4f}" for value in values), file=sys.stderr)
    reached = [statistics.mean(accuracies["grouped"]) / statistics.mean(accuracies["random"])]
    # A point of accuracy is what seeds differ by.
    return [speed, Result("test accuracy grouped / random, mean of seeds", reached, bar=0.99, at_most=False)]


def texts() -> TextDataModule:
    """The public set, or what ships with zoo."""
    folder = SHARED_DATA / "ag_news_small"
    if folder.is_dir():
        return TextDataModule(str(folder), test_fraction=0.0, batch_size=BATCH_SIZE)
    print(f"no {folder}: sample:languages in its place", file=sys.stderr)
    return TextDataModule("sample:languages", batch_size=BATCH_SIZE)


def every(dataset: ArrayDataset, step: int) -> ArrayDataset:
    """Every `step`-th row."""
    return Part(dataset, torch.arange(0, len(dataset), step))


class Part(ArrayDataset):
    """Some rows of a data set of texts."""

    def __init__(self, whole: ArrayDataset, rows: torch.Tensor) -> None:
        assert whole.lengths is not None
        super().__init__({name: array[rows] for name, array in whole.arrays.items()}, lengths=whole.lengths[rows])
        self.whole = whole
        self.chosen = rows

    def __getitems__(self, rows: Any) -> Batch:
        return self.whole.__getitems__(self.chosen[torch.as_tensor(rows)])


def loader(name: str, dataset: ArrayDataset, *, seed: int = 0) -> DataLoader[Any]:
    """zoo's own train loader, or shuffled rows one after the other."""
    if name == "grouped":
        return build_loader(dataset, "train", batch_size=BATCH_SIZE, num_workers=0, seed=seed, epoch=0, trainer=None)
    whole: Any = whole_batch
    return DataLoader(
        dataset,
        batch_size=BATCH_SIZE,
        sampler=RandomSampler(dataset, generator=torch.Generator().manual_seed(seed)),
        collate_fn=whole,
        drop_last=len(dataset) % BATCH_SIZE == 1,
    )


def trainer(epochs: int) -> Trainer:
    return Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def seconds_a_token(data: TextDataModule, settings: dict[str, Any], dataset: ArrayDataset, name: str) -> float:
    """Seconds of a whole training epoch, a real token."""
    torch.manual_seed(0)
    model = TransformerClassifier(data.inputs, data.num_classes, **settings)
    batches, fit = loader(name, dataset), trainer(1)
    started = time.perf_counter()
    fit.fit(model, batches)
    taken = time.perf_counter() - started
    assert dataset.lengths is not None
    tokens = int(dataset.lengths.sum())
    print(f"{name}: {tokens / taken:,.0f} tokens/s", file=sys.stderr)
    return taken / tokens


def accuracy(data: TextDataModule, dataset: ArrayDataset, name: str, *, epochs: int, seed: int) -> float:
    """What a small transformer reaches on the test part."""
    torch.manual_seed(seed)
    model = TransformerClassifier(data.inputs, data.num_classes, **SMALL, lr=2e-3, label_smoothing=0.1)
    fit = trainer(epochs)
    fit.fit(model, loader(name, dataset, seed=seed))
    tested = fit.test(model, data.test_dataloader(), verbose=False)
    return float(tested[0]["test/accuracy"])


def say_padding(dataset: ArrayDataset) -> None:
    """The share of padding in the batches of both ways."""
    for name in ("random", "grouped"):
        masks = [batch["mask"] for batch in loader(name, dataset)]
        share = 1 - sum(int(mask.sum()) for mask in masks) / sum(mask.numel() for mask in masks)
        print(f"padding, {name}: {share:.1%} of the places in a batch", file=sys.stderr)


if __name__ == "__main__":
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    sys.exit(main(run, __doc__))
