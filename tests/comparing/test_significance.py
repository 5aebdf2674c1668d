"""McNemar, the paired bootstrap, Holm: numbers known from elsewhere."""

import numpy as np
import pytest
from scipy.stats import binomtest, chi2, ttest_1samp

from zoo.comparing import significance
from zoo.comparing.significance import bootstrap_means, bootstrap_p, holm, interval, mcnemar


def right(only_first: int, only_second: int, both: int = 5, none: int = 5) -> tuple[np.ndarray, np.ndarray]:
    first = [True] * only_first + [False] * only_second + [True] * both + [False] * none
    second = [False] * only_first + [True] * only_second + [True] * both + [False] * none
    return np.array(first), np.array(second)


def test_mcnemar_of_the_textbook() -> None:
    # Agresti (1990), p. 350, approval ratings: without the correction for continuity 64^2 / 236 = 17.36.
    p_value, test = mcnemar(*right(150, 86, both=794, none=570))
    assert test == "McNemar"
    assert p_value == pytest.approx(chi2.sf(63**2 / 236, 1))
    assert p_value == pytest.approx(chi2.sf(17.36, 1), rel=0.4)
    # The manual of mlxtend: chi-squared 2.025.
    assert mcnemar(*right(25, 15, both=9945))[0] == pytest.approx(chi2.sf(2.025, 1))


@pytest.mark.parametrize(("only_first", "only_second"), [(1, 9), (0, 5), (12, 12), (4, 3), (20, 4)])
def test_mcnemar_is_exact_for_few(only_first: int, only_second: int) -> None:
    p_value, test = mcnemar(*right(only_first, only_second))
    known = binomtest(only_first, only_first + only_second, 0.5).pvalue
    assert test == "McNemar, exact"
    assert p_value == pytest.approx(known)
    assert mcnemar(*right(only_second, only_first))[0] == p_value


def test_mcnemar_of_equal_runs_is_no_difference() -> None:
    assert mcnemar(*right(0, 0)) == (1.0, "McNemar, exact")
    assert mcnemar(*right(30, 30))[0] > 0.85


def test_the_two_mcnemars_meet() -> None:
    exact = binomtest(40, 100, 0.5).pvalue
    assert mcnemar(*right(40, 60))[0] == pytest.approx(exact, rel=0.02)


def test_the_bootstrap_has_the_spread_of_the_mean() -> None:
    values = np.random.default_rng(1).exponential(size=(400, 1))
    means = bootstrap_means(values)
    assert means.shape == (significance.DRAWS, 1)
    assert means.mean() == pytest.approx(values.mean(), abs=0.01)
    assert means.std() == pytest.approx(values.std() / 20, rel=0.05)


def test_the_bootstrap_of_blocks_has_the_spread_of_that_of_rows() -> None:
    values = np.random.default_rng(1).exponential(size=(40_001, 2))
    means = bootstrap_means(values)
    assert means.mean(axis=0) == pytest.approx(values.mean(axis=0), abs=0.002)
    assert means.std(axis=0) == pytest.approx(values.std(axis=0) / np.sqrt(len(values)), rel=0.07)


def test_the_bootstrap_pairs_its_columns() -> None:
    values = np.random.default_rng(1).normal(size=(100, 1))
    means = bootstrap_means(np.column_stack([values, values + 0.25]))
    assert means[:, 1] - means[:, 0] == pytest.approx(0.25)


def test_intervals_hold_what_they_say() -> None:
    """Of the true difference, 95 times in 100: here at least 180 and at most all but a few of 200 samples."""
    generator, inside = np.random.default_rng(2), 0
    for sample in range(200):
        difference = generator.exponential(size=(80, 1)) - 1.0  # skewed, of mean 0
        low, high = interval(bootstrap_means(difference, draws=500, seed=sample)[:, 0])
        inside += low <= 0 <= high
    assert 180 <= inside <= 197


def test_intervals_and_p_values_are_symmetric_in_sign() -> None:
    values = np.random.default_rng(3).normal(0.1, 1, size=(60, 2))
    means = bootstrap_means(values)
    one, other = means[:, 0] - means[:, 1], means[:, 1] - means[:, 0]
    assert bootstrap_p(one, 60) == bootstrap_p(other, 60)
    low, high = interval(one)
    assert list(interval(other)) == pytest.approx([-high, -low])


def test_p_values_of_the_bootstrap() -> None:
    assert bootstrap_p(np.full(999, 0.5), 10) == pytest.approx(2 / 1000)
    assert bootstrap_p(np.zeros(999), 10) == 1.0
    assert bootstrap_p(np.linspace(-1, 1, 1000), 10) == pytest.approx(1.0, abs=0.01)


def test_beyond_what_draws_see_the_bootstrap_goes_on_as_students_t() -> None:
    values = np.random.default_rng(4).normal(0.6, 1, size=(100, 1))
    p_value = bootstrap_p(bootstrap_means(values)[:, 0], 100)
    assert p_value < 2 / (significance.DRAWS + 1)
    assert np.log10(p_value) == pytest.approx(np.log10(ttest_1samp(values[:, 0], 0).pvalue), abs=1)


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # as R's p.adjust
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([0.01, 0.04], m=10) == pytest.approx([0.1, 0.36])


@pytest.mark.parametrize(("m", "low", "high"), [(9, 0.1, 1.0), (45, 0.0, 0.06)])
def test_of_equal_runs_the_best_is_beyond_chance_five_times_in_a_hundred(m: int, low: float, high: float) -> None:
    """Ten equally good runs, ordered by the rows that test them: corrected for all 45 pairs, not for the 9 shown."""
    generator, found, times = np.random.default_rng(0), 0, 600
    for _ in range(times):
        rows = generator.random((10, 300)) < 0.8
        rows = rows[np.argsort(-rows.mean(axis=1), kind="stable")]
        found += min(holm([mcnemar(rows[0], other)[0] for other in rows[1:]], m=m)) < 0.05
    assert low <= found / times <= high
