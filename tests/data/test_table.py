"""Reading tables: every way in which people write a CSV, and what is said where one is broken."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zoo.data.table import MISSING, existing_path, read_table
from zoo.errors import InputError


def table(folder: Path, content: str | bytes, name: str = "t.csv") -> pa.Table:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(file)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    text = "a,b,c\n1,x y,2.5\n2,z,3.5\n".replace(",", delimiter)
    assert table(tmp_path, text).to_pydict() == {"a": [1, 2], "b": ["x y", "z"], "c": [2.5, 3.5]}


def test_a_semicolon_file_may_hold_commas(tmp_path: Path) -> None:
    read = table(tmp_path, "a;b\none, two;1\nthree;2\n")
    assert read.to_pydict() == {"a": ["one, two", "three"], "b": [1, 2]}


def test_a_comma_file_may_hold_semicolons_and_quoted_commas(tmp_path: Path) -> None:
    read = table(tmp_path, 'a,b\n"x, y; z",1\n"p; q",2\n')
    assert read.to_pydict() == {"a": ["x, y; z", "p; q"], "b": [1, 2]}


def test_tsv_by_its_name(tmp_path: Path) -> None:
    assert table(tmp_path, "a\tb\n1,5\tx\n", "t.tsv").to_pydict() == {"a": ["1,5"], "b": ["x"]}


def test_one_column(tmp_path: Path) -> None:
    assert table(tmp_path, "a\n1\n2\n").to_pydict() == {"a": [1, 2]}


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    assert table(tmp_path, b"\xef\xbb\xbfa,b\r\n1,x\r\n").to_pydict() == {"a": [1], "b": ["x"]}


def test_latin_1(tmp_path: Path) -> None:
    assert table(tmp_path, "name,x\nMünchen,1\nSão,2\n".encode("latin-1")).to_pydict()["name"] == ["München", "São"]


def test_latin_1_far_down_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "name,x\n" + "plain,1\n" * 20_000 + "Köln,2\n"
    assert table(tmp_path, text.encode("latin-1"))["name"][-1].as_py() == "Köln"
    assert "t.csv: not UTF-8, read as Latin-1" in capsys.readouterr().err


def test_utf8_cut_at_the_end_of_what_is_looked_at(tmp_path: Path) -> None:
    text = "name,x\n" + "öö,1\n" * 20_000
    assert set(table(tmp_path, text)["name"].to_pylist()) == {"öö"}


def test_line_ends_inside_quotes(tmp_path: Path) -> None:
    read = table(tmp_path, 'text,y\n"first\nsecond, with comma",1\n"a ""quoted"" word",2\n')
    assert read.to_pydict() == {"text": ["first\nsecond, with comma", 'a "quoted" word'], "y": [1, 2]}


def test_a_column_that_becomes_words_far_down(tmp_path: Path) -> None:
    numbers = 3_000_000  # beyond the first block of 16 MiB
    text = "a,b\n" + "12,1.5\n" * numbers + "twelve,2.5\n"
    read = table(tmp_path, text)
    assert read.num_rows == numbers + 1
    assert read["a"][-1].as_py() == "twelve"
    assert read["a"][0].as_py() == "12"
    assert read["b"][-1].as_py() == 2.5


def test_missing_values_in_many_spellings(tmp_path: Path) -> None:
    text = "x,w\n" + "".join(f"{word},{word}\n" for word in MISSING) + "1.5,word\n"
    read = table(tmp_path, text)
    assert read["x"].type == pa.float64()
    assert read["x"].null_count == read["w"].null_count == len(MISSING)
    assert read["w"][-1].as_py() == "word"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "t.csv is empty"),
        ("a,b\n", "t.csv has a header and no rows"),
        ("a,b,a\n1,2,3\n", "t.csv: two columns are called 'a': rename one"),
        ("a,b\n1,2\n1,2,3\n1,2\n", r"t.csv cannot be read: .*Expected 2 columns, got 3"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        table(tmp_path, content)
    assert "\n" not in str(raised.value)


def test_an_unknown_kind_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not a kind of table that is read: .csv, .tsv, .csv.gz, .parquet"):
        table(tmp_path, "a", "t.xlsx")


def test_parquet_and_its_damage(tmp_path: Path) -> None:
    content = {"a": [1, 2, None], "b": ["x", None, "z"]}
    pq.write_table(pa.table(content), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").to_pydict() == content
    with pytest.raises(InputError, match="torn.parquet cannot be read"):
        table(tmp_path, (tmp_path / "t.parquet").read_bytes()[:40], "torn.parquet")


def test_numbers_and_words_of_parquet_become_small(tmp_path: Path) -> None:
    content = {
        "n": [1, 2, None, 300] * 500,
        "few": ["x", None, "z", "x"] * 500,
        "many": [f"word {i}" for i in range(2000)],
        "share": [0.5, None] * 1000,
        "category": pa.array(["a", "b"] * 1000).dictionary_encode(),
        "code": pa.array([7, 9] * 1000).dictionary_encode(),
        "list": [[1], [2, 3]] * 1000,
    }
    pq.write_table(pa.table(content), tmp_path / "t.parquet", row_group_size=300)
    read = read_table(tmp_path / "t.parquet")
    assert read.to_pydict() == pa.table(content).to_pydict()
    words = pa.dictionary(pa.int8(), pa.string())
    kinds = [read.schema.field(name).type for name in ("n", "few", "category")]
    assert kinds == [pa.int16(), words, words]


def test_json_lines(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": "x"}, {"a": 2}, {"a": 3, "b": "line\nend"}]
    read = table(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "t.jsonl")
    assert read.to_pydict() == {"a": [1, 2, 3], "b": ["x", None, "line\nend"]}
    with pytest.raises(InputError, match="torn.jsonl cannot be read"):
        table(tmp_path, '{"a": 1}\n{"a": ', "torn.jsonl")


def test_gzip(tmp_path: Path) -> None:
    assert table(tmp_path, gzip.compress(b"a;b\n1;2\n"), "t.csv.gz").to_pydict() == {"a": [1], "b": [2]}


def test_a_path_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "titanic.csv").write_text("a\n1\n")
    with pytest.raises(
        InputError, match=r"no file or folder .*titanik.csv \(data.path\); did you mean '.*titanic.csv'\?"
    ):
        existing_path(str(tmp_path / "titanik.csv"))
    with pytest.raises(InputError, match="check the spelling"):
        existing_path(str(tmp_path / "no" / "where.csv"))
