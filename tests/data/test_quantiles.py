"""Numbers by rank: scikit-learn's numbers where values differ, the middle of the ranks where rows share one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.preprocessing import QuantileTransformer

from tests.data.tables import write_csv
from zoo.data import TabularDataModule
from zoo.data.quantiles import fit_quantiles, normal_ranks
from zoo.errors import InputError


@pytest.mark.parametrize("n", [2, 30, 1000, 5000])
def test_it_is_that_of_scikit_learn_on_numbers_that_differ(n: int) -> None:
    values = np.random.default_rng(0).lognormal(size=n)
    theirs = QuantileTransformer(n_quantiles=min(n, 1000), output_distribution="normal", subsample=None)
    theirs.fit(values[:, None])
    new = np.concatenate([values, values * 1.01, [-5.0, 1e9]])
    assert np.allclose(normal_ranks(new, fit_quantiles(values)), theirs.transform(new[:, None])[:, 0], atol=1e-6)


def test_rows_that_share_a_value_get_the_middle_of_their_ranks() -> None:
    values = np.concatenate([np.zeros(800), np.linspace(1, 2, 200)])
    zero, top = normal_ranks(np.array([0.0, 2.0]), fit_quantiles(values))
    assert zero == pytest.approx(-0.2533, abs=0.01)  # the normal number of rank 0.4
    assert top == pytest.approx(5.199, abs=0.01)


def test_many_rows_are_sampled_and_keep_their_ends() -> None:
    values = np.random.default_rng(0).normal(size=150_000)
    found = fit_quantiles(values)
    assert found[0] == values.min()
    assert found[-1] == values.max()
    assert len(found) == 1000
    assert np.abs(normal_ranks(values, found) - values)[np.abs(values) < 2].max() < 0.05


def test_a_table_by_rank_survives_its_state(tmp_path: Path) -> None:
    a = np.random.default_rng(0).lognormal(size=200)
    columns: dict[str, list[Any]] = {
        "a": [None if i % 9 == 0 else float(v) for i, v in enumerate(a)],
        "y": [i % 2 for i in range(200)],
    }
    file = write_csv(tmp_path / "t.csv", columns)
    data = TabularDataModule(file, target="y", task="classification", numeric="quantile")
    numeric = data.dataset("train").arrays["numeric"]
    gaps = numeric[:, 1] == 1
    assert gaps.any()
    assert (numeric[gaps, 0] == 0).all()
    assert abs(numeric[~gaps, 0].median()) < 0.05
    assert numeric.dtype == torch.float32
    other = TabularDataModule(file, target="y", task="classification")
    other.load_state_dict(data.state_dict())
    assert torch.equal(other.dataset("train").arrays["numeric"], numeric)


def test_an_unknown_word_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="data.numeric must be standard or quantile"):
        TabularDataModule("t.csv", numeric="robust")
