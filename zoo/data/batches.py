"""Which rows make each batch of an epoch: the same for any number of processes, from the seed and the epoch alone.

seed, epoch -> order of all rows -> (texts: sorted by length within windows) -> global batches -> this process's share
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, distributed
from torch.utils.data import DistributedSampler

WINDOW = 50  # batches sorted together: leaves 2 % more padding than sorting a whole epoch, and much more chance


class EpochBatches(DistributedSampler[Tensor]):
    """Batches of row numbers, shared so that the k-th batches of all processes make up the k-th global batch.

    A `DistributedSampler`, since Lightning leaves such a loader as it is and tells its sampler the epoch. Rows are
    never repeated for filling up, except where a process would have none: evaluation counts such rows once, by
    `index`. In training a last batch is left out where a process would have less than two of its rows: a single row
    breaks batch normalisation.

    Args:
        n_rows: Rows of the data set.
        batch_size: Rows a batch of one process.
        shuffle: For training: another order in every epoch. False is for evaluation: rows in order.
        seed: Numbers that choose the orders, together with the epoch.
        lengths: Length of each row, (rows,), where rows of similar length should make a batch; in evaluation the
            longest come first, so that memory runs out at once or never. None where all rows are alike.
        processes: How many processes share the rows, and which one this is; None asks torch.distributed when needed.

    Shape:
        Each item: int64 (batch,), row numbers.

    Example:
        >>> [batch.tolist() for batch in EpochBatches(5, 1, shuffle=False, processes=(2, 0))]
        [[0], [2], [4]]
        >>> [batch.tolist() for batch in EpochBatches(5, 1, shuffle=False, processes=(2, 1))]
        [[1], [3], [4]]
    """

    def __init__(
        self,
        n_rows: int,
        batch_size: int,
        *,
        shuffle: bool,
        seed: tuple[int, ...] = (0,),
        lengths: Tensor | None = None,
        processes: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(range(n_rows), num_replicas=1, rank=0, shuffle=shuffle)  # type: ignore[arg-type]
        self.n_rows = n_rows
        self.batch_size = batch_size
        self.order_seed = seed
        self.lengths = lengths
        self._processes = processes

    @property
    def processes(self) -> tuple[int, int]:
        """How many processes share the rows, and which one this is."""
        if self._processes is not None:
            return self._processes
        if distributed.is_available() and distributed.is_initialized():
            return distributed.get_world_size(), distributed.get_rank()
        return 1, 0

    def __len__(self) -> int:
        world, _ = self.processes
        n_full, rest = divmod(self.n_rows, self.batch_size * world)
        too_few = self.shuffle and n_full > 0 and rest < 2 * world
        return n_full + (rest > 0 and not too_few)

    def __iter__(self) -> Iterator[Tensor]:
        # A generator: nothing is drawn before the first batch is asked for, when the epoch is known.
        world, rank = self.processes
        for rows in self._global_batches(self.batch_size * world)[: len(self)]:
            yield rows if world == 1 else shared(rows, world, rank)
        self.epoch += 1  # for loops without Lightning, which sets the epoch itself

    def _global_batches(self, batch_size: int) -> list[Tensor]:
        if not self.shuffle:
            return list(torch.split(evaluation_order(self.n_rows, self.lengths), batch_size))
        generator = torch.Generator().manual_seed(mixed(*self.order_seed, self.epoch))
        rows = torch.randperm(self.n_rows, generator=generator)
        if self.lengths is None:
            return list(torch.split(rows, batch_size))
        return grouped_by_length(rows, self.lengths, batch_size, generator)


def evaluation_order(n_rows: int, lengths: Tensor | None) -> Tensor:
    """Rows in order, or the longest first, int64 (rows,)."""
    return torch.arange(n_rows) if lengths is None else lengths.argsort(descending=True, stable=True)


def grouped_by_length(rows: Tensor, lengths: Tensor, batch_size: int, generator: torch.Generator) -> list[Tensor]:
    """Shuffled rows as batches of similar length in a shuffled order; what fills no batch stays the last.

    Args:
        rows: Row numbers in random order, (rows,).
        lengths: Length of each row of the data set, (rows of the set,).
        batch_size: Rows a batch.
        generator: Draws the order of the batches.
    """
    batches: list[Tensor] = []
    for window in torch.split(rows, WINDOW * batch_size):
        batches += torch.split(window[lengths[window].argsort(descending=True, stable=True)], batch_size)
    n_full = len(rows) // batch_size
    places = torch.randperm(n_full, generator=generator).tolist()
    return [batches[place] for place in places] + batches[n_full:]


def shared(rows: Tensor, world: int, rank: int) -> Tensor:
    """Every `world`-th row of a batch; of a batch with fewer rows than processes some come twice."""
    share = rows[rank::world]
    return share if len(share) else rows[rank % len(rows)].unsqueeze(0)


def mixed(*numbers: int) -> int:
    """One seed from several numbers, so that seed 0 in epoch 1 is another order than seed 1 in epoch 0."""
    return int(np.random.SeedSequence([abs(number) for number in numbers]).generate_state(1, np.uint64)[0] >> 1)
