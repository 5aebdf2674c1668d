"""Argument checks shared by every network: each one raises a single line that says what was expected and what came."""

from collections.abc import Sequence
from difflib import get_close_matches


def check_choice(name: str, value: str, valid: Sequence[str]) -> None:
    """Raise ``ValueError`` unless `value` is one of `valid`; the message lists them and names the nearest."""
    if value in valid:
        return
    nearest = get_close_matches(str(value), valid, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(f"{name} must be one of {', '.join(valid)}, got {value!r}{hint}")


def check_fraction(name: str, value: float) -> None:
    """Raise ``ValueError`` unless `value` is in [0, 1)."""
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{name} must be in [0, 1), got {value}")


def check_positive(name: str, value: int) -> None:
    """Raise ``ValueError`` unless `value` is an integer of at least 1."""
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value}")


def check_all_positive(name: str, values: Sequence[int]) -> None:
    """Raise ``ValueError`` unless every one of `values` is an integer of at least 1."""
    if any(not isinstance(value, int) or value < 1 for value in values):
        raise ValueError(f"{name} must hold positive integers, got {list(values)}")
