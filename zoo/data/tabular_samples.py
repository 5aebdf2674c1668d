"""Sample tables that ship inside scikit-learn."""

from __future__ import annotations

import pyarrow as pa

from zoo.errors import InputError, did_you_mean

TABULAR_SAMPLES = ("breast_cancer", "wine", "diabetes")


def load_sample(name: str) -> pa.Table:
    """A sample as a table with its `target` column: class words, or numbers for diabetes.

    Raises:
        InputError: No such sample.
    """
    if name not in TABULAR_SAMPLES:
        raise InputError(f"no table sample:{name}; {did_you_mean(name, TABULAR_SAMPLES)}")
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    columns = {str(feature): bunch.data[:, i] for i, feature in enumerate(bunch.feature_names)}
    words = bunch.get("target_names")
    target = bunch.target if words is None else [str(words[i]) for i in bunch.target]
    return pa.table(columns | {"target": target})
