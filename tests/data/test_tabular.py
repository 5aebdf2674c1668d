"""The table data module: from a file to batches, fitted on train rows only, restored without fitting again."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from tests.data.tables import shared, write_csv
from zoo.data.arrays import ArrayDataset
from zoo.data.tabular import TabularDataModule
from zoo.errors import InputError

PARTS = ("train", "val", "test")


def columns(n: int = 60, seed: int = 0) -> dict[str, list[Any]]:
    """Two numbers (one with gaps), a category, a boolean, a date, and classes."""
    generator = np.random.default_rng(seed)
    return {
        "size": generator.normal(5, 2, n).round(4).tolist(),
        "gaps": [None if i % 5 == 0 else i for i in range(n)],
        "colour": [("red", "green", "blue")[i % 3] for i in range(n)],
        "flag": [i % 2 == 0 for i in range(n)],
        "when": [f"20{10 + i % 9}-0{1 + i % 9}-1{i % 9}" for i in range(n)],
        "label": [("no", "yes")[i % 2] for i in range(n)],
    }


@pytest.fixture
def file(tmp_path: Path) -> str:
    return write_csv(tmp_path / "data.csv", columns())


def arrays(data: TabularDataModule, part: str) -> dict[str, torch.Tensor]:
    return data.dataset(part).arrays


def test_inputs_and_classes_are_known_before_any_training(file: str) -> None:
    data = TabularDataModule(file)
    assert data.inputs == {
        "modality": "tabular",
        "n_numeric": 1 + 2 + 1 + 7,
        "cardinalities": [5],
        "n_rows": len(data.dataset("train")),
    }
    assert (data.num_classes, data.class_names) == (2, ["no", "yes"])
    assert not data.multilabel


def test_a_batch_holds_numbers_ids_target_and_index(file: str) -> None:
    data = TabularDataModule(file, batch_size=8)
    batch = next(iter(data.train_dataloader()))
    assert {name: (array.dtype, tuple(array.shape)) for name, array in batch.items()} == {
        "numeric": (torch.float32, (8, 11)),
        "categorical": (torch.int32, (8, 1)),
        "index": (torch.int64, (8,)),
        "target": (torch.int64, (8,)),
    }


def test_rows_targets_and_index_stay_together(file: str) -> None:
    data = TabularDataModule(file)
    written = columns()
    size = data.encoder.columns if data.inputs else {}
    for part in PARTS:
        encoded = arrays(data, part)
        rows = data.source(part).index[encoded["index"].numpy()]
        raw = encoded["numeric"][:, 0].numpy() * size["size"]["std"][0] + size["size"]["mean"][0]
        np.testing.assert_allclose(raw, np.array(written["size"])[rows], atol=1e-4)
        assert [data.class_names[i] for i in encoded["target"].tolist()] == [written["label"][row] for row in rows]


def test_the_scaler_saw_train_rows_only(tmp_path: Path) -> None:
    """Far larger numbers in the other parts would move mean and deviation if they had been seen."""
    folder = tmp_path / "set"
    for part, shift in (("train", 0.0), ("val", 1e6), ("test", -1e6)):
        content = columns(seed=len(part))
        content["size"] = [value + shift for value in content["size"]]
        write_csv(folder / f"{part}.csv", content)
    data = TabularDataModule(str(folder))
    train = np.array(columns(seed=5)["size"])
    data.setup("fit")
    assert data.encoder.columns["size"]["mean"] == pytest.approx([train.mean()], rel=1e-12)
    assert data.encoder.columns["size"]["std"] == pytest.approx([train.std()], rel=1e-12)
    numeric = arrays(data, "train")["numeric"][:, 0].double()
    assert abs(float(numeric.mean())) < 1e-6
    assert float(numeric.std(correction=0)) == pytest.approx(1, abs=1e-6)
    assert float(arrays(data, "val")["numeric"][:, 0].mean()) > 1e5


def test_within_one_file_the_scaler_saw_train_rows_only(file: str) -> None:
    data = TabularDataModule(file, val_fraction=0.4, test_fraction=0.4)
    data.setup("fit")
    rows = data.source("train").index
    assert len(rows) == 12
    assert data.encoder.columns["size"]["mean"] == pytest.approx([np.array(columns()["size"])[rows].mean()])


def test_arrays_are_what_plain_numpy_makes_of_the_rows(tmp_path: Path) -> None:
    """Every kind of column, encoded here once more from the cells as they were written."""
    written = columns(300, seed=2)
    written["colour"][7] = "once"
    written["colour"][8] = None
    data = TabularDataModule(write_csv(tmp_path / "d.csv", written))
    train = data.source("train").index if data.inputs else np.empty(0)
    for part in PARTS:
        rows = data.source(part).index
        numeric = [scaled(np.array(written["size"]), train)[rows]]
        gaps = np.array([np.nan if cell is None else cell for cell in written["gaps"]])
        numeric += [scaled(gaps, train)[rows], np.isnan(gaps)[rows], scaled(np.array(written["flag"]), train)[rows]]
        days = np.array(written["when"], "datetime64[D]")
        months = days.astype("datetime64[M]").astype(int) % 12 + 1
        weekdays = (days.astype(int) + 3) % 7  # the first of January 1970 was a Thursday
        numeric.append(scaled(days.astype(int) / 365.2425, train)[rows])
        for angle in (months * (2 * np.pi / 12), weekdays * (2 * np.pi / 7), np.zeros(300)):
            numeric += [scaled(np.sin(angle), train)[rows], scaled(np.cos(angle), train)[rows]]
        encoded = arrays(data, part)
        np.testing.assert_allclose(encoded["numeric"].numpy(), np.stack(numeric, axis=1), atol=1e-5)
        colours = [written["colour"][row] for row in rows]
        assert encoded["categorical"][:, 0].tolist() == [
            {None: 1, "blue": 2, "green": 3, "red": 4}.get(c, 0) for c in colours
        ]
        assert encoded["target"].tolist() == [("no", "yes").index(written["label"][row]) for row in rows]


def scaled(values: np.ndarray[Any, Any], train: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Standardised by the train rows; a gap is 0."""
    deviation = np.nanstd(values[train])
    return np.asarray(np.nan_to_num((values - np.nanmean(values[train])) / (deviation if deviation > 1e-12 else 1)))


