"""A comparison as JSON and as CSV, for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from typing import Any

from zoo.comparing.comparison import Comparison

ALSO = ("seconds", "parameters")


def as_json(comparison: Comparison) -> str:
    """The whole comparison as one JSON object.

    Its keys stay: `metric`, `higher_is_better`, `differences`, `metrics`, `runs` (each `name`, `place`, `group`,
    `status`, `tags`, `config`, `summary`; best first), `groups` (`name`, `runs`, `mean`, `std`), `pairs` (`first`,
    `second`, `metric`, `difference`, `low`, `high`, `p_value`, `beyond_chance`, `test`, `n_rows`) and `notes`.
    What is no number (NaN) is null.
    """
    runs = [
        {
            "name": run.name,
            "place": run.place,
            "group": run.group,
            "status": run.status,
            "tags": list(run.tags),
            "config": run.config,
            "summary": run.summary,
        }
        for run in comparison.runs
    ]
    content = {
        "metric": comparison.metric,
        "higher_is_better": comparison.higher_is_better,
        "differences": comparison.differences,
        "metrics": comparison.metrics,
        "runs": runs,
        "groups": [asdict(group) for group in comparison.groups],
        "pairs": [asdict(pair) | {"beyond_chance": pair.beyond_chance} for pair in comparison.pairs],
        "notes": comparison.notes,
    }
    return json.dumps(_plain(content), indent=2, allow_nan=False, default=str)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_csv(comparison: Comparison) -> str:
    """A row a run, best first: name, group, status, place, the settings that differ, the metric by which
    they are ordered, the others, seconds, parameters.

    A setting or metric that a run does not have is an empty cell; a list is JSON.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    numbers = list(dict.fromkeys([comparison.metric, *comparison.metrics, *ALSO]))
    writer.writerow(["name", "group", "status", "place", *comparison.differences, *numbers])
    for run in comparison.runs:
        settings = [_cell(run.config.get(key)) for key in comparison.differences]
        values = [_cell(run.summary.get(name)) for name in numbers]
        writer.writerow([run.name, run.group, run.status, run.place, *settings, *values])
    return stream.getvalue()


def _cell(value: Any) -> Any:
    return "" if value is None else json.dumps(value) if isinstance(value, list) else value
