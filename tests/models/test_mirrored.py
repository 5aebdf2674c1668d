"""A model that trained on mirrored images answers with the mean over an image and its mirror image."""

from pathlib import Path
from typing import Any

import pytest
import torch

import zoo
from tests.fits import QUIET, build, image, short_trainer
from zoo.data import ImageDataModule
from zoo.errors import InputError
from zoo.models import CNNClassifier, CNNRegressor
from zoo.models.mirrored import mirrored_mean

pytestmark = QUIET
PHOTOGRAPHS: dict[str, Any] = {"modality": "image", "channels": 3, "height": 9, "width": 11, "mirrored": True}


def test_the_mean_is_the_same_for_an_image_and_its_mirror_image() -> None:
    model, x = CNNClassifier(PHOTOGRAPHS, 4).eval(), torch.randn(5, 3, 9, 11)
    with torch.no_grad():
        expected = (model.network(x) + model.network(torch.flip(x, dims=[3]))) / 2
        torch.testing.assert_close(model(image=x), expected)
        torch.testing.assert_close(model(image=x.flip(-1)), expected)
        assert not torch.allclose(model.network(x), expected)


def test_an_exported_model_asks_both_ways() -> None:
    model, x = CNNClassifier(PHOTOGRAPHS, 4).eval(), torch.randn(5, 3, 9, 11)
    exported = torch.export.export(model, (), {"image": x}).module()
    torch.testing.assert_close(exported(image=x), mirrored_mean(model.network, {"image": x}))


def test_training_sees_each_image_once() -> None:
    model, x = CNNRegressor(PHOTOGRAPHS, 2), torch.randn(5, 3, 9, 11)
    seen: list[int] = []
    model.network.register_forward_hook(lambda *_: seen.append(1))
    model(image=x)
    assert len(seen) == 1
    model.eval()(image=x)
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("asked", "mirrored", "both"),
    [(None, True, True), (None, False, False), (False, True, False), (True, False, True)],
)
def test_the_data_decide_unless_told(asked: bool | None, mirrored: bool, both: bool) -> None:
    assert CNNClassifier(PHOTOGRAPHS | {"mirrored": mirrored}, 4, flip_at_test=asked).mirror is both


def test_a_text_has_no_mirror_image() -> None:
    inputs = {"modality": "text", "vocab_size": 9, "max_length": 5, "pad_id": 0}
    assert not CNNClassifier(inputs, 3).mirror
    with pytest.raises(InputError, match="model.flip_at_test is for images, the input is text: leave it out"):
        CNNClassifier(inputs, 3, flip_at_test=True)


def test_a_loaded_model_and_predict_ask_both_ways(tmp_path: Path) -> None:
    data = ImageDataModule(image(tmp_path).path, augment=["flip"], batch_size=16)
    assert data.inputs["mirrored"]
    model = build("CNNClassifier", data)
    trainer = short_trainer(tmp_path, epochs=1)
    trainer.fit(model, datamodule=data)
    trainer.save_checkpoint(tmp_path / "run.ckpt")
    loaded, _ = zoo.load(tmp_path / "run.ckpt")
    batch = data.dataset("test").__getitems__(range(4))
    with torch.no_grad():
        expected = model.scores(mirrored_mean(model.eval().network, {"image": batch["image"]}))
        torch.testing.assert_close(loaded.eval().predict_step(batch, 0)[1], expected)
