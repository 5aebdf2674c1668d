"""Learning curves short enough for a page: at most about a thousand points each, with every peak and valley kept."""

from __future__ import annotations

import math
from typing import Any

from zoo.comparing.page.embed import number

AXES = ("step", "epoch", "samples_seen", "seconds")
MAX_POINTS = 1000  # of one curve: more than a screen has columns for
MAX_IN_ALL = 150_000  # of all curves: about 4 MB

History = list[dict[str, float]]


def curves(histories: list[History]) -> list[dict[str, Any]]:
    """For each run: `axes` (name -> values), and `metrics` (name -> [positions in the axes, values])."""
    lengths = [sum(name in row for row in history) for history in histories for name in metric_names(history)]
    limit = MAX_POINTS
    while limit > 100 and sum(min(limit, length) for length in lengths) > MAX_IN_ALL:
        limit //= 2
    return [curves_of_run(history, limit) for history in histories]


def metric_names(history: History) -> list[str]:
    """Names of what was measured over time, in order of appearance; a final test is no curve."""
    names = dict.fromkeys(name for row in history for name in row)
    return [name for name in names if name not in AXES and not name.startswith("test/")]


def curves_of_run(history: History, limit: int) -> dict[str, Any]:
    """The curves of one run; they share the axes of all rows that any of them keeps."""
    kept: dict[str, list[int]] = {}
    for name in metric_names(history):
        rows = [row for row in range(len(history)) if name in history[row]]
        values = [history[row][name] for row in rows]
        kept[name] = [rows[place] for place in thin(values, limit)]
    rows = sorted(set().union(*kept.values()))
    place = {row: position for position, row in enumerate(rows)}
    return {
        "axes": {
            axis: [number(history[row].get(axis)) for row in rows] for axis in AXES if axis_is_known(history, axis)
        },
        "metrics": {
            name: [[place[row] for row in of_metric], [number(history[row][name], 6) for row in of_metric]]
            for name, of_metric in kept.items()
        },
    }


def axis_is_known(history: History, axis: str) -> bool:
    return any(axis in row for row in history)


def thin(values: list[float], limit: int) -> list[int]:
    """Positions of at most `limit` values: the first, the last, and the least and greatest of equal stretches between.

    Example:
        >>> thin([0.0, 1.0, 9.0, 1.0, 0.0, -9.0, 0.0, 1.0], limit=6)
        [0, 1, 2, 4, 5, 7]
    """
    if len(values) <= limit:
        return list(range(len(values)))
    stretches = (limit - 2) // 2
    keep = {0, len(values) - 1}
    for stretch in range(stretches):
        start = 1 + stretch * (len(values) - 2) // stretches
        end = 1 + (stretch + 1) * (len(values) - 2) // stretches
        finite = [place for place in range(start, end) if math.isfinite(values[place])] or [start]
        keep |= {min(finite, key=values.__getitem__), max(finite, key=values.__getitem__)}
    return sorted(keep)
