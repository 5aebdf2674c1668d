"""What zoo says to the person at the terminal: plain lines on standard error, from the first process only."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_listeners: list[list[str]] = []  # of `heard`
_earlier: list[set[str]] = []  # lines of one `without_repeats` inside another
_said: set[str] = set()


def is_first_process() -> bool:
    """True in the process that speaks: rank 0, or the only one. Read from the launcher's environment."""
    return all(os.environ.get(name, "0") in ("", "0") for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))


def say(line: str) -> None:
    """Print one line on standard error."""
    for lines in _listeners:
        lines.append(line)
    if _earlier:
        if line in _earlier[-1]:
            return
        _earlier[-1].add(line)
    if is_first_process():
        print(line, file=sys.stderr, flush=True)


def say_once(line: str) -> None:
    """As `say`, but the same line only once a process."""
    if line not in _said:
        _said.add(line)
        say(line)


@contextmanager
def heard() -> Iterator[list[str]]:
    """The lines that are said inside, as they come; also those of a process that does not speak."""
    lines: list[str] = []
    _listeners.append(lines)
    try:
        yield lines
    finally:
        _listeners.pop()


@contextmanager
def without_repeats() -> Iterator[None]:
    """Inside, `say` says the same line only once: what holds of every trial of a search."""
    _earlier.append(set())
    try:
        yield
    finally:
        _earlier.pop()
