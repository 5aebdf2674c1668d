"""Loaders: batches of row numbers in, whole batches out; each is one gather."""

from __future__ import annotations

import os
import warnings
from typing import Any

from torch.utils.data import DataLoader, SequentialSampler

from zoo.data.arrays import ArrayDataset, Batch, whole_batch
from zoo.data.batches import EpochBatches, evaluation_order
from zoo.data.cores import usable_cores

MOST_WORKERS = 4


def build_loader(
    dataset: ArrayDataset, part: str, *, batch_size: int, num_workers: int | None, seed: int, epoch: int, trainer: Any
) -> DataLoader[Batch]:
    """The loader of a part.

    Args:
        dataset: Its rows.
        part: `train`, `val`, `test` or `predict`.
        batch_size: Rows a batch of one process.
        num_workers: Loader processes; None chooses.
        seed: Of the order of train rows.
        epoch: That comes first.
        trainer: Lightning's, or None.
    """
    workers = choose_workers(dataset, trainer) if num_workers is None else num_workers
    options: dict[str, Any] = {
        "num_workers": workers,
        "collate_fn": whole_batch,
        "pin_memory": device_type(trainer) == "cuda",
        "persistent_workers": workers > 0,
    }
    if part in ("train", "val") and getattr(trainer, "overfit_batches", None):
        # Lightning wants a sampler of this class: the same batches in every epoch.
        options |= {"sampler": SequentialSampler(dataset), "batch_size": batch_size}
        lonely = len(dataset) > batch_size and len(dataset) % batch_size == 1
        return DataLoader(dataset, drop_last=part == "train" and lonely, **options)
    if part == "predict":  # Lightning builds this loader again, to tell a prediction writer which rows it sees
        order = evaluation_order(len(dataset), dataset.lengths).tolist()
        return DataLoader(dataset, batch_size=batch_size, sampler=order, **options)
    batches = EpochBatches(
        len(dataset),
        batch_size,
        shuffle=part == "train",
        seed=(seed, int(os.environ.get("PL_GLOBAL_SEED", 0))),
        lengths=dataset.lengths,
        processes=processes(trainer),
    )
    batches.set_epoch(epoch)
    return DataLoader(dataset, batch_size=None, sampler=batches, **options)


def device_type(trainer: Any) -> str:
    """Where the batches go: cpu, cuda, mps, ..."""
    return "cpu" if trainer is None else str(trainer.strategy.root_device.type)


def processes(trainer: Any) -> tuple[int, int] | None:
    """How many processes share the rows and which one this is, as the trainer's strategy has it; None without one."""
    if trainer is None:
        return None
    of_strategy = trainer.distributed_sampler_kwargs or {"num_replicas": 1, "rank": 0}
    return of_strategy["num_replicas"], of_strategy["rank"]


def epochs_done(trainer: Any) -> int:
    """Epochs that a checkpoint made now has behind it.

    A resumed run starts its loader processes with it: they begin before Lightning tells the sampler the epoch.
    """
    return 0 if trainer is None else int(trainer.fit_loop.epoch_progress.current.processed)


def choose_workers(dataset: ArrayDataset, trainer: Any) -> int:
    """Loader processes: none for arrays in memory, where a batch is one gather and sending it costs more.

    Only where an accelerator computes and batches are augmented are there idle cores with something to do.
    """
    if device_type(trainer) == "cpu" or dataset.transform is None:
        # Lightning advises workers whatever the data; here it would be wrong.
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        return 0
    return int(max(0, min(MOST_WORKERS, usable_cores() // trainer.num_devices - 1)))
