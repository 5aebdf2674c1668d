"""Measure two ways of doing the same thing in alternation, and say the ratio with the bar it has to reach.

A way is a function that does the work once and returns what it cost: seconds, mostly. Ways take turns, so that a
machine that slows down half-way slows both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

Way = Callable[[], float]
ROUNDS = 5


@dataclass(frozen=True)
class Result:
    """One ratio, as many times as it was measured.

    Args:
        what: What is divided by what.
        ratios: One a round.
        bar: What the median has to reach; None where a figure is only shown.
        at_most: Whether less is better.
    """

    what: str
    ratios: Sequence[float]
    bar: float | None = None
    at_most: bool = True

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    @property
    def reached(self) -> bool | None:
        """Whether the median reaches the bar; None without one."""
        if self.bar is None:
            return None
        return self.median <= self.bar if self.at_most else self.median >= self.bar

    def line(self) -> str:
        """What, min, median, max, bar and verdict in one line.

        Example:
            >>> Result("zoo / loop", [1.2, 1.0, 1.1], bar=1.5).line()
            'zoo / loop: min 1.00  median 1.10  max 1.20  (at most 1.5: reached)'
        """
        figures = f"min {shown(min(self.ratios))}  median {shown(self.median)}  max {shown(max(self.ratios))}"
        if self.bar is None:
            return f"{self.what}: {figures}"
        verdict = "reached" if self.reached else "MISSED"
        return f"{self.what}: {figures}  ({'at most' if self.at_most else 'at least'} {self.bar:g}: {verdict})"


def shown(figure: float) -> str:
    """Two decimals, more where they would all be zero.

    Example:
        >>> shown(1.234), shown(0.0041)
        ('1.23', '0.0041')
    """
    return f"{figure:.2f}" if figure >= 0.1 or figure == 0 else f"{figure:.2g}"


def alternate(ways: Mapping[str, Way], *, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """What each way cost in each round; the ways take turns, each round begins with another one."""
    names = list(ways)
    costs: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            costs[name].append(ways[name]())
    return costs


def ratio(
    costs: Mapping[str, Sequence[float]],
    over: str,
    under: str,
    *,
    what: str | None = None,
    bar: float | None = None,
    at_most: bool = True,
) -> Result:
    """The cost of one way divided by that of another, round by round."""
    ratios = [a / b for a, b in zip(costs[over], costs[under], strict=True)]
    return Result(what or f"{over} / {under}", ratios, bar, at_most)


def seconds(work: Callable[[], object]) -> Way:
    """A way that costs the wall-clock seconds of `work`."""

    def timed() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return timed


def main(run: Callable[[bool], Sequence[Result]], about: str | None) -> int:
    """The command line of a benchmark: print each result; `--small` for a quick look, `--json` for a program."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a few seconds: shows that it runs, not how fast it is")
    parser.add_argument("--json", action="store_true", help="one JSON object a result")
    options = parser.parse_args()
    started = time.perf_counter()
    for result in run(options.small):
        print(json.dumps(asdict(result)) if options.json else result.line(), flush=True)
    print(f"({time.perf_counter() - started:.0f} s in all)", file=sys.stderr)
    return 0
