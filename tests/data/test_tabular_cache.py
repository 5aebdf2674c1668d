"""The second start on a table: the same bits, nothing read, nothing encoded; and when it must not be so."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

import zoo
from tests.data.tables import source_of, write_csv
from tests.data.test_tabular import PARTS, columns
from zoo.cli.main import main
from zoo.data import tabular
from zoo.data.source import Source, TableSource
from zoo.data.table import read_table
from zoo.data.tabular import TabularDataModule
from zoo.data.tabular_encoder import TabularEncoder


@pytest.fixture(autouse=True)
def _small_tables_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tabular, "LEAST_BYTES", 0)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def file(tmp_path: Path) -> str:
    return write_csv(tmp_path / "data.csv", columns(80))


def everything(data: TabularDataModule) -> dict[str, Any]:
    """All that a run takes from its data."""
    state = data.state_dict()
    return {
        "arrays": {part: data.dataset(part).arrays for part in PARTS},
        "index": {part: data.source(part).index.tolist() for part in PARTS},
        "labels": {part: data.source(part).row_labels() for part in PARTS},
        "state": state,
        "about": [data.inputs, data.class_names, data.class_counts.tolist(), data.rows_per_batch, data.target],
    }


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    for part in PARTS:
        assert one["arrays"][part].keys() == other["arrays"][part].keys()
        for name, array in one["arrays"][part].items():
            assert array.dtype == other["arrays"][part][name].dtype
            assert torch.equal(array, other["arrays"][part][name]), (part, name)
    assert {name: one[name] for name in one if name != "arrays"} == {
        name: other[name] for name in other if name != "arrays"
    }


def entries(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache").rglob("table.json"))


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: Any, **options: Any) -> Any:
        raise AssertionError("read or encoded again")

    monkeypatch.setattr(tabular, "read_table", forbidden)
    monkeypatch.setattr(TabularEncoder, "fit", forbidden)
    monkeypatch.setattr(TabularEncoder, "encode", forbidden)


def test_the_second_start_equals_the_first_bit_for_bit_and_reads_nothing(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without = everything(TabularDataModule(file, cache_limit=0))
    assert entries(tmp_path) == []
    told = capsys.readouterr().err.splitlines()
    first = everything(TabularDataModule(file))
    said = capsys.readouterr().err.splitlines()
    kept = f"{file}: encoded rows kept for the next start, 0.00 GiB in {tmp_path / 'cache' / 'arrays'}"
    assert said == [*told, kept]
    assert len(entries(tmp_path)) == 1
    forbid_reading(monkeypatch)
    second = everything(TabularDataModule(file))
    assert capsys.readouterr().err.splitlines() == told
    assert_same(first, second)
    assert_same(without, second)


def test_what_was_left_out_is_said_at_each_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = columns(80) | {"id": list(range(80))}
    written["label"][3] = None
    other = columns(20, seed=1) | {"id": list(range(20))}
    other["label"][5], other["colour"][2] = "maybe", "pink"
    file, path = write_csv(tmp_path / "a.csv", written), write_csv(tmp_path / "b.csv", other)
    told = []
    for limit in (0, 1, 1):
        everything(TabularDataModule(file, test_path=path, cache_limit=limit))
        told.append([line for line in capsys.readouterr().err.splitlines() if "for the next start" not in line])
    assert told[0] == told[1] == told[2]
    for part in (
        "target: column",
        "1 of 80 rows have no target",
        "column 'id' is left out",
        "'maybe'",
        "'colour' has 1",
    ):
        assert any(part in line for line in told[2]), part
    monkeypatch.setenv("RANK", "1")
    everything(TabularDataModule(file, test_path=path, seed=1))  # made by a process that does not speak
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("RANK", "0")
    everything(TabularDataModule(file, test_path=path, seed=1))
    assert "target: column" in capsys.readouterr().err


def test_batches_come_from_the_kept_rows_without_a_warning(file: str) -> None:
    TabularDataModule(file).setup("fit")
    data = TabularDataModule(file, batch_size=8)
    whole = data.dataset("train").arrays
    for batch in data.train_dataloader():
        for name, array in batch.items():
            assert torch.equal(array, whole[name][batch["index"]])
            array.zero_()  # a batch belongs to whoever took it
    assert_same(everything(TabularDataModule(file)), everything(TabularDataModule(file, cache_limit=0)))


def test_a_changed_file_is_read_anew(file: str, tmp_path: Path) -> None:
    before = everything(TabularDataModule(file))
    write_csv(Path(file), columns(80, seed=7))
    after = everything(TabularDataModule(file))
    assert len(entries(tmp_path)) == 1  # nobody asks for the rows of before again
    assert not torch.equal(before["arrays"]["train"]["numeric"], after["arrays"]["train"]["numeric"])
    assert_same(after, everything(TabularDataModule(file, cache_limit=0)))


@pytest.mark.parametrize(
    "options",
    [{"seed": 1}, {"ignore": ["size"]}, {"val_fraction": 0.3}, {"test_fraction": 0.3}, {"target": "colour"}],
)
def test_other_arguments_are_another_entry(file: str, tmp_path: Path, options: dict[str, Any]) -> None:
    TabularDataModule(file).setup("fit")
    assert_same(
        everything(TabularDataModule(file, **options)), everything(TabularDataModule(file, cache_limit=0, **options))
    )
    assert len(entries(tmp_path)) == 2


@pytest.mark.parametrize("name", ["zoo.data.cache.__version__", "pyarrow.__version__"])
def test_another_version_reads_and_encodes_anew(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    TabularDataModule(file).setup("fit")
    monkeypatch.setattr(name, "0.0.1", raising=False)
    TabularDataModule(file).setup("fit")
    assert len(entries(tmp_path)) == 2


def test_files_of_their_own_and_who_is_who(tmp_path: Path) -> None:
    a, b = (write_csv(tmp_path / f"{name}.csv", columns(40, seed)) for seed, name in enumerate("ab"))
    for options in ({"val_path": b}, {"test_path": b}):
        same = [everything(TabularDataModule(a, cache_limit=limit, **options)) for limit in (0, 1, 1)]  # type: ignore[arg-type]
        assert_same(same[0], same[1])
        assert_same(same[1], same[2])
    assert len(entries(tmp_path)) == 2
    write_csv(Path(b), columns(30, 5))
    assert len(TabularDataModule(a, val_path=b).dataset("val")) == 30


def test_classes_that_train_does_not_have_stay_left_out(tmp_path: Path) -> None:
    file, other = write_csv(tmp_path / "a.csv", columns()), columns(20)
    other["label"][3] = "maybe"
    path = write_csv(tmp_path / "b.csv", other)
    for limit in (1, 1, 0):
        data = TabularDataModule(file, test_path=path, cache_limit=limit)
        assert len(data.dataset("test")) == len(data.source("test")) == 19
        assert 3 not in data.source("test").index
    assert len({TabularDataModule(file, test_path=path, cache_limit=limit).fingerprint for limit in (0, 1)}) == 1


def test_a_restored_module_takes_the_kept_rows_of_its_own_encoder(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = TabularDataModule(file)
    state = first.state_dict()
    expected = everything(first)
    forbid_reading(monkeypatch)
    for order in ("restored, then set up", "set up, then restored"):
        again = TabularDataModule(file)
        if order.startswith("set"):
            again.setup("fit")
        again.load_state_dict(state)
        again.setup("test")
        assert again.fingerprint == state["fingerprint"]
        for part in PARTS:
            for name, array in expected["arrays"][part].items():
                assert torch.equal(again.dataset(part).arrays[name], array)


@pytest.mark.parametrize("set_up_first", [True, False])
def test_a_restored_encoder_never_gets_rows_that_another_one_encoded(
    file: str, tmp_path: Path, set_up_first: bool
) -> None:
    """As after the file was changed: the checkpoint's encoder wins over what a new start would learn."""
    TabularDataModule(file).setup("fit")
    other = TabularDataModule(write_csv(tmp_path / "other.csv", columns(80, seed=3)))
    state = other.state_dict()
    restored, plain = TabularDataModule(file), TabularDataModule(file, cache_limit=0)
    for data in (restored, plain):
        if set_up_first:
            data.setup("fit")
        data.load_state_dict(state)
    for part in PARTS:
        for name, array in plain.dataset(part).arrays.items():
            assert torch.equal(restored.dataset(part).arrays[name], array)
    assert restored.encoder.columns == other.encoder.columns


