"""Where texts come from: tables with a text column, folders of .txt files, one .txt of lines, samples.

path -> tables or files -> Source whose rows are an Arrow table of the one column `text`
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zoo.data.compact import wide
from zoo.data.parts import find_parts
from zoo.data.source import Source, flat_array
from zoo.data.table import TABLE_ENDINGS, existing_path, read_table
from zoo.data.target import choose_target
from zoo.data.text_samples import text_sample
from zoo.errors import InputError, did_you_mean
from zoo.messages import say, say_once

TEXT_NAMES = ("text", "sentence", "review", "content", "message", "phrase", "document")
FOLDER_TARGET = "class"  # the name of the target where class folders give it
PART_FOLDERS = {"train": "train", "val": "val", "validation": "val", "valid": "val", "dev": "val", "test": "test"}


def read_text(
    path: str, *, target: str | Sequence[str] | None, text: str | None, with_target: bool
) -> tuple[dict[str, Source], str | None]:
    """The sources at a path by part, and the text column in use (None for .txt files).

    Args:
        path: Table file, .txt file, folder, or `sample:NAME`.
        target: Target column(s); None takes one called target, label, class or y.
        text: Text column; None chooses one.
        with_target: False for predict: the target may be missing, and empty texts keep their row.

    Raises:
        InputError: Nothing there can be read as texts.
    """
    if path.startswith("sample:"):
        tables = {"all": (text_sample(path.removeprefix("sample:")), path)}
        target, text = target or "language", text or "text"
        return _from_tables(tables, target=target, text=text, with_target=with_target)
    found = existing_path(path)
    if found.is_file() and found.suffix.lower() == ".txt":
        if with_target:
            raise InputError(
                f"{path}: a .txt file holds no target, so it is for predict only; give a CSV, Parquet or JSON-lines "
                "file, or a folder with one folder of .txt files for each class"
            )
        return {"all": _from_lines(found)}, None
    files = {"all": found} if found.is_file() else find_parts(found, TABLE_ENDINGS)
    if not files:
        return _from_folder(found, with_target=with_target), None
    tables = {part: (read_table(file, missing=("",)), str(file)) for part, file in files.items()}
    return _from_tables(tables, target=target, text=text, with_target=with_target)


def choose_text(table: pa.Table, text: str | None, targets: Sequence[str], where: str) -> str:
    """The name of the text column: the one asked for, one called like a text, or the longest column of words.

    Raises:
        InputError: The column is missing or is no text, or there is no column of words.
    """
    columns = [name for name in table.column_names if name not in targets]
    if text is not None:
        if text in targets:
            raise InputError(f"{where}: column {text!r} is both data.text and data.target")
        if text not in columns:
            raise InputError(f"{where} has no column {text!r} (data.text): {did_you_mean(text, columns)}")
        if not _is_words(table.schema.field(text).type):
            raise InputError(
                f"{where}: column {text!r} (data.text) holds {wide(table.schema.field(text).type)}, not text; "
                f"its columns are {', '.join(table.column_names)}"
            )
        return text
    words = [name for name in columns if _is_words(table.schema.field(name).type)]
    if not words:
        raise InputError(
            f"{where} has no column of text besides the target; its columns are {', '.join(table.column_names)}"
        )
    called = [name for wish in TEXT_NAMES for name in words if name.lower() == wish]
    chosen: str = called[0] if called else max(words, key=lambda name: _mean_length(table[name]))
    say_once(f"text: column {chosen!r} of {where}")
    return chosen


def _mean_length(column: pa.ChunkedArray) -> float:
    """Characters of a text, missing ones left out."""
    return float(pc.mean(pc.utf8_length(_texts(column))).as_py() or 0)


def _is_words(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    # A column without any value has the type null; the error about empty texts tells that better.
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_null(value))


def _texts(column: pa.ChunkedArray) -> pa.Array:
    """Large strings, since a taken column of more than 2 GiB overflows ordinary ones."""
    return flat_array(column).cast(pa.large_string())


def _from_tables(
    tables: dict[str, tuple[pa.Table, str]], *, target: str | Sequence[str] | None, text: str | None, with_target: bool
) -> tuple[dict[str, Source], str | None]:
    """A source for each table; the columns that the first one settles hold for all."""
    sources = {}
    for part in sorted(tables, key=_train_first):
        table, where = tables[part]
        if with_target:
            target = targets = choose_target(table.column_names, target, where)
        else:
            wanted = (target,) if isinstance(target, str) else tuple(target or ())
            targets = wanted if set(wanted) <= set(table.column_names) else ()
        text = choose_text(table, text, targets, where)
        sources[part] = _from_table(table, where, target=targets, text=text, with_target=with_target)
    return sources, text


def _train_first(part: str) -> bool:
    return part != "train"


def _from_table(table: pa.Table, where: str, *, target: Sequence[str], text: str, with_target: bool) -> Source:
    source = Source(
        rows=pa.table({"text": pc.fill_null(_texts(table[text]), "")}),
        target=tuple(flat_array(table[name]) for name in target),
        target_names=tuple(target),
        index=np.arange(table.num_rows),
        path=where,
    )
    return _without_empty(source, f"column {text!r}") if with_target else source


def _without_empty(source: Source, what: str) -> Source:
    """Rows whose text is more than white space; an empty text teaches nothing."""
    empty = pc.equal(pc.utf8_trim_whitespace(source.rows["text"]), "").to_numpy()
    if not empty.any():
        return source
    if empty.all():
        raise InputError(f"{source.path}: {what} has no text in any row: choose another --data.text")
    say(f"{source.path}: {int(empty.sum())} of {len(source)} rows have an empty text and are left out")
    return source.take(np.flatnonzero(~empty))


def _from_lines(file: Path) -> Source:
    """One text a line; an empty line is an empty text, so that predictions stay in step with the file."""
    content, latin = _decode(file)
    if latin:
        say(f"{file}: not UTF-8, read as Latin-1")
    if not content:
        raise InputError(f"{file} is empty")
    # Not splitlines: it would also cut at form feeds and other separators inside a text.
    lines = content.replace("\r\n", "\n").removesuffix("\n").split("\n")
    return _from_texts(lines, (), str(file))


def _from_folder(folder: Path, *, with_target: bool) -> dict[str, Source]:
    """Folders of .txt files: a folder for each class, also inside train, val, test; for predict also bare files."""
    parts = {
        PART_FOLDERS[child.name.lower()]: child
        for child in sorted(folder.iterdir())
        if child.is_dir() and child.name.lower() in PART_FOLDERS
    }
    if "train" in parts:
        return {part: _from_files(child, folder, with_target=with_target) for part, child in parts.items()}
    return {"all": _from_files(folder, folder, with_target=with_target)}


def _from_files(folder: Path, root: Path, *, with_target: bool) -> Source:
    classed = [(file, child.name) for child in _folders(folder) for file in _txt_files(child)]
    bare = [file for file in sorted(folder.iterdir()) if file.is_file() and file.suffix.lower() == ".txt"]
    if not classed and (with_target or not bare):
        names = ", ".join(sorted(child.name for child in folder.iterdir())[:10]) or "nothing"
        raise InputError(
            f"{folder}: neither a train.csv (or .parquet, .jsonl) nor a folder of .txt files for each class; "
            f"it holds {names}"
        )
    files = [file for file, _ in classed] or bare
    decoded = [_decode(file) for file in files]
    n_latin = sum(latin for _, latin in decoded)
    if n_latin:
        say(f"{folder}: {n_latin} of {len(files)} files are not UTF-8, read as Latin-1")
    source = _from_texts([content for content, _ in decoded], [name for _, name in classed], str(folder))
    paths = np.array([file.relative_to(root).as_posix() for file in files], dtype=object)
    source = replace(source, names=paths)
    return _without_empty(source, "no file") if with_target else source


def _from_texts(texts: Sequence[str], classes: Sequence[str], where: str) -> Source:
    return Source(
        rows=pa.table({"text": pa.array(texts, pa.large_string())}),
        target=(pa.array(classes, pa.string()),) if classes else (),
        target_names=(FOLDER_TARGET,) if classes else (),
        index=np.arange(len(texts)),
        path=where,
    )


def _folders(folder: Path) -> Iterator[Path]:
    return (child for child in sorted(folder.iterdir()) if child.is_dir() and not child.name.startswith("."))


def _txt_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file() and file.suffix.lower() == ".txt")


def _decode(file: Path) -> tuple[str, bool]:
    """The content, and whether it had to be read as Latin-1."""
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig"), False
    except UnicodeDecodeError:
        return content.decode("latin-1"), True
