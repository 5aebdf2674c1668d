"""A CSV file -> an Arrow table, piece by piece on all cores.

file -> pieces that end where a row ends -> parsed in threads -> compact columns

A piece is a few MiB, so that no more of the text than a few pieces is in memory. The first piece tells the types of the
columns; where a later one contradicts, the file is read again with types that fit both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from zoo.data.compact import ColumnPieces
from zoo.data.cores import arrow_threads
from zoo.data.csv_dialect import Dialect, Types, find_dialect
from zoo.errors import InputError
from zoo.messages import say

PIECE = 4 << 20  # bytes; larger ones are no faster and take more memory
LONGEST_ROW = 16  # pieces without an end of a row, after which the quotes are taken to mislead
_WORDS = pa.dictionary(pa.int32(), pa.string())
_DATES = (pa.date32(), pa.timestamp("s"), pa.timestamp("ns"))  # each reads what the ones before it read


class _TypesChangeError(Exception):
    """A piece contradicts the types so far; carries types that fit both."""

    def __init__(self, types: dict[str, pa.DataType]) -> None:
        self.types = types


def read_csv(path: Path, missing: Sequence[str]) -> pa.Table:
    """The table, words as dictionaries and whole numbers in small types.

    Raises:
        pa.ArrowInvalid: It is torn or no CSV.
    """
    dialect = find_dialect(path, missing)
    try:
        table = _read(path, dialect)
    except pa.ArrowInvalid as error:
        if "invalid UTF8" not in str(error):
            raise
    else:
        # Cells that are not UTF-8 make their whole column bytes, without an error.
        if not any(_is_bytes(field.type) for field in table.schema):
            return table
    say(f"{path.name}: not UTF-8, read as Latin-1")
    return _read(path, replace(dialect, encoding="latin1"))


def _read(path: Path, dialect: Dialect) -> pa.Table:
    types: dict[str, pa.DataType] = {}
    while True:
        try:
            return _read_as(path, dialect, types)
        except _TypesChangeError as other:
            types = other.types
        except pa.ArrowInvalid as error:
            if "invalid UTF8" in str(error):
                raise
            return _read_whole(path, dialect)  # a piece may be cut wrongly; what the whole file gives, counts


def _read_as(path: Path, dialect: Dialect, types: dict[str, pa.DataType]) -> pa.Table:
    """Every piece with the same types.

    Raises:
        _TypesChangeError: These types do not do.
    """
    pieces = row_pieces(path, PIECE)
    first = _parse(next(pieces, b""), dialect, None, types)
    names = first.column_names
    if len(set(names)) < len(names):
        return first  # types go by name; whoever asked tells of the two columns
    types = types or dict(zip(names, first.schema.types, strict=True))
    columns = [ColumnPieces() for _ in names]

    def compact(table: pa.Table) -> list[pa.Array]:
        arrays = (_one_array(column) for column in table.columns)
        return [column.compact(array) for column, array in zip(columns, arrays, strict=True)]

    def read(piece: bytes) -> list[pa.Array]:
        return compact(_parse_as(piece, dialect, types))

    by_column = list(zip(compact(first), *_in_threads(read, pieces), strict=True))
    return pa.table([column.join(by_column.pop(0)) for column in columns], names=names)


def _in_threads(read: Callable[[bytes], list[pa.Array]], pieces: Iterator[bytes]) -> Iterator[list[pa.Array]]:
    """As `map`, on all cores, with no more pieces waiting than there are cores."""
    waiting: deque[Future[list[pa.Array]]] = deque()
    threads = arrow_threads()
    with ThreadPoolExecutor(threads) as pool:
        for piece in pieces:
            waiting.append(pool.submit(read, piece))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _parse_as(piece: bytes, dialect: Dialect, types: dict[str, pa.DataType]) -> pa.Table:
    try:
        return _parse(piece, dialect, list(types), types)
    except pa.ArrowInvalid as error:
        if "conversion error" not in str(error) or "invalid UTF8" in str(error):
            raise
        found = dialect.parse(piece, list(types), {})
        fitting = {name: _fitting(kind, found.schema.field(name).type) for name, kind in types.items()}
        if fitting == types:
            raise
        raise _TypesChangeError(fitting) from error


def _parse(piece: bytes, dialect: Dialect, names: Sequence[str] | None, types: Types) -> pa.Table:
    """A piece as a table, if it ends where a row ends."""
    table = dialect.parse(piece, names, types)
    if b'"' in piece and _ends_inside_quotes(table):
        raise pa.ArrowInvalid("quotes inside cells and line ends inside quotes")
    return table


def _ends_inside_quotes(table: pa.Table) -> bool:
    """A quote inside a cell without quotes (5" nails) may mislead the search for an end of a row: a cell is torn."""
    last = table.columns[-1]
    words = pa.types.is_dictionary(last.type) or pa.types.is_string(last.type)
    return bool(words and len(last) and (last[-1].as_py() or "").endswith("\n"))


def _fitting(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """A type for the cells of both."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if {one, other} <= {pa.int64(), pa.float64()}:
        return pa.float64()
    if one in _DATES and other in _DATES:
        return _DATES[max(_DATES.index(one), _DATES.index(other))]
    return one if pa.types.is_string(one) or _is_bytes(one) else other if _is_bytes(other) else _WORDS


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind.value_type if pa.types.is_dictionary(kind) else kind))


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])


def row_pieces(path: Path, size: int) -> Iterator[bytes]:
    """The content of a file, cut where a row ends: at a line end with an even number of quotes before it.

    Raises:
        pa.ArrowInvalid: No such line end for long.
    """
    kept: list[bytes] = []  # since the last cut
    odd = 0  # whether the quotes in there are
    with pa.input_stream(str(path)) as stream:
        while read := stream.read(size):
            cut = _last_row_end(read, odd)
            if cut:
                yield b"".join([*kept, read[:cut]])
                kept, odd, read = [], 0, read[cut:]
            kept.append(read)
            odd = (odd + read.count(b'"')) % 2
            if len(kept) > LONGEST_ROW:
                raise pa.ArrowInvalid("no end of a row in sight: a quote inside a cell without quotes")
    rest = b"".join(kept)
    if rest and not rest.isspace():
        yield rest


def _last_row_end(text: bytes, odd: int) -> int:
    """Where the last whole row ends, 0 where none does. `odd`: of the quotes before the text."""
    cut = text.rfind(b"\n") + 1
    while cut and (odd + text.count(b'"', 0, cut)) % 2:
        cut = text.rfind(b"\n", 0, max(text.rfind(b'"', 0, cut), 0)) + 1
    return cut


def _read_whole(path: Path, dialect: Dialect) -> pa.Table:
    """By Arrow's own search for the ends of rows, which takes its time and memory."""

    def read(block: int) -> pa.Table:
        reading = pa_csv.ReadOptions(encoding=dialect.encoding, block_size=block)
        return pa_csv.read_csv(path, reading, dialect.parsing, dialect.converting({}, numbered=False))

    try:
        return read(1 << 24)
    except pa.ArrowInvalid as error:
        # Column types come from the first block alone; a word further down needs the whole file as one block.
        if "conversion error" not in str(error):
            raise
    size = max(path.stat().st_size + 1, 1 << 24)
    if size >= 1 << 31:
        raise InputError(f"{path}: a column changes its type far down in the file; write it as Parquet")
    return read(size)
