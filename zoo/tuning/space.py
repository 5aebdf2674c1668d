"""The space that is searched, read from the `parameters:` of a W&B sweep; the same file serves `wandb sweep`.

sweep YAML -> `Parameter` -> what Optuna suggests -> words of a `zoo fit` command line
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from zoo.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from optuna.trial import Trial

LR = "model.lr"
FIELDS = ("value", "values", "distribution", "min", "max", "q")
RANGES = ("uniform", "int_uniform", "log_uniform", "log_uniform_values", "inv_log_uniform", "inv_log_uniform_values")
QUANTISED = ("q_uniform", "q_log_uniform", "q_log_uniform_values")
CHOICES = ("constant", "categorical")
PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Parameter:
    """One setting and the values it may take: some choices, or a range.

    Args:
        name: The flag of `zoo fit`, e.g. `model.lr`.
        choices: The values, as YAML has them; empty for a range. One choice is a constant.
        low: Least value of a range.
        high: Greatest value of a range.
        log: Whether the logarithm is drawn evenly.
        quantum: Values are multiples of it; 0 is none.
        integer: Whether values are whole numbers.
    """

    name: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    quantum: float = 0.0
    integer: bool = False

    @property
    def constant(self) -> bool:
        return len(self.choices) == 1

    def draw(self, trial: Trial) -> Any:
        """What Optuna suggests. A log range with a quantum is drawn without one: `text` rounds."""
        if self.choices:
            return trial.suggest_categorical(self.name, [stored(choice) for choice in self.choices])
        if self.integer and not self.log:
            return trial.suggest_int(self.name, int(self.low), int(self.high), step=int(self.quantum or 1))
        if self.quantum and not self.log:
            return trial.suggest_float(self.name, self.low, self.high, step=self.quantum)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)

    def text(self, suggested: Any) -> str:
        """The value on a command line, for one that Optuna drew.

        Example:
            >>> Parameter("a", low=8, high=64, log=True, quantum=8, integer=True).text(13.1)
            '16'
            >>> Parameter("b", choices=([8], None)).text("[8]"), Parameter("b", choices=([8], None)).text(None)
            ('[8]', 'null')
        """
        if not self.choices:
            value = multiple(suggested, self.quantum) if self.quantum else suggested
            return str(round(value)) if self.integer else repr(float(value))
        return suggested if isinstance(suggested, str) else json.dumps(suggested)

    def ends(self) -> list[str]:
        """Texts of each choice, or of both ends of the range."""
        return [self.text(value) for value in map(stored, self.choices)] or [self.text(self.low), self.text(self.high)]

    def including(self, value: Any) -> Parameter:
        """The same with a value of the config's own: one more choice, or a wider range.

        A range with a quantum stays as it is, and so does a range where the value is no number within its reach.
        """
        if self.choices:
            known = [stored(choice) for choice in self.choices]
            return self if stored(value) in known else replace(self, choices=(*self.choices, value))
        kind = int if self.integer else int | float
        if isinstance(value, bool) or not isinstance(value, kind) or self.quantum or (self.log and value <= 0):
            return self
        return replace(self, low=min(self.low, value), high=max(self.high, value))

    def holds(self, value: Any) -> bool:
        """Whether a value can be drawn."""
        if self.choices:
            return stored(value) in [stored(choice) for choice in self.choices]
        kind = int if self.integer else int | float
        if isinstance(value, bool) or not isinstance(value, kind) or not self.low <= value <= self.high:
            return False
        return self.log or not self.quantum or math.isclose(multiple(value - self.low, self.quantum), value - self.low)


def stored(choice: Any) -> Any:
    """A choice as Optuna keeps it: lists and dicts as JSON text.

    Example:
        >>> stored([64, 64]), stored(0.5)
        ('[64, 64]', 0.5)
    """
    return choice if isinstance(choice, PLAIN) else json.dumps(choice)


def multiple(value: float, quantum: float) -> float:
    """The nearest multiple of a quantum, without the dust of binary fractions.

    Example:
        >>> multiple(0.33, 0.1), multiple(13.1, 8)
        (0.3, 16.0)
    """
    step = Decimal(str(quantum))
    return float(round(Decimal(str(value)) / step) * step)


def read_space(file: Path) -> tuple[list[Parameter], dict[str, Any]]:
    """The parameters of a sweep file, and the file's whole content.

    Raises:
        InputError: No sweep, or a parameter that cannot be drawn.
    """
    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{file} cannot be read: {' '.join(str(error).split())[:200]}") from error
    described = content.get("parameters") if isinstance(content, dict) else None
    if not isinstance(described, dict) or not described:
        raise InputError(f"{file} has no `parameters:`, as a W&B sweep has: `zoo list configs sweeps` names examples")
    return space_of(described, str(file)), content


def space_of(described: Mapping[str, Any], where: str) -> list[Parameter]:
    """The parameters of a sweep's `parameters:`.

    Example:
        >>> [one] = space_of({"model.lr": {"min": 0.001, "max": 0.1, "distribution": "log_uniform_values"}}, "a.yaml")
        >>> one.low, one.high, one.log
        (0.001, 0.1, True)
    """
    return [_parameter(str(name), about, f"{where}: {name}") for name, about in described.items()]


def _parameter(name: str, about: Any, where: str) -> Parameter:
    if not isinstance(about, dict):
        raise InputError(f"{where} must have value, values, or min and max, got {about!r}")
    if "parameters" in about:
        raise InputError(f"{where}: write nested parameters with dots, {name}.{next(iter(about['parameters']), 'KEY')}")
    if "probabilities" in about or about.get("distribution") == "categorical_w_probabilities":
        raise InputError(f"{where}: values have no probabilities here, each is as likely at first: leave them out")
    for field in about:
        if field not in FIELDS:
            raise InputError(f"{where} has no field {field!r}: {did_you_mean(str(field), FIELDS)}")
    kind = about.get("distribution")
    if kind is not None and kind not in (*RANGES, *QUANTISED, *CHOICES):
        known = (*RANGES, *QUANTISED, *CHOICES)
        raise InputError(f"{where}: no distribution {kind!r} here: {did_you_mean(str(kind), known)}")
    if "value" in about:
        return Parameter(name, choices=(about["value"],))
    if "values" in about:
        if not isinstance(about["values"], list) or not about["values"]:
            raise InputError(f"{where}: values must be a list, got {about['values']!r}")
        return Parameter(name, choices=tuple(about["values"]))
    return _range(name, about, kind, where)


def _range(name: str, about: Mapping[str, Any], kind: str | None, where: str) -> Parameter:
    low, high = about.get("min"), about.get("max")
    for end, value in (("min", low), ("max", high)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            hint = " (YAML reads 1e-4 as text: write 1.0e-4)" if isinstance(value, str) else ""
            raise InputError(f"{where} must have value, values, or min and max; {end} is {value!r}{hint}")
    assert low is not None
    assert high is not None
    if low > high:
        raise InputError(f"{where}: min {low} is above max {high}")
    whole = isinstance(low, int) and isinstance(high, int)
    kind = kind or ("int_uniform" if whole else "uniform")
    quantum = about.get("q", 1) if kind in QUANTISED else 0
    if quantum < 0 or (kind in QUANTISED and quantum == 0):
        raise InputError(f"{where}: q must be above 0, got {quantum}")
    if kind in ("log_uniform", "q_log_uniform"):  # min and max are natural logarithms there
        low, high = math.exp(low), math.exp(high)
    elif kind == "inv_log_uniform":
        low, high = math.exp(-high), math.exp(-low)
    log = "log" in kind
    if log and low <= 0:
        raise InputError(f"{where}: min must be above 0 for {kind}, got {low}")
    if kind == "int_uniform" and not whole:
        raise InputError(f"{where}: min and max of int_uniform must be whole numbers, got {low} and {high}")
    integer = kind == "int_uniform" or (kind in QUANTISED and isinstance(quantum, int))
    if quantum and not log:
        low, high = multiple(low, quantum), multiple(high, quantum)
    return Parameter(name, low=low, high=high, log=log, quantum=quantum, integer=integer)


def corners(space: Sequence[Parameter]) -> list[dict[str, str]]:
    """Few settings of all parameters that hold each choice and both ends of each range at least once.

    Example:
        >>> corners(space_of({"a": {"values": [1, 2, 3]}, "b": {"min": 0, "max": 9}}, ""))
        [{'a': '1', 'b': '0'}, {'a': '2', 'b': '9'}, {'a': '3', 'b': '0'}]
    """
    ends = {parameter.name: parameter.ends() for parameter in space}
    most = max(map(len, ends.values()))
    return [{name: texts[place % len(texts)] for name, texts in ends.items()} for place in range(most)]


def flags(values: Mapping[str, str]) -> list[str]:
    """Words of a command line; a class stands before its arguments.

    Example:
        >>> flags({"model.lr": "0.1", "model": "MLPClassifier"})
        ['--model=MLPClassifier', '--model.lr=0.1']
    """
    order = sorted(values, key=lambda name: "." in name)
    return [f"--{name}={values[name]}" for name in order]
