"""How a CSV file is written: what stands between its cells, its encoding, what a missing cell looks like."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from zoo.data.compact import MOST_WORDS

_SNIFF = 1 << 16  # bytes looked at to find delimiter and encoding

Types = Mapping[str, pa.DataType]


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Args:
        delimiter: Between cells.
        encoding: Of the text.
        missing: What an empty cell looks like.
    """

    delimiter: str
    encoding: str
    missing: tuple[str, ...]

    def parse(self, piece: bytes, names: Sequence[str] | None, types: Types) -> pa.Table:
        """A piece as a table; without names its first row holds them, without types they are guessed."""
        size = 2 * len(piece) + 1  # Latin-1 grows as UTF-8
        reading = pa_csv.ReadOptions(
            encoding=self.encoding, block_size=min(size, 2**31 - 1), column_names=names, use_threads=False
        )
        return pa_csv.read_csv(pa.BufferReader(piece), reading, self.parsing, self.converting(types, numbered=True))

    @property
    def parsing(self) -> pa_csv.ParseOptions:
        return pa_csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True)

    def converting(self, types: Types, *, numbered: bool) -> pa_csv.ConvertOptions:
        return pa_csv.ConvertOptions(
            column_types=dict(types),
            null_values=list(self.missing),
            strings_can_be_null=True,
            auto_dict_encode=numbered,
            auto_dict_max_cardinality=MOST_WORDS,
        )


def find_dialect(path: Path, missing: Sequence[str]) -> Dialect:
    """The dialect, by the beginning of the file."""
    with pa.input_stream(str(path)) as stream:
        head = stream.read(_SNIFF)
    encoding = "utf8"
    try:
        head[: max(head.rfind(b"\n"), 1)].decode("utf-8")
    except UnicodeDecodeError:
        encoding = "latin1"
    return Dialect(_delimiter(path, head.decode(encoding, "replace")), encoding, tuple(missing))


def _delimiter(path: Path, head: str) -> str:
    if ".tsv" in path.name.lower():
        return "\t"
    # The delimiter that splits the first lines into equally many fields, more than one; a comma otherwise.
    best, most = ",", 1
    for delimiter in (",", ";", "\t", "|"):
        lines = list(csv.reader(io.StringIO("\n".join(head.splitlines()[:20])), delimiter=delimiter))
        widths = {len(line) for line in lines[:-1] or lines if line}
        if len(widths) == 1 and widths.copy().pop() > most:
            best, most = delimiter, widths.pop()
    return best
