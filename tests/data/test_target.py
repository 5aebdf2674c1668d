"""Targets: classes from every kind of column, numbers, several labels, and what cannot be learned."""

from typing import Any

import pyarrow as pa
import pytest
import torch

from tests.data.tables import write_csv
from zoo.data.tabular import TabularDataModule
from zoo.data.target import MOST_NUMBER_CLASSES, TargetEncoder, choose_target
from zoo.errors import InputError


def fit(*columns: list[Any], task: str = "auto") -> TargetEncoder:
    names = [f"t{i}" for i in range(len(columns))]
    return TargetEncoder.fit([pa.array(column) for column in columns], names, task, "file.csv")


@pytest.mark.parametrize(
    ("column", "classes"),
    [
        (["no", "yes", "no", None], ["no", "yes"]),
        (["b", "a", "c"], ["a", "b", "c"]),
        ([10, 9, 2, 2], ["2", "9", "10"]),
        ([1.0, 0.0, 1.0, None], ["0", "1"]),
        ([True, False, True], ["false", "true"]),
        (["10", "9", "-1"], ["-1", "9", "10"]),
        (["1", "two", "10"], ["1", "10", "two"]),
    ],
)
def test_classes_are_words_in_a_fixed_order(column: list[Any], classes: list[str]) -> None:
    encoder = fit(column)
    assert (encoder.task, encoder.class_names) == ("classification", classes)
    rows = [value for value in column if value is not None]
    ids = encoder.encode([pa.array(rows)], ["t0"], "file.csv")
    assert ids.dtype == torch.int64
    words = [str(int(v)) if isinstance(v, float) else str(v).lower() if isinstance(v, bool) else str(v) for v in rows]
    assert [classes[i] for i in ids.tolist()] == words


def test_order_does_not_depend_on_the_rows() -> None:
    assert fit([3, 1, 2]).class_names == fit([2, 3, 1]).class_names == ["1", "2", "3"]


def test_the_same_class_in_another_type_is_the_same_class() -> None:
    encoder = fit([0, 1, 2])
    for column in ([2, 0], [2.0, 0.0], ["2", "0"]):
        assert encoder.encode([pa.array(column)], ["t0"], "other.csv").tolist() == [2, 0]


def test_a_class_never_seen_is_minus_one() -> None:
    assert fit(["a", "b"]).encode([pa.array(["b", "z", None])], ["t0"], "f").tolist() == [1, -1, -1]


def test_fractions_and_many_whole_numbers_are_numbers() -> None:
    assert fit([0.5, 1.0, 2.0]).task == "regression"
    assert fit(list(range(100))).task == "regression"
    assert fit(list(range(20)) * 5).task == "classification"
    assert fit([0.5, 1.5, 0.5], task="classification").class_names == ["0.5", "1.5"]
    encoder = fit([1, 2, 3], task="regression")
    values = encoder.encode([pa.array([1, 2, 3])], ["t0"], "f")
    assert values.dtype == torch.float32
    assert values.tolist() == [[1.0], [2.0], [3.0]]


def test_several_columns_are_labels_or_numbers() -> None:
    encoder = fit([0, 1, 1], [1, 0, 0])
    assert (encoder.task, encoder.class_names) == ("multilabel", ["t0", "t1"])
    assert encoder.encode([pa.array([0, 1]), pa.array([True, False])], ["t0", "t1"], "f").tolist() == [[0, 1], [1, 0]]
    assert fit(["yes", "no", "Yes"], ["true", "false", "FALSE"]).task == "multilabel"
    numbers = fit([0.5, 1.5], [10.0, 20.5])
    assert (numbers.task, numbers.class_names) == ("regression", ["t0", "t1"])
    with pytest.raises(InputError, match=r"target 't1' of several must hold 0 or 1, found 'maybe'"):
        fit(["yes", "no"], ["maybe", "no"])


@pytest.mark.parametrize(
    ("column", "task", "message"),
    [
        ([None, None], "auto", "target 't0' has no value in any row"),
        (["a", "a"], "auto", r"target 't0' has one class only \('a'\): at least two are needed"),
        ([2.5, 2.5], "auto", r"target 't0' is 2.5 in every row: nothing to learn"),
        (["a", "b"], "regression", r"target 't0' is not a number \('a'\): for classes use a Classifier"),
        (list(range(MOST_NUMBER_CLASSES + 1)), "classification", "1001 different numbers: for numbers use a Regressor"),
    ],
)
def test_what_cannot_be_learned_is_one_clear_line(column: list[Any], task: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        fit(column, task=task)
    assert str(raised.value).startswith("file.csv: ")
    assert "\n" not in str(raised.value)


def test_a_constant_number_with_gaps_is_said_as_the_number() -> None:
    with pytest.raises(InputError, match=r"is 2.5 in every row"):
        fit([None, 2.5, 2.5])


def test_state_round_trip() -> None:
    encoder = fit(["b", "a"])
    again = TargetEncoder.from_state(encoder.state_dict())
    assert (again.task, again.class_names) == (encoder.task, encoder.class_names)


@pytest.mark.parametrize("name", ["target", "Label", "CLASS", "y", "Y"])
def test_the_target_is_guessed_by_its_name_and_said(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert choose_target(["a", name, "b"], None, "my.csv") == (name,)
    assert f"target: column {name!r} of my.csv" in capsys.readouterr().err


def test_target_is_preferred_to_label_and_what_was_asked_for_to_both() -> None:
    assert choose_target(["y", "label", "target"], None, "f") == ("target",)
    assert choose_target(["y", "label", "target"], "y", "f") == ("y",)
    assert choose_target(["a", "b", "c"], ["c", "a"], "f") == ("c", "a")


def test_a_column_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"my.csv has no column 'survivd' \(data.target\): did you mean 'survived'\?"):
        choose_target(["age", "survived"], "survivd", "my.csv")
    with pytest.raises(
        InputError, match=r"say which column to predict with --data.target; its columns are age, survived"
    ):
        choose_target(["age", "survived"], None, "my.csv")


def test_rows_without_a_target_are_left_out_and_said(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["a" if i % 2 else "b" for i in range(40)]
    file = write_csv(
        tmp_path / "d.csv", {"x": range(40), "label": [None if i < 4 else w for i, w in enumerate(labels)]}
    )
    data = TabularDataModule(file)
    rows = [data.source(part).index for part in ("train", "val", "test")]
    assert sorted(i for part in rows for i in part.tolist()) == list(range(4, 40))
    assert "4 of 40 rows have no target and are left out" in capsys.readouterr().err
    assert data.class_names == ["a", "b"]


def test_a_target_without_any_value_is_an_error(tmp_path: Any) -> None:
    file = write_csv(tmp_path / "d.csv", {"x": range(20), "label": [None] * 20})
    with pytest.raises(InputError, match="target 'label' has no value in any row: choose another --data.target"):
        TabularDataModule(file).setup("fit")
