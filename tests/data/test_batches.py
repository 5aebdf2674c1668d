"""Batches of an epoch: every row once, the same for any number of processes, texts grouped by length."""

from itertools import chain

import pytest
import torch
from torch import Tensor, distributed
from torch.utils.data import BatchSampler, RandomSampler

from zoo.data.batches import EpochBatches, mixed

N_ROWS = 1003
LENGTHS = torch.randint(1, 200, (N_ROWS,), generator=torch.Generator().manual_seed(0))


def epoch(
    n_rows: int = N_ROWS,
    batch_size: int = 16,
    *,
    shuffle: bool = True,
    lengths: Tensor | None = LENGTHS,
    processes: tuple[int, int] | None = None,
    number: int = 0,
    seed: tuple[int, ...] = (0,),
) -> list[list[int]]:
    """The batches of one epoch."""
    batches = EpochBatches(n_rows, batch_size, shuffle=shuffle, seed=seed, lengths=lengths, processes=processes)
    batches.set_epoch(number)
    found = [batch.tolist() for batch in batches]
    assert len(found) == len(batches)
    return found


def padding(batches: list[list[int]]) -> int:
    return sum(int((LENGTHS[batch].max() - LENGTHS[batch]).sum()) for batch in batches)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_row_comes_once(shuffle: bool, lengths: Tensor | None) -> None:
    batches = epoch(shuffle=shuffle, lengths=lengths)
    assert sorted(row for batch in batches for row in batch) == list(range(N_ROWS))
    assert [len(batch) for batch in batches] == [16] * 62 + [11]


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("world", [2, 3, 4])
def test_batches_of_processes_make_up_the_batches_of_one(world: int, shuffle: bool, lengths: Tensor | None) -> None:
    one = epoch(batch_size=24, shuffle=shuffle, lengths=lengths, number=3)
    several = [
        epoch(batch_size=24 // world, shuffle=shuffle, lengths=lengths, number=3, processes=(world, rank))
        for rank in range(world)
    ]
    together = [sorted(chain.from_iterable(shares)) for shares in zip(*several, strict=True)]
    assert together == [sorted(batch) for batch in one]
    for shares in zip(*several, strict=True):
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize(("n_rows", "sizes"), [(9, [4, 4]), (10, [4, 4, 2]), (1, [1]), (4, [4])])
def test_training_leaves_out_a_last_batch_of_a_single_row(n_rows: int, sizes: list[int]) -> None:
    assert [len(batch) for batch in epoch(n_rows, 4, lengths=None)] == sizes


@pytest.mark.parametrize(("n_rows", "sizes"), [(9, [[2, 2], [2, 2]]), (11, [[2, 2], [2, 2]]), (12, [[2, 2, 2]] * 2)])
def test_no_process_trains_on_a_single_row(n_rows: int, sizes: list[list[int]]) -> None:
    found = [[len(batch) for batch in epoch(n_rows, 2, lengths=None, processes=(2, rank))] for rank in range(2)]
    assert found == sizes


def test_evaluation_keeps_every_row_and_repeats_one_only_where_a_process_would_have_none() -> None:
    first, second = (epoch(9, 2, shuffle=False, lengths=None, processes=(2, rank)) for rank in (0, 1))
    assert first == [[0, 2], [4, 6], [8]]
    assert second == [[1, 3], [5, 7], [8]]


def test_grouping_wastes_less_padding_than_chance() -> None:
    random = padding(list(BatchSampler(RandomSampler(range(N_ROWS)), 16, False)))
    assert padding(epoch()) < 0.1 * random
    assert padding(epoch(shuffle=False)) < 0.05 * random


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_the_order_follows_seed_and_epoch_and_nothing_else(lengths: Tensor | None) -> None:
    state = torch.get_rng_state()
    first = epoch(lengths=lengths)
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(5)
    assert first == epoch(lengths=lengths)
    assert first != epoch(lengths=lengths, number=1)
    assert first != epoch(lengths=lengths, seed=(1,))


def test_grouped_batches_hold_other_rows_in_each_epoch_and_come_in_no_order_of_length() -> None:
    first, second = epoch(), epoch(number=1)
    assert {frozenset(batch) for batch in first}.isdisjoint(frozenset(batch) for batch in second)
    longest = [int(LENGTHS[batch].max()) for batch in first]
    assert sorted(longest, reverse=True) != longest
    assert abs(sum(longest[:31]) / 31 - sum(longest[31:62]) / 31) < 60  # early and late batches are alike


def test_neighbouring_seeds_and_epochs_do_not_share_orders() -> None:
    assert len({mixed(seed, number) for seed in range(20) for number in range(20)}) == 400


def test_a_loop_without_lightning_sees_another_order_each_time() -> None:
    batches = EpochBatches(40, 4, shuffle=True)
    first, second = ([batch.tolist() for batch in batches] for _ in range(2))
    assert first != second
    assert second == epoch(40, 4, lengths=None, number=1)


def test_evaluation_of_texts_goes_from_long_to_short() -> None:
    longest = [int(LENGTHS[batch].max()) for batch in epoch(shuffle=False)]
    assert longest == sorted(longest, reverse=True)


def test_processes_are_asked_for_when_nobody_told(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = EpochBatches(8, 2, shuffle=False)
    assert batches.processes == (1, 0)
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(distributed, "get_rank", lambda: 1)
    assert len(batches) == 2
    assert [batch.tolist() for batch in batches] == [[1, 3], [5, 7]]
