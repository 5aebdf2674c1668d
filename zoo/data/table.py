"""CSV, Parquet and JSON lines -> one Arrow table, read with pyarrow in parallel."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from zoo.errors import InputError, did_you_mean
from zoo.messages import say

CSV_ENDINGS = (".csv", ".tsv", ".csv.gz")
JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
PARQUET_ENDINGS = (".parquet", ".pq")
TABLE_ENDINGS = (".csv", ".tsv", ".gz", *PARQUET_ENDINGS, *JSON_ENDINGS)
MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?", "#N/A"]
_SNIFF = 1 << 16  # bytes looked at to find delimiter and encoding


def existing_path(path: str, what: str = "data.path") -> Path:
    """The path, or one line that names the nearest file beside it.

    Raises:
        InputError: There is no such file or folder.
    """
    found = Path(path).expanduser()
    if found.exists():
        return found
    beside = [str(other) for other in found.parent.iterdir()] if found.parent.is_dir() else []
    hint = did_you_mean(str(found), beside) if beside else "check the spelling"
    raise InputError(f"no file or folder {path} ({what}); {hint if hint.startswith('did') else 'check the spelling'}")


def read_table(path: Path, *, missing: Sequence[str] = MISSING) -> pa.Table:
    """Read a whole table.

    Args:
        path: CSV, Parquet or JSON lines, by its ending.
        missing: What an empty cell looks like in a CSV.

    Raises:
        InputError: The file is empty, torn, or of a kind that is not read.
    """
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty")
    name = path.name.lower()
    try:
        if name.endswith(PARQUET_ENDINGS):
            table = pq.read_table(path)
        elif name.endswith(JSON_ENDINGS):
            table = pa_json.read_json(path)
        elif name.endswith(CSV_ENDINGS):
            table = _read_csv(path, missing)
        else:
            raise InputError(
                f"{path}: not a kind of table that is read: {', '.join(CSV_ENDINGS + PARQUET_ENDINGS + JSON_ENDINGS)}"
            )
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise InputError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    if table.num_rows == 0:
        raise InputError(f"{path} has a header and no rows")
    twice = {column for column in table.column_names if table.column_names.count(column) > 1}
    if twice:
        raise InputError(f"{path}: two columns are called {sorted(twice)[0]!r}: rename one")
    return table


def _read_csv(path: Path, missing: Sequence[str]) -> pa.Table:
    with pa.input_stream(str(path)) as stream:
        head = stream.read(_SNIFF)
    encoding = "utf8"
    try:
        head[: max(head.rfind(b"\n"), 1)].decode("utf-8")
    except UnicodeDecodeError:
        encoding = "latin1"
    parse = pa_csv.ParseOptions(delimiter=_delimiter(path, head.decode(encoding, "replace")), newlines_in_values=True)
    try:
        table = _parse_csv(path, parse, encoding, missing)
    except pa.ArrowInvalid as error:
        if "invalid UTF8" not in str(error):
            raise
    else:
        # Cells that are not UTF-8 make their whole column bytes, without an error.
        if not any(pa.types.is_binary(field.type) for field in table.schema):
            return table
    say(f"{path.name}: not UTF-8, read as Latin-1")
    return _parse_csv(path, parse, "latin1", missing)


def _parse_csv(path: Path, parse: pa_csv.ParseOptions, encoding: str, missing: Sequence[str]) -> pa.Table:
    convert = pa_csv.ConvertOptions(null_values=list(missing), strings_can_be_null=True)
    try:
        return pa_csv.read_csv(path, pa_csv.ReadOptions(encoding=encoding, block_size=1 << 24), parse, convert)
    except pa.ArrowInvalid as error:
        # Column types come from the first block alone; a word further down needs the whole file as one block.
        if "conversion error" not in str(error):
            raise
    size = max(path.stat().st_size + 1, 1 << 24)
    if size >= 1 << 31:
        raise InputError(f"{path}: a column changes its type far down in the file; write it as Parquet")
    return pa_csv.read_csv(path, pa_csv.ReadOptions(encoding=encoding, block_size=size), parse, convert)


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
