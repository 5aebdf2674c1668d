"""Size and rate of an MLP go by the number of train rows, unless told."""

from pathlib import Path
from typing import Any

import pytest

from tests.fits import QUIET, short_trainer, tabular
from zoo.data import TabularDataModule
from zoo.models import MLPClassifier, MLPRegressor
from zoo.models.sized import FEW, FEW_ROWS, MANY, OTHER, recipe_for

pytestmark = QUIET
TABLE: dict[str, Any] = {"modality": "tabular", "n_numeric": 2, "cardinalities": []}
IMAGE: dict[str, Any] = {"modality": "image", "channels": 1, "height": 4, "width": 4}


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (TABLE | {"n_rows": FEW_ROWS - 1}, FEW),
        (TABLE | {"n_rows": FEW_ROWS}, MANY),
        (TABLE, MANY),
        (IMAGE | {"n_rows": 1}, OTHER),
    ],
)
def test_the_recipe_goes_by_the_rows_of_a_table(inputs: dict[str, Any], expected: Any) -> None:
    assert recipe_for(inputs) is expected
    for model in (MLPClassifier(inputs, 3), MLPRegressor(inputs, 1)):
        assert model.lr == expected.lr
        assert model.hparams["hidden"] == list(expected.hidden)
        assert {layer.p for layer in model.modules() if type(layer).__name__ == "Dropout"} == {expected.dropout}


def test_what_is_said_stands() -> None:
    inputs = TABLE | {"n_rows": 10}
    for model in (MLPClassifier(inputs, 3, hidden=[], lr=0.3), MLPRegressor(inputs, 1, hidden=[], lr=0.3)):
        assert (model.lr, model.hparams["hidden"], model.hparams["dropout"]) == (0.3, [], FEW.dropout)
    assert MLPClassifier(inputs, 3, lr="auto").lr == "auto"
    assert MLPClassifier(inputs, 3, dropout=0.0).hparams["dropout"] == 0


def test_rows_are_those_of_training_also_when_other_rows_are_read(tmp_path: Path) -> None:
    data = tabular(tmp_path, n=60)
    n_rows = len(data.dataset("train"))
    assert data.inputs["n_rows"] == data.train_rows == n_rows
    model = MLPClassifier(data.inputs, 2, ensemble=2, hidden=[4])
    short_trainer(tmp_path).fit(model, datamodule=data)
    state = data.state_dict()
    restored = TabularDataModule(data.path, target="label", ignore=["price"], val_fraction=0.4)
    restored.load_state_dict(state)
    assert restored.inputs["n_rows"] == n_rows
