"""Images as a pretrained backbone knows them: given mean and deviation, interpolation, and cut at the centre."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image, ImageFilter

import zoo
from tests.fits import QUIET, build, short_trainer
from zoo.data import ImageDataModule
from zoo.data.decode import Fit, decode
from zoo.errors import InputError
from zoo.networks import data_settings

pytestmark = QUIET


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Smooth pictures of 90 x 80 pixels in two class folders."""
    generator = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(12):
            noise = Image.fromarray(generator.integers(0, 256, (80, 90, 3), dtype=np.uint8))
            noise.filter(ImageFilter.GaussianBlur(3)).save(tmp_path / "set" / name / f"{number}.png")
    return tmp_path / "set"


def test_an_image_comes_out_as_timms_own_transform_gives_it(photographs: Path) -> None:
    settings = data_settings("tf_efficientnet_lite0") | {"image_size": 56}
    data = ImageDataModule(str(photographs), **settings)
    config: Any = timm.get_pretrained_cfg("tf_efficientnet_lite0")
    create: Any = timm.data.create_transform  # type: ignore[attr-defined]
    theirs = create(56, mean=config.mean, std=config.std, interpolation=config.interpolation, crop_pct=config.crop_pct)
    batch = next(iter(data.val_dataloader()))
    for image, file in zip(batch["image"], data.source("val").rows, strict=True):
        expected = theirs(Image.open(file))
        torch.testing.assert_close(image, expected, rtol=0, atol=2 / 255 / 0.5)  # two grey levels
        assert expected.std() > 0.04
    assert data.inputs == {"modality": "image", "channels": 3, "height": 56, "width": 56, "mirrored": True}


def test_given_mean_and_deviation_are_used_in_every_part(photographs: Path) -> None:
    pixels: dict[str, list[torch.Tensor]] = {}
    ways: dict[str, dict[str, Any]] = {"given": {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.25, 1.0]}, "found": {}}
    for name, options in ways.items():
        data = ImageDataModule(str(photographs), image_size=16, augment=[], **options)
        assert data.inputs["height"] == 16
        mean, std = (torch.tensor(data.encoder_state()[key])[:, None, None] for key in ("mean", "std"))
        pixels[name] = [next(iter(data._loader(part)))["image"] * std + mean for part in ("val", "test")]
        assert (data.encoder_state()["mean"] == [0.1, 0.2, 0.3]) == (name == "given")
    for given, found in zip(pixels["given"], pixels["found"], strict=True):
        torch.testing.assert_close(given, found)


def test_interpolation_and_centre() -> None:
    pixels = np.zeros((1, 1, 8, 8), dtype=np.uint8)
    pixels[:, :, 2:6, 2:6] = 200  # half of each side
    assert set(decode(pixels, Fit((4, 4), 1, "nearest", 0.5)).flatten().tolist()) == {200}
    assert decode(pixels, Fit((8, 8), 1)).tolist() == pixels.tolist()
    assert set(decode(pixels, Fit((4, 4), 1, "nearest")).flatten().tolist()) == {0, 200}
    cut = decode(pixels, Fit((8, 8), 1, "nearest", 0.5))  # as large as it was, and enlarged all the same
    assert set(cut.flatten().tolist()) == {200}
    pillows = np.asarray(Image.fromarray(pixels[0, 0]).resize((5, 5), Image.Resampling.LANCZOS))
    assert decode(pixels, Fit((5, 5), 1, "lanczos"))[0, 0].tolist() == pillows.tolist()


def test_the_cache_tells_the_forms_apart(photographs: Path) -> None:
    forms: list[dict[str, Any]] = [
        {},
        {"interpolation": "nearest"},
        {"center_crop": 0.5},
    ]
    seen = [
        next(iter(ImageDataModule(str(photographs), image_size=16, augment=[], **form).val_dataloader()))["image"]
        for form in forms * 2
    ]
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])
    for first, again in zip(seen[:3], seen[3:], strict=True):
        assert torch.equal(first, again)


def test_a_checkpoint_predicts_with_them(photographs: Path, tmp_path: Path) -> None:
    settings = data_settings("test_efficientnet") | {"image_size": 32}
    data = ImageDataModule(str(photographs), **settings)
    model = build("CNNClassifier", data, backbone="test_efficientnet")
    trainer = short_trainer(tmp_path)
    trainer.fit(model, datamodule=data)
    trainer.save_checkpoint(tmp_path / "m.ckpt")
    content = torch.load(tmp_path / "m.ckpt", weights_only=True)
    content["zoo"]["data"]["init_args"] |= {"mean": [0.9] * 3, "interpolation": "box"}  # what was fitted counts
    torch.save(content, tmp_path / "m.ckpt")
    _, again = zoo.load(tmp_path / "m.ckpt")
    state = again.encoder_state()
    assert (state["mean"], state["interpolation"], state["center_crop"]) == ([0.485, 0.456, 0.406], "bicubic", 0.95)
    for one, other in zip(data.val_dataloader(), again.val_dataloader(), strict=True):
        assert torch.equal(one["image"], other["image"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": [0.5] * 3}, "data.mean and data.std belong together: give both, or neither"),
        ({"mean": [0.5], "std": [0.5] * 3}, "data.mean has 1 numbers and data.std 3: give one a channel"),
        ({"mean": [123.0] * 3, "std": [58.0] * 3}, r"are of pixels on 0-1, std above 0; got \[123"),
        ({"mean": [0.5], "std": [0.5]}, "data.mean and data.std must be 3 numbers, one a channel, got 1"),
        ({"interpolation": "cubic"}, r"no interpolation 'cubic' \(data.interpolation\): did you mean 'bicubic'"),
        ({"center_crop": 0.0}, r"data.center_crop must be in \(0, 1\], got 0.0"),
    ],
)
def test_what_cannot_be_is_one_line(options: dict[str, Any], message: str, photographs: Path) -> None:
    with pytest.raises(InputError, match=message):
        assert ImageDataModule(str(photographs), image_size=16, **options).inputs
