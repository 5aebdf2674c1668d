"""Columns of a table -> numbers and ids: every kind of column, fitted on the rows given and on no others."""

import math
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
import torch

from tests.data.tables import source_of
from zoo.data.dates import DATE_PARTS
from zoo.data.tabular_columns import MISSING_ID, UNSEEN
from zoo.data.tabular_encoder import TabularEncoder, count_unseen
from zoo.errors import InputError


def encoded(encoder: TabularEncoder, columns: dict[str, list[object]]) -> dict[str, torch.Tensor]:
    return encoder.encode(pa.table(columns), "new.csv")


def test_numbers_are_standardised_and_gaps_get_a_column() -> None:
    table = pa.table({"full": [1.0, 2.0, 3.0, 4.0], "gaps": [10, None, 30, None]})
    encoder = TabularEncoder.fit(table)
    assert encoder.numeric_names == ["full", "gaps", "gaps.missing"]
    numeric = encoder.encode(table, "t.csv")["numeric"]
    assert numeric.dtype == torch.float32
    full = (np.array([1, 2, 3, 4]) - 2.5) / np.std([1, 2, 3, 4])
    expected = np.stack([full, [-1, 0, 1, 0], [0, 1, 0, 1]], axis=1)
    np.testing.assert_allclose(numeric.numpy(), expected, atol=1e-6)


def test_a_gap_in_a_column_that_had_none_is_the_mean() -> None:
    encoder = TabularEncoder.fit(pa.table({"x": [1.0, 3.0]}))
    assert encoded(encoder, {"x": [None, 3.0]})["numeric"].tolist() == [[0.0], [1.0]]


def test_booleans_decimals_and_integers_are_numbers() -> None:
    table = pa.table(
        {"b": [True, False, None], "i": [1, 2, 3], "d": pa.array([1, 2, 4], pa.int64()).cast(pa.decimal128(21, 2))}
    )
    encoder = TabularEncoder.fit(table)
    assert encoder.numeric_names == ["b", "b.missing", "i", "d"]
    assert encoder.cardinalities == []
    assert encoder.encode(table, "t")["numeric"][:, 0].tolist() == [1.0, -1.0, 0.0]


def test_infinite_numbers_are_gaps() -> None:
    encoder = TabularEncoder.fit(pa.table({"x": [1.0, 3.0, math.inf, -math.inf]}))
    assert encoder.columns["x"]["mean"] == [2.0]
    assert encoder.columns["x"]["std"] == [1.0]
    numeric = encoded(encoder, {"x": [math.inf, 3.0, math.nan]})["numeric"]
    assert torch.isfinite(numeric).all()
    assert numeric[:, 0].tolist() == [0.0, 1.0, 0.0]


def test_infinite_train_numbers_get_the_missing_column() -> None:
    encoder = TabularEncoder.fit(pa.table({"x": [1.0, 3.0, math.inf, math.nan]}))
    assert encoder.numeric_names == ["x", "x.missing"]


def test_nothing_but_infinite_numbers_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    encoder = TabularEncoder.fit(pa.table({"x": [math.inf, math.inf, math.nan], "y": [1, 2, 3]}))
    assert list(encoder.columns) == ["y"]
    assert "column 'x' is left out" in capsys.readouterr().err


def test_categories_get_ids_in_a_fixed_order() -> None:
    table = pa.table({"c": ["red", "blue", "red", None, "blue"]})
    encoder = TabularEncoder.fit(table)
    assert encoder.columns["c"]["levels"] == ["blue", "red"]
    assert encoder.cardinalities == [4]
    assert encoder.encode(table, "t")["categorical"][:, 0].tolist() == [3, 2, 3, MISSING_ID, 2]


