"""Read a predictions.csv with the types of its task: classes are words, also "1"; predicted numbers are numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zoo.tracking.run_folder import PROBABILITY

if TYPE_CHECKING:
    import pyarrow as pa


def read_predictions(file: str | Path) -> pa.Table:
    """The table of a predictions.csv.

    Returns:
        `index` is text: a row number or a file path. With a column p_<class>, `target` and `prediction` are text
        (several labels of a row between "|"); without one they are float64, also `target_<name>` and
        `prediction_<name>` of several targets.
    """
    import pyarrow as pa
    from pyarrow import csv

    with csv.open_csv(file) as stream:
        columns = stream.schema.names
    classes = any(name.startswith(PROBABILITY) for name in columns)
    words = ("index", "target", "prediction") if classes else ("index",)
    types = {name: pa.string() if name in words else pa.float64() for name in columns}
    options = csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    try:
        return csv.read_csv(file, convert_options=options)
    except pa.ArrowInvalid:  # classes without probabilities, of another tool
        types = dict.fromkeys(columns, pa.string())
        return csv.read_csv(file, convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=False))
