"""CSV files read in pieces: the same cells as in one go, wherever the pieces end and whatever changes further down."""

import gzip
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

from zoo.data import csv_file
from zoo.data.compact import wide
from zoo.data.csv_file import row_pieces
from zoo.data.table import MISSING, read_table
from zoo.errors import InputError


@pytest.fixture(params=[32, 200])
def small_pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(csv_file, "PIECE", request.param)
    return int(request.param)


def read(folder: Path, content: str | bytes, name: str = "t.csv") -> pa.Table:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(folder / name)


def whole(folder: Path, content: str) -> dict[str, list[Any]]:
    """As Arrow reads it in one go."""
    (folder / "whole.csv").write_text(content, newline="")
    converting = pa_csv.ConvertOptions(null_values=MISSING, strings_can_be_null=True)
    parsing = pa_csv.ParseOptions(newlines_in_values=True)
    return dict(pa_csv.read_csv(folder / "whole.csv", parse_options=parsing, convert_options=converting).to_pydict())


def rows(n: int, seed: int, line_end: str = "\n") -> str:
    """Random cells: numbers, gaps, dates, and words with quotes, commas and line ends inside."""
    choose = random.Random(seed)
    words = [
        "plain",
        '"with, comma"',
        '"two\nlines"',
        '"a ""quoted"" word"',
        '""',
        "NA",
        '"ends\n"',
        '"\n"',
        '"""x"',
        "ö",
    ]
    lines = ["number,word,date,share,other"]
    for _ in range(n):
        day = f"20{choose.randint(10, 30)}-0{choose.randint(1, 9)}-1{choose.randint(0, 9)}"
        number = choose.choice(["", str(choose.randint(-300, 70_000))])
        lines.append(
            f"{number},{choose.choice(words)},{day},{choose.random()},{choose.choice(words[: choose.choice([1, 10])])}"
        )
    return line_end.join(lines) + choose.choice(["", line_end])


@pytest.mark.parametrize("seed", range(6))
def test_pieces_hold_what_the_whole_file_holds(tmp_path: Path, small_pieces: int, seed: int) -> None:
    content = rows(60, seed, line_end="\r\n" if seed == 5 else "\n")
    assert read(tmp_path, content).to_pydict() == whole(tmp_path, content)


@pytest.mark.parametrize("seed", range(4))
def test_pieces_end_where_a_row_ends(tmp_path: Path, seed: int) -> None:
    content = rows(60, seed).encode()
    (tmp_path / "t.csv").write_bytes(content)
    pieces = list(row_pieces(tmp_path / "t.csv", 64))
    assert b"".join(pieces) == content
    assert len(pieces) > 10
    assert all(piece.endswith(b"\n") and piece.count(b'"') % 2 == 0 for piece in pieces[:-1])


@pytest.mark.parametrize(
    "lines",
    [
        ['5" nails,1'] * 9,
        ['5" nails,1', 'x,"two\nlines"'] * 9,
        ['5" nails,"two\nlines"'] * 9,
        ["plain,1"] * 5 + ['5" nails,1'] + ['"two\nlines",2', '"b\nc, d\n",3'] * 9,
        ['x,5" nails'] + ['y,"two\nlines"'] * 9,
    ],
)
def test_quotes_inside_cells_without_quotes(tmp_path: Path, small_pieces: int, lines: list[str]) -> None:
    content = "a,b\n" + "\n".join(lines) + "\n"
    assert read(tmp_path, content).to_pydict() == whole(tmp_path, content)


@pytest.mark.parametrize("size", [32, 150, csv_file.PIECE])
def test_a_stray_quote_in_the_first_piece_does_not_make_two_rows_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """The first piece ends inside quotes, and what follows has as many commas as a row."""
    monkeypatch.setattr(csv_file, "PIECE", size)
    content = 'label,text\nx,5" nails\n' + 'y,"some words\nmore, of them"\n' * 4
    assert read(tmp_path, content).to_pydict() == whole(tmp_path, content)
    assert read(tmp_path, content).num_rows == 5


def test_one_odd_quote_does_not_gather_the_rest_of_the_file(tmp_path: Path, small_pieces: int) -> None:
    content = "a,b\n" + "x,1\n" * 10 + '5" nails,2\n' + "y,3\n" * 2000
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(pa.ArrowInvalid, match="no end of a row in sight"):
        list(row_pieces(tmp_path / "t.csv", small_pieces))
    assert read(tmp_path, content).to_pydict() == whole(tmp_path, content)


