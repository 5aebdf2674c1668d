"""Length-grouped batches: every row once, less padding, the same length Lightning counts on."""

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, RandomSampler, SequentialSampler

from zoo.data.batches import LengthGroupedBatchSampler

N_ROWS = 1003
LENGTHS = torch.randint(1, 200, (N_ROWS,), generator=torch.Generator().manual_seed(0))


def _grouped(*, drop_last: bool = False, shuffle: bool = True, window: int = 10) -> LengthGroupedBatchSampler:
    sampler = RandomSampler(range(N_ROWS)) if shuffle else SequentialSampler(range(N_ROWS))
    return LengthGroupedBatchSampler(sampler, 16, drop_last, lengths=LENGTHS, shuffle=shuffle, window=window)


def _padding(batches: BatchSampler) -> int:
    return sum(int((LENGTHS[batch].max() - LENGTHS[batch]).sum()) for batch in batches)


@pytest.mark.parametrize("shuffle", [True, False])
def test_every_row_comes_once(shuffle: bool) -> None:
    grouped = _grouped(shuffle=shuffle)
    batches = list(grouped)
    assert sorted(row for batch in batches for row in batch) == list(range(N_ROWS))
    assert len(grouped) == len(batches) == 63


def test_drop_last_leaves_out_the_batch_that_is_not_full() -> None:
    grouped = _grouped(drop_last=True)
    batches = list(grouped)
    assert len(grouped) == len(batches) == 62
    assert {len(batch) for batch in batches} == {16}


def test_grouping_wastes_less_padding_than_chance() -> None:
    random = _padding(BatchSampler(RandomSampler(range(N_ROWS)), 16, False))
    assert _padding(_grouped()) < 0.2 * random
    assert _padding(_grouped(shuffle=False)) < 0.05 * random


def test_epochs_differ_in_training_and_follow_the_global_generator() -> None:
    grouped = _grouped()
    torch.manual_seed(1)
    first, second = list(grouped), list(grouped)
    torch.manual_seed(1)
    assert first == list(grouped)
    assert first != second


def test_evaluation_goes_from_long_to_short_and_uses_no_randomness() -> None:
    grouped = _grouped(shuffle=False)
    state = torch.get_rng_state()
    batches = list(grouped)
    assert batches == list(grouped)
    assert torch.equal(state, torch.get_rng_state())
    longest = [int(LENGTHS[batch].max()) for batch in batches]
    assert longest == sorted(longest, reverse=True)


def test_processes_share_the_rows() -> None:
    seen: list[int] = []
    for rank in range(2):
        sampler = DistributedSampler(range(N_ROWS), num_replicas=2, rank=rank, shuffle=True, drop_last=True)  # type: ignore[arg-type,var-annotated]
        seen += [
            row
            for batch in LengthGroupedBatchSampler(sampler, 16, False, lengths=LENGTHS, shuffle=True)
            for row in batch
        ]
    assert len(seen) == len(set(seen)) == N_ROWS - 1


def test_no_rows_give_no_batches() -> None:
    assert list(LengthGroupedBatchSampler([], 4, False, lengths=[], shuffle=True)) == []


def test_window_must_be_positive() -> None:
    with pytest.raises(ValueError, match="window must be at least 1, got 0"):
        _grouped(window=0)


class _Echo(LightningModule):
    """Gives back the rows it is given."""

    def predict_step(self, batch: Tensor) -> Tensor:
        return batch

    def predict_dataloader(self) -> DataLoader[Tensor]:
        return DataLoader(range(N_ROWS), batch_sampler=_grouped(shuffle=False, drop_last=True))  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # Lightning 2.6 on torch 2.14
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_lightning_builds_it_again_without_drop_last_to_predict() -> None:
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    predicted = trainer.predict(_Echo())
    assert predicted is not None
    assert sorted(torch.cat(predicted).tolist()) == list(range(N_ROWS))  # type: ignore[arg-type]
