"""Columns in small types: words share a dictionary, texts that never repeat do not."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zoo.data import compact
from zoo.data.compact import ColumnPieces, compact_table
from zoo.data.table import read_table

WORDS = pa.dictionary(pa.int16(), pa.string())


def in_chunks(cells: list[Any], size: int) -> pa.Table:
    return pa.table({"x": pa.chunked_array([cells[start : start + size] for start in range(0, len(cells), size)])})


def test_texts_of_small_row_groups_stay_texts(tmp_path: Path) -> None:
    texts = [f"text number {i}" for i in range(5000)]
    pq.write_table(pa.table({"x": texts}), tmp_path / "t.parquet", row_group_size=100)
    table = read_table(tmp_path / "t.parquet")
    assert table.schema.field("x").type == pa.string()
    assert table["x"].to_pylist() == texts


def test_long_texts_of_json_lines_and_csv_stay_texts(tmp_path: Path) -> None:
    texts = [f"{i} " + "long " * 1600 for i in range(1500)]  # 8 kB each: few in a piece
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"x": text}) + "\n" for text in texts))
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{text},{i % 3}\n" for i, text in enumerate(texts)))
    for name in ("t.jsonl", "t.csv"):
        table = read_table(tmp_path / name)
        assert table.schema.field("x").type == pa.string()
        assert table["x"].to_pylist() == texts


def test_words_that_become_texts_keep_every_cell() -> None:
    cells = [None if i % 50 == 7 else f"word {i % 90}" for i in range(3000)] + [f"text {i}" for i in range(3000)]
    table = compact_table(in_chunks(cells, 300))
    assert table.schema.field("x").type == pa.string()
    assert table["x"].to_pylist() == cells


def test_words_that_repeat_share_a_dictionary() -> None:
    cells = [f"word {i // 4}" for i in range(6000)]
    table = compact_table(in_chunks(cells, 500))
    assert table.schema.field("x").type == WORDS
    assert table["x"].to_pylist() == cells


@pytest.mark.parametrize(("name", "most"), [("MOST_SHARED_WORDS", 1200), ("MOST_SHARED_BYTES", 12_000)])
def test_a_dictionary_that_grows_large_is_given_up(monkeypatch: pytest.MonkeyPatch, name: str, most: int) -> None:
    monkeypatch.setattr(compact, name, most)
    cells = [f"word {i // 4}" for i in range(6000)]
    assert compact_table(in_chunks(cells, 500))["x"].to_pylist() == cells
    assert compact_table(in_chunks(cells, 500)).schema.field("x").type == pa.string()


def test_more_texts_than_one_array_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "_LONGEST_STRINGS", 10_000)
    cells = [f"text {i}" for i in range(4000)]
    table = compact_table(in_chunks(cells, 500))
    assert table.schema.field("x").type == pa.large_string()
    assert table["x"].to_pylist() == cells


def test_numbers_that_came_as_a_dictionary_stay_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "MOST_SHARED_WORDS", 10)
    pieces = ColumnPieces()
    chunks = [pa.array(range(start, start + 100)).dictionary_encode() for start in (0, 1000)]
    column = pieces.join([pieces.compact(chunk) for chunk in chunks])
    assert column.to_pylist() == [*range(100), *range(1000, 1100)]