def test_rows_outside_train_decide_nothing(tmp_path: Path) -> None:
    """The same file with other cells in its validation and test rows: what was learned is the same."""
    plain = columns(100)
    data = TabularDataModule(write_csv(tmp_path / "a.csv", plain))
    data.setup("fit")
    train = set(data.source("train").index.tolist())
    odd = {name: list(values) for name, values in plain.items()}
    for row in set(range(100)) - train:
        odd["size"][row] = None if row % 2 else 1e9  # gaps where train has none
        odd["colour"][row] = "pink"
        odd["when"][row] = "2055-01-01"
        odd["gaps"][row] = -5000
    other = TabularDataModule(write_csv(tmp_path / "b.csv", odd))
    other.setup("fit")
    assert other.source("train").index.tolist() == sorted(train)
    assert other.encoder.columns == data.encoder.columns
    for name, array in arrays(data, "train").items():
        assert torch.equal(arrays(other, "train")[name], array)
    assert set(arrays(other, "val")["categorical"][:, 0].tolist()) == {0}


def test_the_split_copies_no_column(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    content = {f"x{i}": generator.normal(size=10_000).tolist() for i in range(8)}
    data = TabularDataModule(write_csv(tmp_path / "d.csv", content | {"label": ["a", "b"] * 5_000}))
    before = pa.total_allocated_bytes()
    tables = [data.sources[part].rows for part in PARTS]
    assert tables[0] is tables[1] is tables[2]
    assert tables[0].nbytes >= 8 * 8 * 10_000
    assert pa.total_allocated_bytes() - before < 1.4 * tables[0].nbytes


def test_pitfall_22_a_batch_is_one_gather(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = TabularDataModule(file, batch_size=10)
    calls: list[int] = []
    whole = ArrayDataset.__getitems__

    def counted(self: ArrayDataset, rows: Any) -> Any:
        calls.append(len(rows))
        return whole(self, rows)

    one = ArrayDataset.__getitem__

    def whole_only(self: ArrayDataset, row: Any) -> Any:
        assert isinstance(row, torch.Tensor), "one row at a time"
        return one(self, row)

    monkeypatch.setattr(ArrayDataset, "__getitems__", counted)
    monkeypatch.setattr(ArrayDataset, "__getitem__", whole_only)
    n = len(data.dataset("train"))
    seen = torch.cat([batch["index"] for batch in data.train_dataloader()])
    assert calls == [10] * (n // 10) + ([n % 10] if n % 10 else [])
    assert sorted(seen.tolist()) == list(range(n))


def test_train_is_shuffled_anew_each_epoch_and_the_rest_is_not(file: str) -> None:
    data = TabularDataModule(file, batch_size=8)
    loader = data.train_dataloader()
    first, second = (torch.cat([batch["index"] for batch in loader]).tolist() for _ in range(2))
    assert first != second
    for part in ("val", "test"):
        index = torch.cat([batch["index"] for batch in getattr(data, f"{part}_dataloader")()])
        assert index.tolist() == list(range(len(data.dataset(part))))


@pytest.mark.parametrize(("n", "expected"), [(33, [8, 8, 8, 8]), (34, [8, 8, 8, 8, 2]), (1, [1])])
def test_no_last_train_batch_of_a_single_row(tmp_path: Path, n: int, expected: list[int]) -> None:
    content = columns()
    train = {name: values[:n] * (2 if n == 1 else 1) for name, values in content.items()}
    if n == 1:
        train = {name: [values[0], values[1]] for name, values in content.items()}
        expected = [2]
    file = write_csv(tmp_path / "train.csv", train)
    other = write_csv(tmp_path / "other.csv", content)
    data = TabularDataModule(file, val_path=other, test_fraction=0.0, batch_size=8)
    assert [len(batch["index"]) for batch in data.train_dataloader()] == expected


def test_evaluation_keeps_a_last_batch_of_a_single_row(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "train.csv", columns())
    other = write_csv(tmp_path / "other.csv", {name: values[:17] for name, values in columns().items()})
    data = TabularDataModule(file, val_path=other, batch_size=8)
    assert [len(batch["index"]) for batch in data.val_dataloader()] == [8, 8, 1]


def test_files_in_a_folder(tmp_path: Path) -> None:
    for part, n in (("train", 30), ("validation", 10), ("TEST", 12)):
        write_csv(tmp_path / "set" / f"{part}.csv", columns(n))
    data = TabularDataModule(str(tmp_path / "set"))
    assert [len(data.dataset(part)) for part in PARTS] == [30, 10, 12]


def test_a_folder_with_train_and_test_only_splits_validation_off_train(tmp_path: Path) -> None:
    for part, n in (("train", 100), ("test", 12)):
        write_csv(tmp_path / "set" / f"{part}.csv", columns(n))
    data = TabularDataModule(str(tmp_path / "set"), val_fraction=0.2)
    assert [len(data.dataset(part)) for part in PARTS] == [80, 20, 12]


def test_files_of_their_own(tmp_path: Path) -> None:
    paths = [write_csv(tmp_path / f"{name}.csv", columns(n)) for name, n in (("a", 30), ("b", 10), ("c", 12))]
    data = TabularDataModule(paths[0], val_path=paths[1], test_path=paths[2])
    assert [len(data.dataset(part)) for part in PARTS] == [30, 10, 12]
    assert data.source("val").index.tolist() == list(range(10))


def test_a_folder_without_train_says_what_it_holds(tmp_path: Path) -> None:
    write_csv(tmp_path / "set" / "mine.csv", columns())
    with pytest.raises(InputError, match=r"is a folder without train.csv \(or .parquet\); it holds mine.csv"):
        TabularDataModule(str(tmp_path / "set")).setup("fit")
    write_csv(tmp_path / "twice" / "train.csv", columns())
    write_csv(tmp_path / "twice" / "train.tsv", columns())
    with pytest.raises(InputError, match=r"both train.csv and train.tsv are a train part"):
        TabularDataModule(str(tmp_path / "twice")).setup("fit")


def test_ignored_columns(file: str) -> None:
    data = TabularDataModule(file, ignore=["when", "colour"])
    assert (data.inputs["n_numeric"], data.inputs["cardinalities"]) == (4, [])
    with pytest.raises(InputError, match=r"has no column 'wen' \(data.ignore\): did you mean 'when'\?"):
        TabularDataModule(file, ignore=["wen"]).setup("fit")


def test_classes_that_only_test_has_are_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_csv(tmp_path / "a.csv", columns())
    other = columns(20)
    other["label"][3] = "maybe"
    data = TabularDataModule(file, test_path=write_csv(tmp_path / "b.csv", other))
    assert len(data.dataset("test")) == 19
    assert 3 not in data.source("test").index
    assert "1 rows are of classes train does not have ('maybe', ...): left out" in capsys.readouterr().err


def test_too_few_rows_for_validation_is_an_error(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", {"x": [1, 2], "label": ["a", "b"]})
    with pytest.raises(InputError, match="2 rows leave none for validation"):
        TabularDataModule(file).setup("fit")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "guess"}, "data.task must be auto, classification or regression, got 'guess'"),
        ({"batch_size": 0}, "data.batch_size must be at least 1, got 0"),
        ({"val_fraction": 0.6, "test_fraction": 0.6}, "val_fraction and test_fraction must be in"),
        ({"target": "lable"}, r"has no column 'lable' \(data.target\): did you mean 'label'\?"),
    ],
)
def test_wrong_arguments_are_one_line(file: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        TabularDataModule(file, **options).setup("fit")
    assert "\n" not in str(raised.value)


def test_state_into_a_fresh_module_gives_identical_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_csv(tmp_path / "a.csv", columns())
    data = TabularDataModule(file)
    state = data.state_dict()
    other = write_csv(tmp_path / "b.csv", columns(40, seed=9))
    data.use_whole(other, with_target=True)
    fresh = TabularDataModule(file)
    fresh.load_state_dict(state)

    def refit(*args: Any) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr(TabularDataModule, "fit_encoder", refit)
    assert fresh.inputs == data.inputs
    assert fresh.class_names == data.class_names
    assert fresh.rows_per_batch == data.rows_per_batch
    fresh.use_whole(other, with_target=True)
    for name, array in arrays(data, "test").items():
        assert torch.equal(array, arrays(fresh, "test")[name]), name


def test_the_state_passes_the_weights_only_loader(file: str, tmp_path: Path) -> None:
    torch.save(TabularDataModule(file).state_dict(), tmp_path / "state.pt")
    assert torch.load(tmp_path / "state.pt", weights_only=True)["target"]["class_names"] == ["no", "yes"]


def test_pitfall_23_unseen_categories_at_predict_are_counted_and_said(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = TabularDataModule(file)
    data.setup("fit")
    new = columns(6)
    del new["label"]
    new["colour"] = ["pink", "red", "pink", "blue", None, "cyan"]
    source = data.use_whole(write_csv(tmp_path / "new.csv", new), with_target=False)
    categorical = arrays(data, "predict")["categorical"][:, 0].tolist()
    assert [i for i, value in enumerate(categorical) if value == 0] == [0, 2, 5]
    assert categorical[4] == 1
    assert "column 'colour' has 3 cells whose value train rows do not hold" in capsys.readouterr().err
    assert source.row_labels() == ["0", "1", "2", "3", "4", "5"]
    assert "target" not in arrays(data, "predict")


def test_predict_on_turned_columns_and_without_one(file: str, tmp_path: Path) -> None:
    data = TabularDataModule(file)
    data.setup("fit")
    new = columns(8)
    data.use_whole(write_csv(tmp_path / "same.csv", new), with_target=False)
    expected = arrays(data, "predict")
    data.use_whole(write_csv(tmp_path / "turned.csv", dict(reversed(new.items()))), with_target=False)
    for name, array in arrays(data, "predict").items():
        assert torch.equal(array, expected[name])
    del new["size"]
    data.use_whole(write_csv(tmp_path / "less.csv", new), with_target=False)
    with pytest.raises(InputError, match=r"less.csv.*'size'"):
        data.dataset("predict")


def test_predict_without_a_file_is_an_error(file: str) -> None:
    with pytest.raises(InputError, match="nothing to predict on: give a file"):
        TabularDataModule(file).predict_dataloader()


def test_fingerprint_tells_other_rows_and_another_split(file: str, tmp_path: Path) -> None:
    same = [TabularDataModule(file, seed=seed).fingerprint for seed in (0, 0, 1)]
    assert same[0] == same[1] != same[2]
    assert TabularDataModule(write_csv(tmp_path / "n.csv", columns(61))).fingerprint != same[0]


def test_two_modules_do_not_share_state(file: str) -> None:
    one, other = TabularDataModule(file), TabularDataModule(file, ignore=["when"])
    assert one.inputs["n_numeric"] == 11
    assert other.inputs["n_numeric"] == 4


def test_paths_in_a_checkpoint_are_absolute(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(file).parent)
    assert TabularDataModule("data.csv").portable_arguments()["path"] == file
    assert TabularDataModule("sample:wine").portable_arguments()["path"] == "sample:wine"


@pytest.mark.parametrize(
    ("name", "rows", "task", "outputs"),
    [
        ("breast_cancer", 569, "classification", ["benign", "malignant"]),
        ("wine", 178, "classification", ["class_0", "class_1", "class_2"]),
        ("diabetes", 442, "regression", ["target"]),
    ],
)
def test_samples(name: str, rows: int, task: str, outputs: list[str]) -> None:
    data = TabularDataModule(f"sample:{name}")
    assert sum(len(data.dataset(part)) for part in PARTS) == rows
    assert (data.target_encoder.task, data.class_names) == (task, outputs)


# ---- real sets -----------------------------------------------------------------------------------------------------


def test_adult() -> None:
    data = TabularDataModule(str(shared("adult")), target="income")
    assert len(data.dataset("train")) + len(data.dataset("val")) == 32_561
    assert len(data.dataset("test")) == 16_281
    assert data.inputs["n_numeric"] == 6
    assert len(data.inputs["cardinalities"]) == 8
    assert data.class_names == ["<=50K", ">50K"]
    target = arrays(data, "train")["target"].float()
    assert float(target.mean()) == pytest.approx(float(arrays(data, "val")["target"].float().mean()), abs=1e-4)


def test_titanic(capsys: pytest.CaptureFixture[str]) -> None:
    data = TabularDataModule(str(shared("titanic") / "data.csv"), target="survived")
    assert [len(data.dataset(part)) for part in PARTS] == [623, 134, 134]
    assert data.class_names == ["0", "1"]
    assert "age.missing" in data.encoder.numeric_names
    assert data.encoder.category_names == ["sex", "embarked", "class", "who", "deck", "embark_town"]
    assert torch.isfinite(arrays(data, "train")["numeric"]).all()


def test_nursery_with_a_class_of_two_rows() -> None:
    data = TabularDataModule(str(shared("nursery") / "data.csv"))
    assert data.num_classes == 5
    assert data.inputs["n_numeric"] <= 1
    counts = data.class_counts
    assert int(counts.min()) >= 1
    assert sum(len(data.dataset(part)) for part in PARTS) == 12_960


def test_telco_churn_drops_the_customer_number(capsys: pytest.CaptureFixture[str]) -> None:
    data = TabularDataModule(str(shared("telco_churn") / "data.csv"), target="Churn")
    assert data.class_names == ["No", "Yes"]
    data.setup("fit")
    assert "column 'customerID' is left out: it looks like an identifier" in capsys.readouterr().err
    assert data.encoder.columns["TotalCharges"]["kind"] == "number"
    assert sum(len(data.dataset(part)) for part in PARTS) == 7_043