def test_pitfall_23_an_unseen_category_gets_id_0_and_is_counted() -> None:
    encoder = TabularEncoder.fit(pa.table({"c": ["a", "b", "a", "b"], "d": ["u", "v", "u", "v"]}))
    categorical = encoded(encoder, {"c": ["z", "a", "y"], "d": ["u", "v", "u"]})["categorical"]
    assert categorical[:, 0].tolist() == [UNSEEN, 2, UNSEEN]
    assert count_unseen(categorical, encoder.category_names) == {"c": 2}


def test_levels_of_one_row_share_the_id_of_unseen_values() -> None:
    table = pa.table({"c": ["a", "a", "b", "b", "once"]})
    encoder = TabularEncoder.fit(table)
    assert encoder.columns["c"]["levels"] == ["a", "b"]
    assert encoder.encode(table, "t")["categorical"][:, 0].tolist() == [2, 2, 3, 3, UNSEEN]


@pytest.mark.parametrize(
    ("words", "stamp"),
    [
        (["2020-01-15", "2021-06-01", None], datetime(2020, 1, 15)),
        (["2020-01-15T06:00:00", "2021-06-01T00:00:00", None], datetime(2020, 1, 15, 6)),
        (["2020-01-15 06:00:00", "2021-06-01 00:00:00", None], datetime(2020, 1, 15, 6)),
        (["15.01.2020", "01.06.2021", None], datetime(2020, 1, 15)),
        (["01/15/2020", "06/01/2021", None], datetime(2020, 1, 15)),
    ],
)
def test_dates_in_words_become_time_month_weekday_and_hour(words: list[str | None], stamp: datetime) -> None:
    encoder = TabularEncoder.fit(pa.table({"when": words}))
    assert encoder.columns["when"]["kind"] == "date"
    assert encoder.numeric_names == [*(f"when.{part}" for part in DATE_PARTS), "when.missing"]
    numeric = encoder.encode(pa.table({"when": words}), "t")["numeric"].double().numpy()
    learned = encoder.columns["when"]
    raw = numeric[0, :7] * np.array(learned["std"]) + np.array(learned["mean"])
    years = (stamp - datetime(1970, 1, 1)).total_seconds() / (365.2425 * 86_400)
    circle = [
        part(2 * math.pi * at)
        for at in (stamp.month / 12, stamp.weekday() / 7, stamp.hour / 24)
        for part in (math.sin, math.cos)
    ]
    np.testing.assert_allclose(raw, [years, *circle], atol=1e-4)
    assert numeric[2].tolist() == [0.0] * 7 + [1.0]


def test_timestamps_and_the_same_dates_as_words_are_the_same() -> None:
    stamps = pa.table({"when": pa.array([datetime(2020, 1, 1), datetime(2021, 3, 4, 5)], pa.timestamp("us"))})
    words = pa.table({"when": ["2020-01-01T00:00:00", "2021-03-04T05:00:00"]})
    encoder = TabularEncoder.fit(stamps)
    assert torch.equal(encoder.encode(stamps, "t")["numeric"], encoder.encode(words, "t")["numeric"])


def test_words_in_a_date_column_count_as_missing_and_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    encoder = TabularEncoder.fit(pa.table({"when": ["2020-01-01", "2021-01-01", None]}))
    numeric = encoded(encoder, {"when": ["2020-01-01", "soon", "2021-01-01"]})["numeric"]
    assert numeric[:, -1].tolist() == [0.0, 1.0, 0.0]
    assert "cells that are not dates count as missing" in capsys.readouterr().err


def test_a_date_format_that_train_never_had_is_read_too() -> None:
    encoder = TabularEncoder.fit(pa.table({"when": ["2020-01-01", "2021-01-01"]}))
    same = [encoded(encoder, {"when": [w, "x"]})["numeric"][0] for w in ("2020-01-01",)]
    assert torch.equal(encoded(encoder, {"when": ["01.01.2020"]})["numeric"][0], same[0])


