"""Models: LightningModules of three families and two task kinds, looked up on first use."""

from typing import TYPE_CHECKING, Any

__all__ = [
    "CNNClassifier",
    "CNNRegressor",
    "Classifier",
    "MLPClassifier",
    "MLPRegressor",
    "Model",
    "Regressor",
    "TransformerClassifier",
    "TransformerRegressor",
]

if TYPE_CHECKING:
    from zoo.models.base import Model
    from zoo.models.classifier import Classifier
    from zoo.models.cnn import CNNClassifier, CNNRegressor
    from zoo.models.mlp import MLPClassifier, MLPRegressor
    from zoo.models.regressor import Regressor
    from zoo.models.transformer import TransformerClassifier, TransformerRegressor

_HOME = {
    "Model": "zoo.models.base",
    "Classifier": "zoo.models.classifier",
    "Regressor": "zoo.models.regressor",
    "MLPClassifier": "zoo.models.mlp",
    "MLPRegressor": "zoo.models.mlp",
    "CNNClassifier": "zoo.models.cnn",
    "CNNRegressor": "zoo.models.cnn",
    "TransformerClassifier": "zoo.models.transformer",
    "TransformerRegressor": "zoo.models.transformer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.models' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
