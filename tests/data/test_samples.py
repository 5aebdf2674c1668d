"""Samples are scikit-learn's own rows, read without importing it."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets

from zoo.data.image_samples import read_sample
from zoo.data.tabular_samples import TABULAR_SAMPLES, load_sample
from zoo.errors import InputError


@pytest.mark.parametrize("name", TABULAR_SAMPLES)
def test_tables_are_those_of_scikit_learn(name: str) -> None:
    table, bunch = load_sample(name), getattr(datasets, f"load_{name}")()
    assert table.column_names == [*bunch.feature_names, "target"]
    for column, feature in enumerate(bunch.feature_names):
        assert np.array_equal(table[str(feature)].to_numpy(), bunch.data[:, column])
    words = bunch.get("target_names")
    assert table["target"].to_pylist() == (list(bunch.target) if words is None else list(words[bunch.target]))


def test_digits_are_those_of_scikit_learn() -> None:
    source, bunch = read_sample("sample:digits")["all"], datasets.load_digits()
    assert np.array_equal(source.rows[:, 0], np.rint(bunch.images * (255 / 16)).astype(np.uint8))
    assert source.target[0].to_pylist() == [str(i) for i in bunch.target]


def test_no_such_sample() -> None:
    with pytest.raises(InputError, match=r"no table sample:wien; did you mean 'wine'\?"):
        load_sample("wien")


def test_reading_a_sample_imports_no_scikit_learn() -> None:
    program = (
        "import sys\n"
        "from zoo.data.image_samples import read_sample\n"
        "from zoo.data.tabular_samples import load_sample\n"
        "load_sample('breast_cancer'), load_sample('wine'), read_sample('sample:digits')\n"
        "assert 'sklearn' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