@pytest.mark.parametrize(
    ("column", "why"),
    [
        (pa.array([None, None] * 30, pa.float64()), "every cell is missing"),
        (pa.nulls(60), "every cell is missing"),
        (pa.array([7] * 60), "every cell is the same"),
        (pa.array(["same"] * 60), "every cell is the same"),
        (pa.array([f"name {i}" for i in range(60)]), "it looks like an identifier (60 of 60 values differ)"),
    ],
)
def test_columns_that_cannot_help_are_left_out_and_said(
    column: pa.Array, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = TabularEncoder.fit(pa.table({"odd": column, "x": range(60)}))
    assert list(encoder.columns) == ["x"]
    assert f"column 'odd' is left out: {why}" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["id", "ID", "customer_id", "row_number", "Unnamed: 0", "index"])
def test_a_running_number_is_left_out_by_its_name(name: str) -> None:
    assert list(TabularEncoder.fit(pa.table({name: range(60), "x": range(60)})).columns) == ["x"]


def test_a_number_that_differs_in_each_row_is_kept_under_another_name() -> None:
    assert list(TabularEncoder.fit(pa.table({"price": range(60), "paid": range(60)})).columns) == ["price", "paid"]


def test_a_constant_with_gaps_still_tells_something() -> None:
    encoder = TabularEncoder.fit(pa.table({"x": [5, None, 5, None]}))
    assert encoded(encoder, {"x": [5, None]})["numeric"].tolist() == [[0.0, 0.0], [0.0, 1.0]]


def test_no_column_left_is_an_error_with_what_was_left_out() -> None:
    with pytest.raises(InputError, match=r"no column is left to learn from; left out: a, b"):
        TabularEncoder.fit(pa.table({"a": [1, 1], "b": ["x", "x"]}))
    with pytest.raises(InputError, match="the file has one column only"):
        TabularEncoder.fit(pa.table({"a": [1, 2]}).drop_columns(["a"]))


def test_words_in_a_number_column_are_counted_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    encoder = TabularEncoder.fit(pa.table({"x": [1.0, 3.0]}))
    numeric = encoded(encoder, {"x": [" 3 ", "many", "-1e0", None, ".5"]})["numeric"][:, 0]
    assert numeric.tolist() == [1.0, 0.0, -3.0, 0.0, -1.5]
    assert "new.csv: column 'x': 1 cells are not numbers and count as missing" in capsys.readouterr().err


def test_numbers_where_words_were_are_compared_as_words() -> None:
    encoder = TabularEncoder.fit(pa.table({"zip": ["1", "1", "x2", "x2"]}))
    assert encoded(encoder, {"zip": [1, 7]})["categorical"][:, 0].tolist() == [2, UNSEEN]


def test_a_whole_column_of_gaps_at_predict() -> None:
    encoder = TabularEncoder.fit(pa.table({"x": [1.0, None, 2.0], "c": ["a", "b", "a"]}))
    arrays = encoder.encode(pa.table({"x": pa.nulls(2), "c": pa.nulls(2)}), "new.csv")
    assert arrays["numeric"].tolist() == [[0.0, 1.0], [0.0, 1.0]]
    assert arrays["categorical"].tolist() == [[MISSING_ID], [MISSING_ID]]


def test_a_missing_column_is_named() -> None:
    encoder = TabularEncoder.fit(source_of({"age": [1, 2], "size": [3, 4]}).rows)
    with pytest.raises(InputError, match=r"new.csv.*'size'"):
        encoded(encoder, {"age": [1, 2], "sise": [1, 2]})


def test_order_of_columns_does_not_matter_and_more_of_them_neither() -> None:
    columns: dict[str, list[object]] = {"a": [1, 2, 5], "c": ["u", "v", "u"], "b": [3, 5, 4]}
    encoder = TabularEncoder.fit(pa.table(columns))
    turned: dict[str, list[object]] = {"extra": [0, 0, 0], **dict(reversed(columns.items()))}
    for name, array in encoded(encoder, columns).items():
        assert torch.equal(array, encoded(encoder, turned)[name])
