"""What `zoo compare` prints: the runs, groups of seeds, pairs on the same test rows, notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from zoo.cli.terminal_table import Column, print_lines, print_table
from zoo.comparing.comparison import Comparison, Group, Pair
from zoo.comparing.differences import MODEL, as_word, in_all, tied_to_model
from zoo.comparing.metric_names import higher_is_better, metric_value
from zoo.comparing.pairs import some
from zoo.comparing.runs import Run

NOTHING = "-"
NAMES = 0.33  # of the width, for names of runs and groups
SECONDS, PARAMETERS = "seconds", "parameters"
AT_ONCE = 3  # settings that come before all but the main metric where room is short


def show(comparison: Comparison, stream: TextIO) -> None:
    """Print a comparison, best first."""
    n = len(comparison.runs)
    better = "higher" if comparison.higher_is_better else "lower"
    best = f"best first by {comparison.metric} ({better} is better)"
    print_lines(f"{n} runs, {best}" if n > 1 else f"1 run, {comparison.metric} ({better} is better)", stream)
    print(file=stream)
    _show_runs(comparison, stream)
    if any(len(group.runs) > 1 for group in comparison.groups):
        print(file=stream)
        _show_groups(comparison, stream)
    if comparison.pairs:
        print(file=stream)
        _show_pairs(comparison, stream)
    if comparison.notes:
        print(file=stream)
    for note in comparison.notes:
        print_lines(note, stream)


def _show_runs(comparison: Comparison, stream: TextIO) -> None:
    runs, configs = comparison.runs, [run.config for run in comparison.runs if run.config]
    tied = [key for key in comparison.differences if key != MODEL and tied_to_model(key, configs)]
    free = [key for key in comparison.differences if key not in tied]
    of_some = [key for key in tied if not in_all(key, configs)]
    settings = [key for key in comparison.differences if key not in of_some or not stream.isatty()]
    columns = [Column("run", [run.name for run in runs], share=NAMES)]
    states = [state(run) for run in runs]
    if any(word != "finished" for word in states):
        columns.append(Column("status", ["" if word == "finished" else word for word in states], states))
    columns += [_setting(key, runs) for key in settings]
    columns += [_numbers(name, [metric_value(run, name) for run in runs]) for name in comparison.metrics]
    if comparison.metric not in (*comparison.metrics, SECONDS, PARAMETERS):
        columns.append(_numbers(comparison.metric, [metric_value(run, comparison.metric) for run in runs]))
    columns += [_numbers(name, [metric_value(run, name) for run in runs]) for name in (SECONDS, PARAMETERS)]
    tests = [name for name in comparison.metrics if name.startswith("test/")]
    main = [comparison.metric, "status", *free[:AT_ONCE], SECONDS, "params", *tests, *free]
    left_out = print_table(columns, stream, first=main, bold=0 if len(runs) > 1 else None)
    if left_out:
        print_lines(f"No room for {some(left_out)}: a wider terminal, --csv or a pipe shows them.", stream)
    if of_some and stream.isatty():
        print_lines(f"Only some models have {some(of_some)}: --csv or a pipe shows them.", stream)


def state(run: Run) -> str:
    """The run's status; of a finished one also that it was not tested."""
    tested = any(name.startswith("test/") for name in run.summary)
    return "not tested" if run.status == "finished" and not tested else run.status


def _setting(key: str, runs: Sequence[Run]) -> Column:
    values = [run.config.get(key) for run in runs]
    numbers = all(isinstance(value, int | float | None) and not isinstance(value, bool) for value in values)
    return Column(key, [as_word(value) for value in values], right=numbers)


def _numbers(name: str, values: Sequence[float | None]) -> Column:
    whole = [NOTHING if value is None else _exact(name, value) for value in values]
    if name == PARAMETERS:
        return Column(
            "params", [NOTHING if value is None else short_count(value) for value in values], whole, right=True
        )
    if name == SECONDS:
        cells = [NOTHING if value is None else short_time(value) for value in values]
        return Column(name, cells, whole, right=True)
    digits = decimals([value for value in values if value is not None])
    cells = [NOTHING if value is None else f"{value:.{digits}f}" for value in values]
    return Column(name, cells, whole, right=True)


def _exact(name: str, value: float) -> str:
    return f"{value:.0f}" if name == PARAMETERS else f"{value:.6g}"


