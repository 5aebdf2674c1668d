"""Silence what libraries print that a user can do nothing about; errors and our own lines stay."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Text that starts a warning -> why it is noise here.
NOISE = (
    ".*recommended to use `self.log\\(.*sync_dist=True.*",  # the values are the same in every process already
    ".*Using `DistributedSampler` with the dataloaders.*",  # duplicates are counted once, see zoo.models.base
    ".*functional.all_gather is deprecated.*",  # Lightning's use of torch
    ".*LightningCLI's args parameter is intended.*",  # ours are what the user typed
    ".*does not have many workers.*",  # arrays in memory need none
    ".*isinstance\\(treespec, LeafSpec\\).*",  # Lightning's use of torch
    ".*The number of training batches.*",  # small data is no mistake
    ".*Checkpoint directory .* exists and is not empty.*",  # a resumed run
    ".*git root.*",
    ".*anonymous setting.*",
    ".*Trainer already configured with model summary.*",
    ".*You called .self.log.*without.*",
    ".*Precision bf16-mixed is not supported by the model summary.*",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning's information lines and known noise are not shown inside."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for text in NOISE:
            warnings.filterwarnings("ignore", text)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
