"""Bars, and the tables that say whether they are reached: made of lines of JSON alone, a run each.

A table is of the runs of one commit on one device with one set of further words for `zoo fit`; others make another.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scipy.stats import rankdata

METRICS = ("accuracy", "auroc", "log_loss", "rmse")
LOWER = ("log_loss", "rmse", "seconds")  # is better
FORMATS = {"rmse": ".1f", "seconds": ".0f"}
NUMBER = "_number"  # ends the name of a peer's regressor
Row = dict[str, Any]
Figures = dict[str, dict[str, list[float]]]  # set -> name -> a figure a run; none of a run that failed
Kind = tuple[str, str, str]
CPU = "cpu"


@dataclass(frozen=True)
class Bar:
    """What the runs of a benchmark must reach: the mean over the seeds, and of seconds each.

    Args:
        title: Of its table.
        benchmark: Module whose runs it is of.
        sets: Those of its table.
        metric: Of the test rows, or seconds of the whole command.
        peers: Names of peers, or of other ways of zoo, to stand beside; who has no figures is told under the table.
        way: Of zoo.
        ways: Those of the peers that are ways of zoo.
        limits: Of a set, that its figure must reach.
        rival: Peer whose figure of the set must be reached.
        margin: By which that peer must be beaten.
        needed: Sets on which the bar must be reached; all, if None.
        ranked: The mean rank over the sets must be ahead of that of every peer.
        level: Peers that the mean rank need not be ahead of, but level with.
    """

    title: str
    benchmark: str
    sets: tuple[str, ...]
    metric: str = "accuracy"
    peers: tuple[str, ...] = ()
    way: str = "zoo"
    ways: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    rival: str | None = None
    margin: float = 0.0
    needed: int | None = None
    ranked: bool = False
    level: tuple[str, ...] = ()

    def reached(self, name: str, figures: Mapping[str, Sequence[float]]) -> bool | None:
        """On one set; None where that cannot be said."""
        ours = figures.get(self.way)
        aim = self.limits.get(name)
        if aim is None and self.rival is not None and figures.get(self.rival):
            aim = statistics.fmean(figures[self.rival]) + (-self.margin if self.metric in LOWER else self.margin)
        if not ours or aim is None:
            return None
        reached = max(ours) if self.metric == "seconds" else statistics.fmean(ours)
        return reached <= aim if self.metric in LOWER else reached >= aim

    def wanted(self, name: str) -> str:
        sign = "≤" if self.metric in LOWER else "≥"
        if name in self.limits:
            return f"{sign} {self.limits[name]:g}"
        if self.rival is None:
            return ""
        return f"{sign} {self.rival}" + (f" {'-' if self.metric in LOWER else '+'} {self.margin:g}" * bool(self.margin))


def page(bars: Sequence[Bar], rows: Sequence[Row]) -> str:
    """The tables of bars."""
    return "\n\n".join(section(bar, rows) for bar in bars)


def section(bar: Bar, rows: Sequence[Row]) -> str:
    """A bar's heading, the command that remakes its runs, and its table for each commit that there are runs of."""
    rows = list({identity(row): row for row in rows}.values())  # the last one of a run that was repeated
    runs = [row for row in rows if row.get("benchmark") == bar.benchmark and row["set"] in bar.sets and "way" in row]
    kinds = list(dict.fromkeys(kind(row) for row in runs if row["way"] == bar.way and bar.metric in row))
    command = f"python -m benchmarks.strength {bar.benchmark} --sets {','.join(bar.sets)} --seeds 5"
    command += f" --ways {','.join((bar.way, *bar.ways))}" if bar.ways else ""
    parts = [f"## {bar.title}", f"`{command}`"]
    peers = [row for row in rows if "peer" in row]
    for one in kinds or [("", "", CPU)]:
        parts.append(table(bar, [row for row in runs if kind(row) == one], peers, one))
    return "\n\n".join(parts)


def identity(row: Row) -> tuple[Any, ...]:
    """What tells one run from another; of a peer, one a seed."""
    if "peer" in row:
        return row["set"], row["peer"], row.get("seed", 0)
    return row.get("kind"), *(row[key] for key in ("benchmark", "set", "way", "seed", "more", "commit"))


def kind(row: Row) -> Kind:
    """Runs of the same kind stand in one table: of one commit, with the same further words, on the same device."""
    return row["commit"], row["more"], row.get("device", CPU)


def collect(bar: Bar, runs: Sequence[Row], peers: Sequence[Row]) -> Figures:
    """The figures of a bar's metric."""
    found: Figures = {name: {} for name in bar.sets}
    for row in [*runs, *peers]:
        who = row["way"] if "way" in row else row["peer"].removesuffix(NUMBER)
        number = row.get("peer", "").endswith(NUMBER)
        if row["set"] not in found or who not in (bar.way, *bar.peers) or (number and bar.metric == "log_loss"):
            continue
        if "error" in row:
            found[row["set"]].setdefault(who, [])
        elif bar.metric in row:
            found[row["set"]].setdefault(who, []).append(row[bar.metric])
    return found


