"""CSV, Parquet and JSON lines -> one Arrow table, read with pyarrow on all cores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from zoo.data.compact import compact_table
from zoo.data.csv_file import read_csv
from zoo.errors import InputError, did_you_mean

CSV_ENDINGS = (".csv", ".tsv", ".csv.gz")
JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
PARQUET_ENDINGS = (".parquet", ".pq")
TABLE_ENDINGS = (".csv", ".tsv", ".gz", *PARQUET_ENDINGS, *JSON_ENDINGS)
MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?", "#N/A"]


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
    """Read a whole table; its words are dictionaries where they repeat, whole numbers take as few bytes as they need.

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
            table = compact_table(pq.read_table(path))
        elif name.endswith(JSON_ENDINGS):
            table = compact_table(pa_json.read_json(path))
        elif name.endswith(CSV_ENDINGS):
            table = read_csv(path, missing)
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
