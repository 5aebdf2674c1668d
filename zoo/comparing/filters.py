"""`--filter KEY=VALUE`: which runs to compare, by config key, group, tags, state, or a number of summary.json."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import yaml

from zoo.comparing.runs import Run
from zoo.errors import InputError, did_you_mean

ABOUT = ("group", "tags", "state", "name")
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_ABSENT = object()


@dataclass(frozen=True)
class Filter:
    """One condition on a run.

    Args:
        key: What to look at.
        relation: =, !=, >, <, >= or <=.
        value: As typed; with = and != it may hold * and ?.
    """

    key: str
    relation: str
    value: str

    def passes(self, run: Run) -> bool:
        found = lookup(run, self.key)
        if self.relation in ORDERS:
            number = isinstance(found, int | float) and not isinstance(found, bool)
            return number and ORDERS[self.relation](found, float(self.value))
        equal = any(self._equals(one) for one in found) if self.key == "tags" else self._equals(found)
        return equal == (self.relation == "=")

    def _equals(self, found: Any) -> bool:
        if found is _ABSENT:
            return False
        if str(found) == self.value or fnmatchcase(str(found), self.value):
            return True
        try:
            number = isinstance(found, int | float) and not isinstance(found, bool)
            return bool((float(self.value) if number else yaml.safe_load(self.value)) == found)
        except (yaml.YAMLError, ValueError):
            return False


def parse_filter(text: str) -> Filter:
    """A filter as typed.

    Raises:
        InputError: Not of the form KEY=VALUE, or an order with something that is no number.

    Example:
        >>> parse_filter("model_lr>=0.01")
        Filter(key='model_lr', relation='>=', value='0.01')
    """
    match = re.fullmatch(r"\s*([^<>=!]+?)\s*(>=|<=|!=|=|>|<)\s*(.*?)\s*", text)
    if match is None:
        raise InputError(f"--filter {text!r} is none: write KEY=VALUE, KEY!=VALUE, KEY>NUMBER or KEY<NUMBER")
    key, relation, value = match.groups()
    if relation in ORDERS:
        try:
            float(value)
        except ValueError:
            raise InputError(f"--filter {text!r}: {relation} needs a number, got {value!r}") from None
    return Filter(key, relation, value)


def keep(runs: Sequence[Run], filters: Sequence[Filter]) -> list[Run]:
    """The runs that pass all filters.

    Raises:
        InputError: A key that no run has.
    """
    for one in filters:
        if runs and all(lookup(run, one.key) is _ABSENT for run in runs):
            known = dict.fromkeys([*ABOUT, *(key for run in runs for key in run.config)])
            raise InputError(f"--filter {one.key}: no run has it; {did_you_mean(one.key, known)}")
    return [run for run in runs if all(one.passes(run) for one in filters)]


def lookup(run: Run, key: str) -> Any:
    """A run's value of a filter's key; dotted keys of the command line (`model.lr`) are taken too."""
    about = {"group": run.group, "tags": run.tags, "state": run.status, "status": run.status, "name": run.name}
    flat = key.replace(".init_args", "").replace(".", "_").removeprefix("trainer_")
    for values, name in ((about, key), (run.config, key), (run.config, flat), (run.summary, key)):
        if name in values:
            return values[name]
    return run.config.get("seed", _ABSENT) if key == "seed_everything" else _ABSENT
