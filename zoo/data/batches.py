"""Batches of rows of similar length: less padding, so less to compute.

sampler -> windows of some batches -> sorted by length within the window -> cut into batches -> batches shuffled
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, RandomSampler, Sampler


class LengthGroupedBatchSampler(BatchSampler):
    """Put rows of similar length into one batch; every row the sampler gives comes exactly once.

    Under DDP Lightning builds this class again with a `DistributedSampler` in place of `sampler`, hence that name.

    Args:
        sampler: Gives the rows: all of them, or this process's share.
        batch_size: Rows a batch.
        drop_last: Leave out the batch that is not full.
        lengths: Length of every row of the data set, (rows,).
        shuffle: For training: windows in the sampler's order, batches shuffled (torch's global generator). False is
            for evaluation: all rows sorted by length, the longest first, so that memory runs out at once or never.
        window: Batches that are sorted together in training; more means less padding and less chance.

    Example:
        >>> list(LengthGroupedBatchSampler(range(5), 2, False, lengths=[7, 1, 8, 2, 9], shuffle=False))
        [[4, 2], [0, 3], [1]]
    """

    def __init__(
        self,
        sampler: Sampler[int] | Iterable[int],
        batch_size: int,
        drop_last: bool,
        *,
        lengths: Tensor | Sequence[int],
        shuffle: bool,
        window: int = 50,
    ) -> None:
        super().__init__(sampler, batch_size, drop_last)
        if window < 1:
            raise ValueError(f"window must be at least 1, got {window}")
        self.lengths = torch.as_tensor(lengths)
        self.shuffle = shuffle
        self.window = window

    def __iter__(self) -> Iterator[list[int]]:
        rows = torch.as_tensor(list(self.sampler), dtype=torch.int64)
        batches = self._shuffled(rows) if self.shuffle else self._cut(rows)
        for batch in batches:
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch.tolist()

    def _shuffled(self, rows: Tensor) -> list[Tensor]:
        if not isinstance(self.sampler, RandomSampler):
            rows = rows[torch.randperm(len(rows))]  # a sampler of one fixed order would give the same windows for ever
        batches = [batch for part in torch.split(rows, self.window * self.batch_size) for batch in self._cut(part)]
        return [batches[place] for place in torch.randperm(len(batches))]

    def _cut(self, rows: Tensor) -> list[Tensor]:
        order = self.lengths[rows].argsort(descending=True, stable=True)
        return list(torch.split(rows[order], self.batch_size)) if len(rows) else []