def decimals(values: Sequence[float]) -> int:
    """Digits behind the point that tell values of a column apart: four of a share, fewer of large numbers.

    Example:
        >>> decimals([0.91, 0.88]), decimals([52.3]), decimals([1234.5]), decimals([0.0003])
        (4, 3, 1, 7)
    """
    largest = max((abs(value) for value in values), default=0.0)
    if 0 < largest < 0.01:
        return min(10, 4 - int(f"{largest:e}".split("e")[1]) - 1)
    return 4 if largest < 10 else 3 if largest < 100 else 2 if largest < 1000 else 1


def short_count(value: float) -> str:
    """A count in three digits.

    Example:
        >>> [short_count(n) for n in (950, 67_598, 1_240_000, 85_800_000)]
        ['950', '67.6k', '1.24M', '85.8M']
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.0f}"


def short_time(seconds: float) -> str:
    """Seconds, and from 1,000 on minutes, from an hour on hours.

    Example:
        >>> short_time(12.34), short_time(640.0), short_time(7500.0)
        ('12.3', '640', '2h05m')
        >>> short_time(2000.0)
        '33m20s'
    """
    if 1000 <= seconds < 3600:
        return f"{int(seconds // 60)}m{int(seconds % 60):02d}s"
    if seconds >= 3600:
        return f"{int(seconds // 3600)}h{int(seconds % 3600 // 60):02d}m"
    return f"{seconds:.1f}" if seconds < 100 else f"{seconds:.0f}"


def _show_groups(comparison: Comparison, stream: TextIO) -> None:
    groups = comparison.groups
    print_lines("Groups of runs: mean ± standard deviation over their runs", stream)
    columns = [
        Column("group", [group.name for group in groups], share=NAMES),
        Column("runs", [str(len(group.runs)) for group in groups], right=True),
    ]
    names = list(dict.fromkeys([comparison.metric, *comparison.metrics, SECONDS]))
    columns += [_spread(name, groups) for name in names]
    print_table(columns, stream, first=["runs", *names], bold=0 if len(groups) > 1 else None)


def _spread(name: str, groups: Sequence[Group]) -> Column:
    digits = 1 if name == SECONDS else decimals([group.mean[name] for group in groups if name in group.mean])

    def cell(group: Group, form: str) -> str:
        if name not in group.mean:
            return NOTHING
        spread = f" ± {group.std[name]:{form}}" if name in group.std else ""
        return f"{group.mean[name]:{form}}{spread}"

    cells = [cell(group, f".{digits}f") for group in groups]
    return Column(name, cells, [cell(group, ".6g") for group in groups])


def _show_pairs(comparison: Comparison, stream: TextIO) -> None:
    pairs = comparison.pairs
    first, n_rows = pairs[0].first, pairs[0].n_rows
    question = f"Is {first} better by more than chance? On the same {n_rows:,} test rows, {first} minus the other:"
    print_lines(question, stream)
    digits = {name: _digits([pair for pair in pairs if pair.metric == name]) for name in {p.metric for p in pairs}}
    columns = [
        Column("other run", [pair.second for pair in pairs], share=0.25),
        Column("metric", [pair.metric for pair in pairs]),
        Column("diff", [f"{pair.difference:+.{digits[pair.metric]}f}" for pair in pairs], right=True),
        Column("95 % interval", [interval_text(pair, digits[pair.metric]) for pair in pairs], right=True),
        Column("p", [p_text(pair.p_value) for pair in pairs], right=True),
        Column("beyond chance", [verdict(pair) for pair in pairs]),
        Column("test", [pair.test for pair in pairs], share=1.0),
    ]
    print_table(columns, stream)


def _digits(pairs: Sequence[Pair]) -> int:
    return decimals([end for pair in pairs for end in (pair.low, pair.high)])


def interval_text(pair: Pair, digits: int) -> str:
    return f"{pair.low:+.{digits}f} to {pair.high:+.{digits}f}"


def p_text(p_value: float) -> str:
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def verdict(pair: Pair) -> str:
    """Whether the first run is better or worse beyond chance, or neither.

    Example:
        >>> verdict(Pair("a", "b", "log_loss", -0.2, -0.3, -0.1, 0.001, "paired bootstrap", 100))
        'better'
    """
    if not pair.beyond_chance:
        return "no"
    return "better" if (pair.difference > 0) == higher_is_better(pair.metric) else "worse"
