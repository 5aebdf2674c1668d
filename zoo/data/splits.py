"""Seeded, stratified splits that survive classes of one or two rows."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def stratified_split(strata: Rows, *, val_fraction: float, test_fraction: float, seed: int) -> tuple[Rows, Rows, Rows]:
    """Split rows into train, validation and test so that each class keeps its share in each part.

    A class always keeps at least one row in train: one of two rows may go elsewhere, a single row stays.
    Shares are rounded over the classes together, so the parts have the size that was asked for.

    Args:
        strata: Class of each row, (rows,). All equal means a plain random split.
        val_fraction: Share of rows for validation, 0 to 1.
        test_fraction: Share of rows for test, 0 to 1.
        seed: Same seed, same rows: same split.

    Returns:
        Row numbers of train, validation and test, each sorted.

    Example:
        >>> train, val, test = stratified_split(np.repeat([0, 1], [8, 2]), val_fraction=0.2, test_fraction=0.2, seed=0)
        >>> len(train), len(val), len(test)
        (6, 2, 2)
    """
    if not (0 <= val_fraction < 1 and 0 <= test_fraction < 1 and val_fraction + test_fraction < 1):
        raise ValueError(
            f"val_fraction and test_fraction must be in [0, 1) and sum to less than 1, got {val_fraction} and {test_fraction}"
        )
    ids, counts = _ranked(strata)
    order = np.random.default_rng(seed).permutation(len(ids))
    order = order[np.argsort(ids[order], kind="stable")]  # shuffled within each class, classes in turn
    n_test = _share(counts, test_fraction, available=counts - 1)
    n_val = _share(counts, val_fraction, available=counts - 1 - n_test)
    part = np.zeros(len(ids), dtype=np.uint8)
    for start, test, val in zip(np.cumsum(counts) - counts, n_test, n_val, strict=True):
        part[order[start : start + test]] = 2
        part[order[start + test : start + test + val]] = 1
    train, val, test = (np.flatnonzero(part == chosen) for chosen in range(3))
    return train, val, test


def _ranked(strata: Rows) -> tuple[NDArray[Any], Rows]:
    """Classes as small whole numbers in the same order, which sort in no time; and the rows of each that occurs."""
    low, high = (strata.min(), strata.max()) if len(strata) else (0, 0)
    if low >= 0 and high < 2**16:
        counts = np.bincount(strata)
        return strata.astype(np.uint8 if high < 2**8 else np.uint16), counts[counts > 0]
    _, ranks, counts = np.unique(strata, return_inverse=True, return_counts=True)
    return ranks.reshape(-1), counts


def _share(counts: Rows, fraction: float, available: Rows) -> Rows:
    """Rows of each class for a part: the floor of its share, then the largest remainders up to the part's size."""
    wanted = counts * fraction
    share = np.minimum(np.floor(wanted).astype(np.int64), available)
    missing = round(float(wanted.sum())) - int(share.sum())
    for group in np.argsort(share - wanted, kind="stable"):
        if missing <= 0:
            break
        if share[group] < available[group]:
            share[group] += 1
            missing -= 1
    filled: Rows = share
    return filled


def split_digest(*parts: Rows) -> str:
    """A short fingerprint of a split, to tell whether two runs used the same rows."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + np.ascontiguousarray(part, dtype=np.int64).tobytes())
    return digest.hexdigest()[:16]
