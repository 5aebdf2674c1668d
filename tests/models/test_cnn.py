"""The CNN family chooses an optimiser that fits its network, unless told."""

from typing import Any

import pytest

from zoo.models import CNNClassifier, CNNRegressor

IMAGES: dict[str, Any] = {"modality": "image", "channels": 1, "height": 8, "width": 8}
TEXTS: dict[str, Any] = {"modality": "text", "vocab_size": 9, "max_length": 5, "pad_id": 0}


@pytest.mark.parametrize(
    ("inputs", "told", "expected"),
    [
        (IMAGES, {}, ("muon", 0.02)),
        (IMAGES, {"lr": 0.3}, ("muon", 0.3)),
        (IMAGES, {"lr": "auto"}, ("muon", "auto")),
        (IMAGES, {"optimizer": "sgd"}, ("sgd", 2e-3)),
        (IMAGES, {"backbone": "resnet10t"}, ("adamw", 2e-3)),
        (TEXTS, {}, ("adamw", 2e-3)),
        (TEXTS, {"optimizer": "muon"}, ("muon", 0.02)),
        (TEXTS, {"optimizer": "Muon"}, ("Muon", 0.02)),
    ],
)
def test_optimiser_and_rate_fit_the_network(
    inputs: dict[str, Any], told: dict[str, Any], expected: tuple[str, Any]
) -> None:
    for model in (CNNClassifier(inputs, 3, **told), CNNRegressor(inputs, 1, **told)):
        assert (model.optimizer_name, model.lr) == expected
