"""Numbers by their rank among the train rows, as normal numbers: spikes and long tails become even.

What scikit-learn's `QuantileTransformer(output_distribution="normal")` gives, but for one thing: a value that many rows
share at an end of a column (often zero) gets the middle of its ranks there too, not the end of the scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

N_QUANTILES = 1000
ROWS = 100_000  # from which quantiles are taken; more do not move them
END = 1e-7  # least share of rows below a value: the ends of the scale are -5.2 and 5.2
Floats = NDArray[np.float64]


def fit_quantiles(values: Floats) -> list[float]:
    """Values below which equal shares of the rows lie, the least and the greatest among them; rising.

    Args:
        values: Train rows without gaps, (rows,).
    """
    some = values if len(values) <= ROWS else np.random.default_rng(0).choice(values, ROWS, replace=False)
    found = np.quantile(some, np.linspace(0, 1, min(N_QUANTILES, len(values))))
    found[0], found[-1] = values.min(), values.max()
    return [float(value) for value in np.maximum.accumulate(found)]  # rounding could make one fall below another


def normal_ranks(values: Floats, quantiles: list[float]) -> Floats:
    """The normal number of each value's rank, (rows,) -> (rows,); values that rows share get the middle of their ranks."""
    edges = np.array(quantiles)
    ranks = np.linspace(0, 1, len(edges))
    highest = np.interp(values, edges, ranks)
    lowest = -np.interp(-values, -edges[::-1], -ranks[::-1])
    normal: Floats = ndtri(np.clip((highest + lowest) / 2, END, 1 - END))
    return normal