@pytest.mark.parametrize("lost", ["table.json", "test.target.npy", "train.rows.npy"])
def test_an_entry_that_goes_while_a_run_starts_is_made_again(file: str, tmp_path: Path, lost: str) -> None:
    first = everything(TabularDataModule(file))
    (entries(tmp_path)[0].parent / lost).unlink()
    assert_same(first, everything(TabularDataModule(file)))
    assert (entries(tmp_path)[0].parent / lost).is_file()


def test_an_entry_that_goes_while_a_run_trains_is_not_missed(file: str, tmp_path: Path) -> None:
    first = everything(TabularDataModule(file))
    data = TabularDataModule(file)
    data.setup("fit")
    shutil.rmtree(tmp_path / "cache" / "arrays")
    assert_same(first, everything(data))  # the test rows are first asked for here


def test_other_files_are_read_with_the_kept_encoder(file: str, tmp_path: Path) -> None:
    new = write_csv(tmp_path / "new.csv", columns(20, seed=4))
    found = []
    for limit in (0, 1, 1):
        data = TabularDataModule(file, cache_limit=limit)
        data.setup("fit")
        assert data.use_whole(new, with_target=False).row_labels() == [str(i) for i in range(20)]
        found.append(data.dataset("predict").arrays)
        data.use_whole(new, with_target=True)
        assert len(data.dataset("test")) == 20
    for name, array in found[0].items():
        assert torch.equal(array, found[1][name])
        assert torch.equal(array, found[2][name])


