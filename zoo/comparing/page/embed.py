"""Values as JSON that may stand inside a script element, whatever they hold."""

from __future__ import annotations

import json
import math
from typing import Any


def as_json(value: Any) -> str:
    """Plain ASCII without `<`, `>` and `&`, so that no name can end the script element or begin a comment in it.

    Example:
        >>> as_json({"name": "</script>"})
        '{"name":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def number(value: Any, digits: int = 7) -> float | int | str | None:
    """A metric for JSON: rounded to significant digits; NaN and infinities as the words that JavaScript reads.

    Example:
        >>> number(0.123456789), number(3.0), number(float("-inf")), number(None)
        (0.1234568, 3, '-Infinity', None)
    """
    if value is None or isinstance(value, str | list | dict):
        return None
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded


def setting(value: Any) -> Any:
    """A value of a config for JSON: numbers, strings, bools, lists and None as they are, anything else as its text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list | tuple):
        return [setting(item) for item in value]
    if isinstance(value, dict):
        return {str(key): setting(item) for key, item in value.items()}
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
