"""Whether two runs differ by more than chance on the same test rows. Numbers in, numbers out.

McNemar (1947) for right and wrong, exact where few rows tell the two apart; the paired bootstrap (Efron) for the
interval of any metric that is made of means over rows; Holm (1979) for many comparisons at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
EXACT_BELOW = 25  # rows that tell the two apart; from there on the chi-squared approximation is good
DRAWS = 5_000
BLOCKS = 5_000  # more rows than these are drawn in this many random blocks, at the same spread
CHUNK = 2**22  # counts in memory at once
LEVEL = 0.95


def mcnemar(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> tuple[float, str]:
    """The two-sided p-value of equal accuracy, and the name of the test.

    Args:
        first: Whether each row is right, (rows,).
        second: The same rows of the other run.
    """
    from scipy.special import bdtr, chdtrc

    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    n = only_first + only_second
    if n < EXACT_BELOW:
        return min(1.0, 2 * float(bdtr(min(only_first, only_second), n, 0.5))) if n else 1.0, "McNemar, exact"
    # Edwards' correction for continuity.
    return float(chdtrc(1, max(0, abs(only_first - only_second) - 1) ** 2 / n)), "McNemar"


def bootstrap_means(values: Numbers, *, draws: int = DRAWS, seed: int = 0) -> Numbers:
    """Means of each column over rows drawn with replacement, the same rows for all columns.

    Args:
        values: (rows, columns).
        draws: How often.
        seed: Same seed, same draws.

    Returns:
        (draws, columns).
    """
    generator = np.random.default_rng(seed)
    sums, sizes = _blocks(values, generator)
    weighted = np.column_stack([sums, sizes])
    n = len(weighted)
    found = []
    for start in range(0, draws, max(1, CHUNK // n)):
        rows = min(draws - start, max(1, CHUNK // n))
        drawn = generator.integers(0, n, size=(rows, n), dtype=np.int64) + n * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)
        found.append(counts @ weighted)
    totals = np.concatenate(found)
    means: Numbers = totals[:, :-1] / totals[:, -1:]
    return means


def _blocks(values: Numbers, generator: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Sums and sizes of random blocks of rows; up to BLOCKS rows each is its own.

    Means of random blocks vary as rows do, over the square root of the block's size, so that the spread of a mean over
    drawn blocks is that of a mean over drawn rows, at a bounded cost.
    """
    if len(values) <= BLOCKS:
        return values, np.ones(len(values))
    block = generator.permutation(len(values)) % BLOCKS
    sums = [np.bincount(block, weights=column, minlength=BLOCKS) for column in values.T]
    return np.column_stack(sums).astype(np.float64), np.bincount(block, minlength=BLOCKS).astype(np.float64)


def interval(differences: Numbers) -> tuple[float, float]:
    """The middle 95 % of drawn differences, (draws,)."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    return float(low), float(high)


def bootstrap_p(differences: Numbers, n_rows: int) -> float:
    """The two-sided p-value of no difference: how far the drawn differences lie on one side of zero.

    Draws see no further than 2 / (draws + 1). Where all of them lie on one side, Student's t of their mean over their
    spread goes on from there, so that a correction for many comparisons leaves something to find.

    Args:
        differences: (draws,).
        n_rows: Rows from which they were drawn.
    """
    from scipy.special import stdtr

    below, above = int((differences <= 0).sum()), int((differences >= 0).sum())
    p_value = min(1.0, 2 * (min(below, above) + 1) / (len(differences) + 1))
    spread = float(differences.std())
    if min(below, above) > 0 or spread == 0.0 or n_rows < 2:
        return p_value
    return min(p_value, 2 * float(stdtr(n_rows - 1, -abs(float(differences.mean())) / spread)))


def holm(p_values: Sequence[float], m: int | None = None) -> list[float]:
    """P-values corrected for being several, in the order given.

    Args:
        p_values: Of the comparisons that are shown.
        m: How many there are in all, where these were chosen among more by the rows that test them; None counts them.

    Example:
        >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
        >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03], m=6)]
        [0.06, 0.16, 0.15]
    """
    n = len(p_values) if m is None else m
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        largest = max(largest, min(1.0, (n - rank) * p_values[at]))
        corrected[at] = largest
    return corrected