class Doubled(TabularDataModule):
    """Encodes otherwise."""

    def encode(self, source: Source) -> dict[str, torch.Tensor]:
        arrays = super().encode(source)
        return arrays | {"numeric": 2 * arrays["numeric"]}


def test_what_a_subclass_encodes_is_not_kept(file: str, tmp_path: Path) -> None:
    plain = everything(TabularDataModule(file))
    doubled = Doubled(file).dataset("train").arrays["numeric"]
    assert torch.equal(doubled, 2 * plain["arrays"]["train"]["numeric"])
    assert len(entries(tmp_path)) == 1


def test_a_cache_that_cannot_be_written_is_said_and_the_run_goes_on(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    found = everything(TabularDataModule(file))
    assert "the encoded rows cannot be kept in" in capsys.readouterr().err
    assert_same(found, everything(TabularDataModule(file, cache_limit=0)))


def test_rows_that_turn_out_too_large_are_read_once_and_said(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read: list[Path] = []

    def counted(path: Path) -> pa.Table:
        read.append(path)
        return read_table(path)

    monkeypatch.setattr(tabular, "read_table", counted)
    monkeypatch.setattr(tabular, "expected_bytes", lambda files: 1)
    found = everything(TabularDataModule(file, cache_limit=1e-6))
    said = capsys.readouterr().err
    assert said.count("GiB more are not kept") == 1
    assert said.count("target: column") == 1
    assert "for the next start" not in said
    assert len(read) == 1
    assert entries(tmp_path) == []
    assert_same(found, everything(TabularDataModule(file, cache_limit=0)))


def test_small_tables_and_samples_are_not_kept(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabular, "LEAST_BYTES", 32 << 20)
    TabularDataModule(file).setup("fit")
    monkeypatch.setattr(tabular, "LEAST_BYTES", 0)
    TabularDataModule("sample:wine").setup("fit")
    assert entries(tmp_path) == []


def test_a_file_that_cannot_be_learned_from_leaves_nothing(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", {"x": [1, 2], "label": ["a", "b"]})
    with pytest.raises(ValueError, match="2 rows leave none for validation"):
        TabularDataModule(file).setup("fit")
    assert entries(tmp_path) == []


def test_taking_rows_of_a_table_copies_none_of_it() -> None:
    plain = source_of({"x": range(1000), "w": ["a", "b"] * 500})
    source = TableSource(plain.rows, (), (), plain.index, "t.csv")
    part = source.take(np.arange(0, 1000, 2)).take(np.array([3, 1]))
    assert part.rows is source.rows
    assert part.index.tolist() == [6, 2]
    encoder = TabularEncoder.fit(source.rows)
    arrays = encoder.encode(part.rows, part.path, part.picked)
    for name, array in encoder.encode(plain.rows.take([6, 2]), "t.csv").items():
        assert torch.equal(array, arrays[name])
    assert source.picked is None


@pytest.mark.filterwarnings("ignore")
def test_a_run_from_the_kept_rows_is_tested_predicted_and_resumed_as_any_other(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    TabularDataModule(file, batch_size=16).setup("fit")
    few = ["--data.path", file, "--trainer.max_epochs", "2", "--trainer.logger", "false", "--data.batch_size", "16"]
    for name, limit in (("without", "0"), ("kept", "1")):
        words = ["fit", "--config", "configs/mlp.yaml", "--data.target", "label", *few, "--name", name]
        assert main([*words, "--data.cache_limit", limit]) == 0
    without, kept = ((tmp_path / "runs" / name / "predictions.csv").read_text() for name in ("without", "kept"))
    assert kept == without
    for run in ("without", "kept"):
        assert main(["test", f"runs/{run}", "-o", f"{run}.csv"]) == 0
        assert (tmp_path / f"{run}.csv").read_text() == without
        assert "is not as it was in training" not in capsys.readouterr().err
    again = [zoo.predict(f"runs/{run}", file).to_pydict() for run in ("without", "kept")]
    assert again[0] == again[1]
    assert again[0]["index"] == [str(i) for i in range(80)]
    assert main(["fit", "--resume", "runs/kept", "--trainer.max_epochs", "3"]) == 0
