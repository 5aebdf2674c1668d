"""The benchmark of text batches: both ways train on the same rows, and it runs."""

from itertools import chain

import pytest
import torch

from benchmarks import text_batches
from tests.fits import QUIET

pytestmark = [*QUIET, pytest.mark.filterwarnings("ignore:.*no `val_dataloader`.*")]


@pytest.mark.slow
def test_both_ways_train_on_the_same_rows_in_as_many_steps() -> None:
    dataset = text_batches.every(text_batches.texts().dataset("train"), 9)
    batches = {
        name: [batch["index"].tolist() for batch in text_batches.loader(name, dataset)]
        for name in ("random", "grouped")
    }
    expected = sorted(range(0, 9 * len(dataset), 9))
    for rows in batches.values():
        assert sorted(chain.from_iterable(rows)) == expected
    assert len(batches["random"]) == len(batches["grouped"])
    assert batches["random"] != batches["grouped"]


@pytest.mark.slow
def test_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    reached = {"grouped": iter((0.5, 0.7)), "random": iter((0.6, 0.9))}
    monkeypatch.setattr(text_batches, "accuracy", lambda data, dataset, name, **options: next(reached[name]))
    speed, accuracy = text_batches.run(small=True)
    assert len(speed.ratios) == 2
    assert min(speed.ratios) > 0
    assert "tokens/s" in speed.what
    assert accuracy.median == pytest.approx(0.6 / 0.75)
    assert accuracy.reached is False


@pytest.mark.slow
def test_the_small_transformer_learns_in_both_ways() -> None:
    data = text_batches.texts()
    rows = text_batches.every(data.dataset("train"), 4)
    for name in ("random", "grouped"):
        assert text_batches.accuracy(data, rows, name, epochs=2, seed=0) > 1.5 / data.num_classes
