"""Splits: right sizes, nothing lost, nothing twice, classes in their shares, the same again from the same seed."""

import numpy as np
import pytest

from zoo.data.splits import split_digest, stratified_split


@pytest.mark.parametrize(
    ("n", "val", "test"), [(10, 0.2, 0.2), (1000, 0.15, 0.15), (997, 0.1, 0.3), (150, 0.0, 0.5), (7, 0.3, 0.0)]
)
@pytest.mark.parametrize("n_classes", [1, 3, 7])
def test_parts_have_the_size_asked_for_and_share_no_row(n: int, val: float, test: float, n_classes: int) -> None:
    strata = np.random.default_rng(0).integers(0, n_classes, n)
    parts = stratified_split(strata, val_fraction=val, test_fraction=test, seed=3)
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    if n > 20:  # fewer rows than that may not be enough to leave each class one in train
        assert [len(part) for part in parts[1:]] == [round(n * val), round(n * test)]
    for part in parts:
        assert (np.diff(part) > 0).all()


def test_each_class_keeps_its_share() -> None:
    strata = np.repeat([0, 1, 2], [700, 200, 100])
    train, val, test = stratified_split(strata, val_fraction=0.2, test_fraction=0.1, seed=0)
    assert np.bincount(strata[train]).tolist() == [490, 140, 70]
    assert np.bincount(strata[val]).tolist() == [140, 40, 20]
    assert np.bincount(strata[test]).tolist() == [70, 20, 10]


def test_a_class_of_one_row_stays_in_train_and_of_two_rows_keeps_one_there() -> None:
    for seed in range(20):
        strata = np.array([0] * 40 + [1] * 2 + [2])
        train, val, test = stratified_split(strata, val_fraction=0.3, test_fraction=0.3, seed=seed)
        assert 2 in strata[train]
        assert (strata[train] == 1).sum() >= 1
        assert len(train) + len(val) + len(test) == 43


def test_many_classes_of_two_rows_still_give_a_test_part() -> None:
    train, val, test = stratified_split(np.repeat(np.arange(50), 2), val_fraction=0.2, test_fraction=0.2, seed=0)
    assert (len(train), len(val), len(test)) == (60, 20, 20)
    assert len(set((np.repeat(np.arange(50), 2)[train]).tolist())) == 50


def test_rows_are_shuffled_not_taken_from_the_top() -> None:
    _, _, test = stratified_split(np.zeros(1000, dtype=np.int64), val_fraction=0.0, test_fraction=0.5, seed=0)
    assert 400 < test.mean() < 600


def test_the_seed_decides() -> None:
    strata = np.repeat([0, 1], 50)
    first, again, other = (
        stratified_split(strata, val_fraction=0.2, test_fraction=0.2, seed=seed) for seed in (1, 1, 2)
    )
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert not all((a == b).all() for a, b in zip(first, other, strict=True))
    assert split_digest(*first) == split_digest(*again) != split_digest(*other)


def test_the_digest_sees_rows_and_parts() -> None:
    whole, rest = np.arange(6), np.arange(0)
    assert split_digest(whole[:3], whole[3:]) != split_digest(whole, rest)
    assert split_digest(whole[:3], whole[3:]) != split_digest(whole[3:], whole[:3])
    assert len(split_digest(whole)) == 16


@pytest.mark.parametrize(
    ("val", "test"), [(-0.1, 0.2), (0.2, -0.1), (1.0, 0.0), (0.5, 0.5), (0.7, 0.6), (float("nan"), 0.1)]
)
def test_wrong_fractions_are_an_error(val: float, test: float) -> None:
    with pytest.raises(ValueError, match="val_fraction and test_fraction must be in"):
        stratified_split(np.zeros(10, dtype=np.int64), val_fraction=val, test_fraction=test, seed=0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("classes", [[0, 1, 2], [5, 300, 70_000], [-3, 0, 2], [0]])
def test_a_split_is_what_it_was_in_the_first_release(seed: int, classes: list[int]) -> None:
    """A class after the other in a random order: test rows, then validation rows, the rest is for train."""
    strata = np.random.default_rng(9).choice(classes, 500)
    order = np.random.default_rng(seed).permutation(500)
    expected: dict[str, list[int]] = {"train": [], "val": [], "test": []}
    parts = dict(zip(expected, stratified_split(strata, val_fraction=0.2, test_fraction=0.1, seed=seed), strict=True))
    for value in np.unique(strata):
        rows = [row for row in order.tolist() if strata[row] == value]
        n_test, n_val = (int((strata[parts[part]] == value).sum()) for part in ("test", "val"))
        expected["test"] += rows[:n_test]
        expected["val"] += rows[n_test : n_test + n_val]
        expected["train"] += rows[n_test + n_val :]
    for part, rows in expected.items():
        assert parts[part].tolist() == sorted(rows)
