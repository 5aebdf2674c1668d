"""What a comparison of runs is: the plain result that the terminal table, --json, --csv and the HTML page all show.

`zoo.comparing.compare` makes it; nothing here reads a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from zoo.comparing.runs import Run


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seed alone, as one row.

    Args:
        name: As in the runs' summary.json, or the W&B group; with settings where runs of that name differ in more.
        runs: Names of its runs, best first.
        mean: Of each metric over the runs that have it.
        std: Sample standard deviation (n - 1) of each metric; a metric that fewer than two runs have is left out.
    """

    name: str
    runs: list[str]
    mean: dict[str, float]
    std: dict[str, float]


@dataclass(frozen=True)
class Pair:
    """Whether two runs differ by more than chance on the same test rows.

    Args:
        first: Name of the better run.
        second: Name of the other.
        metric: Of the test rows, without its split: accuracy, log_loss, rmse or mae.
        difference: The metric of the first minus that of the second.
        low: Lower end of the 95 % interval of the difference.
        high: Upper end.
        p_value: Of no difference, two-sided, corrected for many comparisons (Holm), see `zoo.comparing.pairs`.
        test: Which test gave the p-value: "McNemar, exact", "McNemar" or "paired bootstrap".
        n_rows: Test rows that both runs predicted.
    """

    first: str
    second: str
    metric: str
    difference: float
    low: float
    high: float
    p_value: float
    test: str
    n_rows: int

    @property
    def beyond_chance(self) -> bool:
        """The corrected p-value is under 0.05."""
        return self.p_value < 0.05


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Args:
        runs: Best first; those without the metric come last.
        metric: By which they are ordered, e.g. test/accuracy.
        higher_is_better: The direction of that metric.
        differences: Flat config keys whose values differ between the runs; the seed is among them where it differs.
        metrics: Names of the metrics shown, test/... before best/val/...; each is a key of `Run.summary`.
        groups: Best first, by the mean of the metric.
        pairs: Differences on the same test rows, with their intervals.
        notes: What could not be compared and why, in whole sentences.
    """

    runs: list[Run]
    metric: str
    higher_is_better: bool
    differences: list[str] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
