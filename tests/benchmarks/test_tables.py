"""The benchmark of tables compares the same work and says all of its results."""

from pathlib import Path

import pyarrow.csv as pa_csv
import pytest
import torch

from benchmarks import tables
from zoo.data.tabular import TabularDataModule


@pytest.fixture(autouse=True)
def _public_data(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "SHARED_DATA", shared_data)


def test_every_result_is_there() -> None:
    results = tables.run(small=True)
    assert [result.bar for result in results] == [20, 2, 2.5, 0.1]
    assert all(value > 0 for result in results for value in result.ratios)


def test_the_table_holds_real_rows(tmp_path: Path, shared_data: Path) -> None:
    table = pa_csv.read_csv(tables.write_table(tmp_path / "t.csv", 300))
    assert (table.num_rows, table.num_columns) == (300, 30)
    names = [name for name in table.column_names if name not in ("carat", "cut", "color", "clarity", "depth", "table")]
    assert names[:4] == ["price", "x", "y", "z"]
    whole = pa_csv.read_csv(shared_data / "diamonds" / "data.csv")
    real = {tuple(row.values()) for row in whole.select(["carat", "cut", "price", "z"]).to_pylist()}
    assert {tuple(row.values()) for row in table.select(["carat", "cut", "price", "z"]).to_pylist()} <= real


def test_both_loaders_give_every_row_of_the_same_arrays(tmp_path: Path) -> None:
    data = TabularDataModule(str(tables.write_table(tmp_path / "t.csv", 1000)), target=tables.TARGET, batch_size=256)
    arrays = data.dataset("train").arrays
    seen = torch.cat([batch["index"] for batch in data.train_dataloader()])
    assert sorted(seen.tolist()) == arrays["index"].tolist()
    batch = next(iter(data.train_dataloader()))
    for name, array in arrays.items():
        assert torch.equal(batch[name], array[batch["index"]])


def test_a_start_says_what_it_made_and_a_second_one_makes_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, cache = tables.write_table(tmp_path / "t.csv", 1000), tmp_path / "cache"
    first, second = (tables.in_fresh_process(tables.start_zoo, str(file), str(cache)) for _ in range(2))
    assert first.made == second.made > 1000 * 29 * 4
    assert min(first.seconds, second.seconds, first.peak, second.peak) > 0
