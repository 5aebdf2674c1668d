"""The target column(s) -> what a loss takes: class ids, 0/1 columns, or numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.data.source import flat_array, numbered
from zoo.errors import InputError, did_you_mean
from zoo.messages import say

Task = Literal["classification", "multilabel", "regression"]
TARGET_NAMES = ("target", "label", "class", "y")
_YES = {"1", "true", "yes"}
_NO = {"0", "false", "no"}
# More classes than this from a column of numbers means that numbers were meant.
MOST_NUMBER_CLASSES = 1000


def choose_target(columns: Sequence[str], target: str | Sequence[str] | None, where: str) -> tuple[str, ...]:
    """The names of the target columns: those asked for, or the one called target, label, class or y.

    Raises:
        InputError: A column is missing, or none was named and none is called like a target.
    """
    if target:
        wanted = (target,) if isinstance(target, str) else tuple(target)

        for name in wanted:
            if name not in columns:
                raise InputError(f"{where} has no column {name!r} (data.target): {did_you_mean(name, columns)}")
        return wanted
    for wish in TARGET_NAMES:
        for name in columns:
            if name.lower() == wish:
                say(f"target: column {name!r} of {where}")
                return (name,)
    raise InputError(f"{where}: say which column to predict with --data.target; its columns are {', '.join(columns)}")


def _class_ids(column: pa.Array, classes: Sequence[str] | None = None) -> tuple[NDArray[np.int64], list[str]]:
    """The place of each cell's class among the classes (those of the column if None), -1 for none; and the classes."""
    codes, values = numbered(column)
    words = class_words(values)
    found = pc.index_in(words, value_set=words if classes is None else pa.array(classes, pa.string()))
    places = np.append(pc.fill_null(found, -1).to_numpy(), -1).astype(np.int64)  # the last is for missing cells
    if codes.null_count:
        codes = pc.fill_null(codes.cast(pa.int32()), len(words))
    return places[codes.to_numpy()], words.to_pylist() if classes is None else list(classes)


def class_words(column: pa.Array) -> pa.Array:
    """Classes as words: 3, 3.0 and "3" are all "3"; nothing else is changed. Missing stays missing."""
    if pa.types.is_floating(column.type):
        whole = pc.equal(pc.floor(column), column)
        if pc.all(pc.or_kleene(whole, pc.is_null(column))).as_py():
            column = column.cast(pa.int64())
    return column.cast(pa.string())


class TargetEncoder:
    """Turns target columns into one tensor; remembers the classes in order.

    Args:
        task: `classification` (one column), `multilabel` (columns of 0/1) or `regression`.
        class_names: Classes in the order of the model's outputs; for regression the names of the columns.
    """

    def __init__(self, task: Task, class_names: Sequence[str]) -> None:
        self.task: Task = task
        self.class_names = list(class_names)

    @classmethod
    def fit(cls, columns: Sequence[pa.Array], names: Sequence[str], task: str, where: str) -> TargetEncoder:
        """Find the task where it is "auto", and the classes, from the train rows.

        Raises:
            InputError: Nothing but missing cells, one class only, a constant number, words where numbers are needed.
        """
        for column, name in zip(columns, names, strict=True):
            if column.null_count == len(column):
                raise InputError(f"{where}: target {name!r} has no value in any row: choose another --data.target")
        kind = _guess(columns) if task == "auto" else task
        if kind == "regression":
            for column, name in zip(columns, names, strict=True):
                values = _numbers(column, name, where)
                if np.nanmin(values) == np.nanmax(values):
                    raise InputError(
                        f"{where}: target {name!r} is {np.nanmin(values):g} in every row: nothing to learn"
                    )
            return cls("regression", list(names))
        if len(columns) > 1:
            for column, name in zip(columns, names, strict=True):
                _zero_one(column, name, where)
            return cls("multilabel", list(names))
        return cls("classification", _classes(columns[0], names[0], where))

    def encode(self, columns: Sequence[pa.Array], names: Sequence[str], where: str) -> Tensor:
        """Targets as a tensor: int64 (rows,), or float32 (rows, columns); a class never seen becomes -1.

        A single regression target is (rows, 1).
        """
        if self.task == "classification":
            return torch.from_numpy(_class_ids(columns[0], self.class_names)[0])
        read = _numbers if self.task == "regression" else _zero_one
        values = [read(column, name, where) for column, name in zip(columns, names, strict=True)]
        return torch.from_numpy(np.stack(values, axis=1).astype(np.float32))

    def state_dict(self) -> dict[str, Any]:
        return {"task": self.task, "class_names": self.class_names}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> TargetEncoder:
        return cls(state["task"], state["class_names"])


def _guess(columns: Sequence[pa.Array]) -> str:
    """Words and booleans are classes; fractions are numbers; whole numbers are classes where they are few."""
    for column in columns:
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            return "classification"
        distinct = pc.unique(column.drop_null())
        whole = pa.types.is_integer(column.type) or pc.all(pc.equal(pc.floor(distinct), distinct)).as_py()
        if not whole or len(distinct) > max(20, len(column) // 50):
            return "regression"
    return "classification"


def _classes(column: pa.Array, name: str, where: str) -> list[str]:
    codes, values = numbered(column)
    words = class_words(values.take(pc.unique(codes).drop_null())).to_pylist()
    is_number = not pa.types.is_boolean(column.type) and all(_is_number(word) for word in words)
    if is_number and len(words) > MOST_NUMBER_CLASSES:
        raise InputError(
            f"{where}: target {name!r} holds {len(words)} different numbers: for numbers use a Regressor "
            "(--model MLPRegressor), for classes --data.target another column"
        )
    if len(words) < 2:
        raise InputError(f"{where}: target {name!r} has one class only ({words[0]!r}): at least two are needed")
    return sorted(words, key=float) if is_number else sorted(words)


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _numbers(column: pa.Array, name: str, where: str) -> NDArray[np.float64]:
    try:
        values = flat_array(column).cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        example = column.drop_null()[0].as_py()
        raise InputError(
            f"{where}: target {name!r} is not a number ({example!r}): for classes use a Classifier (--model MLPClassifier)"
        ) from error
    return np.asarray(pc.fill_null(values, float("nan")).to_numpy(zero_copy_only=False))


def _zero_one(column: pa.Array, name: str, where: str) -> NDArray[np.float64]:
    ids, words = _class_ids(column)
    on = np.array([word.lower() in _YES for word in words] + [False])  # a missing cell is a 0
    used = {words[place].lower() for place in np.unique(ids) if place >= 0}
    wrong = used - _YES - _NO
    if wrong:
        raise InputError(f"{where}: target {name!r} of several must hold 0 or 1, found {sorted(wrong)[0]!r}")
    return on[ids].astype(np.float64)
