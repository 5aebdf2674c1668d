"""Train, validation and test: files of their own, or split off; rows that cannot be used are left out, with a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from zoo.data.source import Source
from zoo.data.splits import stratified_split
from zoo.data.target import TargetEncoder
from zoo.errors import InputError
from zoo.messages import say

PARTS = ("train", "val", "test")


def find_parts(folder: Path, endings: Sequence[str]) -> dict[str, Path]:
    """`train.*`, `val.*` and `test.*` (or `validation.*`, `valid.*`, `dev.*`) in a folder, by part."""
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        part = {"validation": "val", "valid": "val", "dev": "val"}.get(file.stem.lower(), file.stem.lower())
        if part in PARTS and file.suffix.lower() in endings:
            if part in found:
                raise InputError(f"{folder}: both {found[part].name} and {file.name} are a {part} part: keep one")
            found[part] = file
    return {part: found[part] for part in PARTS if part in found}


def only_part(found: Mapping[str, Source], part: str) -> Source:
    """Of what was read at the path of one part: all of it, or that part of a folder."""
    return found.get("all") or found.get(part) or next(iter(found.values()))


def rows_with_target(source: Source) -> Source:
    """Without the rows that have no target; that is said.

    Raises:
        InputError: No row is left.
    """
    if len(source) == 0:
        raise InputError(f"{source.path}: no rows")
    if not any(column.null_count for column in source.target):
        return source
    known = np.ones(len(source), dtype=bool)
    for column in source.target:
        known &= column.is_valid().to_numpy(zero_copy_only=False)
    if not known.any():
        raise InputError(
            f"{source.path}: target {source.target_names[0]!r} has no value in any row: choose another --data.target"
        )
    say(f"{source.path}: {int((~known).sum())} of {len(source)} rows have no target and are left out")
    return source.take(np.flatnonzero(known))


def rows_of_classes(source: Source, encoder: TargetEncoder) -> Source:
    """Without the rows of classes that train does not have; that is said.

    Raises:
        InputError: No row is left.
    """
    if encoder.task != "classification":
        return source
    known = (encoder.encode(source.target, source.target_names, source.path) >= 0).numpy()
    if known.all():
        return source
    strange = pc.unique(source.target[0].filter(pa.array(~known))).to_pylist()
    if not known.any():
        raise InputError(f"{source.path}: no row is of a class that train rows have; found {strange[0]!r}, ...")
    say(f"{source.path}: {int((~known).sum())} rows are of classes train does not have ({strange[0]!r}, ...): left out")
    return source.take(np.flatnonzero(known))


def split_off(
    found: Mapping[str, Source], *, task: str, val_fraction: float, test_fraction: float, seed: int
) -> dict[str, Source]:
    """The parts, with validation and test split off train where they have no rows of their own.

    Args:
        found: `train`, and perhaps `val` and `test`.
        task: `auto`, `classification` or `regression`.
        val_fraction: Share of train rows for validation (0-1).
        test_fraction: Share of train rows for test (0-1).
        seed: Same seed, same rows.

    Raises:
        InputError: Fractions that cannot be, or no row for validation.
    """
    whole = found["train"]
    fractions = {
        "val_fraction": 0.0 if "val" in found else val_fraction,
        "test_fraction": 0.0 if "test" in found else test_fraction,
    }
    try:
        rows = stratified_split(_strata(whole, task), **fractions, seed=seed)
    except ValueError as error:
        raise error if isinstance(error, InputError) else InputError(f"data: {error}") from error
    parts = {part: whole.take(chosen) for part, chosen in zip(PARTS, rows, strict=True)} | {
        part: source for part, source in found.items() if part != "train"
    }
    if len(parts["val"]) == 0:
        raise InputError(
            f"{whole.path}: {len(whole)} rows leave none for validation: give more rows, a larger "
            "--data.val_fraction or a --data.val_path"
        )
    return {part: source for part, source in parts.items() if len(source)}


def _strata(source: Source, task: str) -> NDArray[Any]:
    """Class of each row; rows of equal labels together for several columns; one class for numbers."""
    kind = TargetEncoder.fit(source.target, source.target_names, task, source.path)
    if kind.task == "regression":
        return np.zeros(len(source), dtype=np.uint8)
    ids = kind.encode(source.target, source.target_names, source.path).numpy()
    return ids if ids.ndim == 1 else np.unique(ids, axis=0, return_inverse=True)[1].reshape(-1)