@pytest.mark.parametrize(
    ("first", "last", "kind"),
    [
        (["1", "2"], ["2.5"], pa.float64()),
        (["1", "2"], ["two"], pa.string()),
        (["", ""], ["7"], pa.int64()),
        (["", ""], ["word"], pa.string()),
        (["2020-01-01"], ["2020-01-01 10:00:00"], pa.timestamp("s")),
        (["2020-01-01 10:00:00"], ["2020-01-01 10:00:00.25"], pa.timestamp("ns")),
        (["2020-01-01"], ["soon"], pa.string()),
        (["true", "false"], ["perhaps"], pa.string()),
        (["1"], ["123456789012"], pa.int64()),
        (["1", "2.5", "x"], ["9"], pa.string()),
    ],
)
def test_a_type_that_changes_far_down(
    tmp_path: Path, small_pieces: int, first: list[str], last: list[str], kind: pa.DataType
) -> None:
    cells = first * 40 + last * 3 + first
    content = "a,b\n" + "".join(f"{cell},{i}\n" for i, cell in enumerate(cells))
    table = read(tmp_path, content)
    assert table.to_pydict() == whole(tmp_path, content)
    assert wide(table.schema.field("a").type) == kind


def test_several_columns_that_change_one_after_the_other(tmp_path: Path, small_pieces: int) -> None:
    cells = [(str(i) if i < 50 else f"{i}.5", "" if i < 80 else "x", str(i) if i < 110 else "y") for i in range(130)]
    content = "a,b,c\n" + "".join(",".join(row) + "\n" for row in cells)
    assert read(tmp_path, content).to_pydict() == whole(tmp_path, content)


def test_words_are_numbered_over_all_pieces_and_whole_numbers_are_small(tmp_path: Path, small_pieces: int) -> None:
    content = "w,few,n,big\n" + "".join(f"word {i},{i % 3}x,{i % 100},{i * 1000}\n" for i in range(400))
    table = read(tmp_path, content)
    assert table["w"].to_pylist() == [f"word {i}" for i in range(400)]
    assert table.schema.field("w").type == pa.dictionary(pa.int16(), pa.string())
    assert table.schema.field("few").type == pa.dictionary(pa.int8(), pa.string())
    assert [table.schema.field(name).type for name in ("n", "big")] == [pa.int8(), pa.int32()]
    assert all(column.num_chunks == 1 for column in table.columns)


def test_as_many_words_as_fill_a_small_type(tmp_path: Path) -> None:
    for n in (127, 128, 129):
        table = read(tmp_path, "w\n" + "".join(f"word {i}\n" for i in range(n)) * 2)
        assert table["w"].to_pylist() == [f"word {i}" for i in range(n)] * 2


def test_numbers_at_the_ends_of_small_types(tmp_path: Path) -> None:
    for low, high, kind in (
        (-128, 127, pa.int8()),
        (-129, 0, pa.int16()),
        (0, 128, pa.int16()),
        (0, 2**31, pa.int64()),
    ):
        table = read(tmp_path, f"n\n{low}\n{high}\n")
        assert table["n"].to_pylist() == [low, high]
        assert table.schema.field("n").type == kind


def test_latin_1_far_down_in_pieces(tmp_path: Path, small_pieces: int, capsys: pytest.CaptureFixture[str]) -> None:
    text = "name,x\n" + "plain,1\n" * 20_000 + "Köln,2\n"
    assert read(tmp_path, text.encode("latin-1"))["name"][-1].as_py() == "Köln"
    assert "t.csv: not UTF-8, read as Latin-1" in capsys.readouterr().err


def test_a_torn_row_is_told(tmp_path: Path, small_pieces: int) -> None:
    with pytest.raises(InputError, match="t.csv cannot be read: CSV parse error: .*Expected 2 columns, got 3: 1,2,3"):
        read(tmp_path, "a,b\n" + "1,2\n" * 200 + "1,2,3\n" + "1,2\n" * 200)


def test_gzip_and_blank_lines_in_pieces(tmp_path: Path, small_pieces: int) -> None:
    content = "a;b\n" + "1;x\n\n" * 300 + "\n" * 300
    assert read(tmp_path, gzip.compress(content.encode()), "t.csv.gz").to_pydict() == {"a": [1] * 300, "b": ["x"] * 300}