def table(bar: Bar, runs: Sequence[Row], peers: Sequence[Row], one: Kind) -> str:
    """Markdown: a row a set, then what the bar says of all of them; no seconds of a GPU, which several runs may share."""
    at, more, device = one
    kept = ", ".join([at, *([f"`{more}`"] if more else []), *([device] if device != CPU else [])])
    figures = collect(bar, runs, peers)
    others = [peer for peer in bar.peers if any(peer in found for found in figures.values())]
    lines = [f"| set | bar | {bar.way} | reached | {' | '.join([*others, 'seconds', 'seeds', 'at'])} |"]
    lines.append("|---" * (len(others) + 7) + "|")
    for name in bar.sets:
        found = figures[name]
        ours = [row for row in runs if row["set"] == name and row["way"] == bar.way and bar.metric in row]
        seconds = spread([row["seconds"] for row in ours], "seconds") if device == CPU else ""
        cells = [name, bar.wanted(name), spread(found.get(bar.way, []), bar.metric) or "not measured yet"]
        cells.append({True: "yes", False: "**no**", None: ""}[bar.reached(name, found)])
        cells += [
            ("" if found[peer] else "failed") + spread(found[peer], bar.metric) if peer in found else ""
            for peer in others
        ]
        lines.append(f"| {' | '.join([*cells, seconds, str(len(ours) or ''), kept if ours else ''])} |")
    told: list[str] = []
    if bar.ranked:
        row, told = ranking(bar, figures, others)
        lines.append(row)
    elif len(bar.sets) > 1:
        told.append(tally(bar, figures))
    absent = [peer for peer in bar.peers if peer not in others]
    told += [f"Not measured: {', '.join(absent)}."] if absent else []
    return "\n".join(lines + (["", " ".join(told)] if told else []))


def tally(bar: Bar, figures: Figures) -> str:
    verdicts = [bar.reached(name, figures[name]) for name in bar.sets]
    asked = "all" if bar.needed is None else f"at least {bar.needed}"
    return f"Reached on {verdicts.count(True)} of {len(bar.sets)} sets ({verdicts.count(None)} open); the bar asks {asked}."


def ranking(bar: Bar, figures: Figures, others: Sequence[str]) -> tuple[str, list[str]]:
    """The row of mean ranks, and the words under the table: a peer that lacks a set that zoo has is in no rank."""
    having = {name: found for name, found in figures.items() if found.get(bar.way)}
    who = [peer for peer in others if all(peer in found for found in having.values())]
    ranks = mean_ranks({name: {one: found[one] for one in (bar.way, *who)} for name, found in having.items()})
    cells = [format(ranks[one], ".2f") if one in ranks else "" for one in (bar.way, *others)]
    told = [f"Mean ranks over {len(having)} of {len(bar.sets)} sets; 1 is the lowest {bar.metric.replace('_', ' ')}."]
    verdict = ""
    if having and len(having) == len(bar.sets):
        won = all(ranks[bar.way] < ranks[peer] or (peer in bar.level and ranks[bar.way] == ranks[peer]) for peer in who)
        verdict = "yes" if won else "**no**"
    if partial := [peer for peer in others if peer not in who]:
        told.append(f"In no rank, as they lack some of these sets: {', '.join(partial)}.")
    lead = "lead" + (f", level with {', '.join(bar.level)}" if bar.level else "")
    return f"| mean rank | {lead} | {cells[0]} | {verdict} | {' | '.join([*cells[1:], '', '', ''])} |", told


def mean_ranks(figures: Figures) -> dict[str, float]:
    """Mean over the sets of each one's rank by its mean figure, 1 the lowest; ties share, who failed comes last.

    Args:
        figures: Of the same names in every set.

    Example:
        >>> mean_ranks({"a": {"zoo": [0.1], "x": [0.2, 0.6], "y": [0.3]}, "b": {"zoo": [0.2], "x": [0.1], "y": []}})
        {'zoo': 1.5, 'x': 2.0, 'y': 2.5}
    """
    ranks: dict[str, list[float]] = {}
    for found in figures.values():
        means = [statistics.fmean(values) if values else math.inf for values in found.values()]
        for one, rank in zip(found, rankdata(means, method="average"), strict=True):
            ranks.setdefault(one, []).append(float(rank))
    return {one: statistics.fmean(values) for one, values in ranks.items()}


def spread(values: Sequence[float], metric: str) -> str:
    """Mean ± standard deviation over the runs; empty without any.

    Example:
        >>> spread([0.5, 0.6], "accuracy"), spread([0.5], "accuracy"), spread([], "accuracy")
        ('0.5500 ± 0.0707', '0.5000', '')
    """
    if not values:
        return ""
    form = FORMATS.get(metric, ".4f")
    more = f" ± {statistics.stdev(values):{form}}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):{form}}{more}"
