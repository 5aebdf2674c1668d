"""Sample tables that ship inside scikit-learn; its CSV files are read where they lie, without importing it."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa

from zoo.data.sklearn_data import sklearn_data
from zoo.errors import InputError, did_you_mean

# As scikit-learn calls the columns; its files do not.
_MEASURES = ("radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave points",
             "symmetry", "fractal dimension")  # fmt: skip
_CSV = {
    "breast_cancer": (
        "breast_cancer.csv",
        [form.format(measure) for form in ("mean {}", "{} error", "worst {}") for measure in _MEASURES],
    ),
    "wine": (
        "wine_data.csv",
        ["alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids",
         "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue", "od280/od315_of_diluted_wines", "proline"],
    ),
}  # fmt: skip
TABULAR_SAMPLES = (*_CSV, "diabetes")


def load_sample(name: str) -> pa.Table:
    """A sample as a table with its `target` column: class words, or numbers for diabetes.

    Raises:
        InputError: No such sample.
    """
    if name not in TABULAR_SAMPLES:
        raise InputError(f"no table sample:{name}; {did_you_mean(name, TABULAR_SAMPLES)}")
    return _diabetes() if name == "diabetes" else _read(*_CSV[name])


def _read(file: str, columns: list[str]) -> pa.Table:
    """A file whose first line says rows, columns and class names, and whose last column numbers the classes."""
    with sklearn_data(file).open(newline="") as stream:
        _, _, *words = next(csv.reader(stream))
        *numbers, classes = np.loadtxt(stream, delimiter=",").T
    target = [words[i] for i in classes.astype(int)]
    return pa.table(dict(zip(columns, numbers, strict=True)) | {"target": target})


def _diabetes() -> pa.Table:
    from sklearn.datasets import load_diabetes  # which scales the columns

    bunch = load_diabetes()
    return pa.table(dict(zip(bunch.feature_names, bunch.data.T, strict=True)) | {"target": bunch.target})
