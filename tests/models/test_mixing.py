"""Mixup and CutMix: blends of neighbours with the same blend of their targets, in training only, drawn from the seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.fits import QUIET, build, image, image_numbers, short_trainer, tabular, text
from zoo.errors import InputError
from zoo.models import CNNClassifier, MLPClassifier
from zoo.models.mixing import Mixing

pytestmark = QUIET

INPUTS: dict[str, Any] = {"modality": "image", "channels": 1, "height": 8, "width": 8}


def batch(n: int = 6) -> dict[str, Tensor]:
    """Image i holds the number i everywhere and has class i."""
    images = torch.arange(n).float()[:, None, None, None].expand(n, 1, 8, 8).contiguous()
    return {"image": images, "target": torch.arange(n), "index": torch.arange(n)}


def test_mixup_blends_images_and_targets_alike() -> None:
    torch.manual_seed(0)
    mixed = Mixing(0.8, 0.0, 6)(batch())
    share = mixed["target"].diagonal()  # of the image's own class
    assert torch.equal(share, share[:1].expand(6))
    assert 0 < float(share[0]) < 1
    other = torch.arange(6).roll(1)
    expected = torch.arange(6) * share + other * (1 - share)
    torch.testing.assert_close(mixed["image"], expected[:, None, None, None].expand(6, 1, 8, 8))
    torch.testing.assert_close(mixed["target"].sum(dim=1), torch.ones(6))
    assert torch.equal(mixed["index"], torch.arange(6))


def test_cutmix_pastes_a_box_and_shares_the_target_by_its_area() -> None:
    torch.manual_seed(3)
    mixed = Mixing(0.0, 1.0, 6)(batch())
    for row in range(6):
        pixels, other = mixed["image"][row, 0], (row - 1) % 6
        assert set(torch.unique(pixels).tolist()) == {float(row), float(other)}
        pasted = pixels == other
        assert int(pasted.sum()) == int(pasted.any(dim=0).sum() * pasted.any(dim=1).sum())  # one box
        assert float(mixed["target"][row, other]) == pytest.approx(float(pasted.float().mean()))
        assert float(mixed["target"][row].sum()) == pytest.approx(1.0)


def test_both_take_turns_and_a_seed_repeats_them() -> None:
    def kinds(seed: int) -> list[Tensor]:
        torch.manual_seed(seed)
        mixing = Mixing(0.8, 1.0, 6)
        return [mixing(batch())["image"] for _ in range(20)]

    first, again = kinds(1), kinds(1)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    boxes = [bool((images == images.round()).all()) for images in first]
    assert 3 < sum(boxes) < 17


def test_the_mean_share_is_that_of_the_beta_distribution() -> None:
    torch.manual_seed(0)
    mixing = Mixing(0.4, 0.0, 6)
    shares = torch.stack([mixing(batch())["target"][0, 0] for _ in range(2000)])
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(shares.var()) == pytest.approx(1 / (4 * (2 * 0.4 + 1)), rel=0.1)  # of Beta(a, a)


def test_the_loss_of_a_blend_is_the_blend_of_the_losses() -> None:
    torch.manual_seed(0)
    model = MLPClassifier(INPUTS, 6, mixup=0.5)
    mixed = model.mixing(batch())
    logits, share = torch.randn(6, 6), float(mixed["target"][0, 0])
    own, other = F.cross_entropy(logits, torch.arange(6)), F.cross_entropy(logits, torch.arange(6).roll(1))
    assert float(model.loss(logits, mixed["target"])) == pytest.approx(
        float(share * own + (1 - share) * other), rel=1e-5
    )


@pytest.mark.parametrize("options", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0, "loss": "focal"}])
def test_only_training_is_mixed(options: dict[str, Any], tmp_path: Path) -> None:
    data, seen = image(tmp_path), []

    class Watched(CNNClassifier):
        def loss(self, logits: Tensor, target: Tensor) -> Tensor:
            seen.append((self.training, target.ndim))
            return super().loss(logits, target)

    model = Watched(data.inputs, 2, widths=[8], class_weights=[1.0, 2.0], label_smoothing=0.1, **options)
    short_trainer(tmp_path, epochs=2, num_sanity_val_steps=0).fit(model, datamodule=data)
    assert set(seen) == {(True, 2), (False, 1)}


def test_several_labels_are_mixed_too() -> None:
    torch.manual_seed(0)
    model = MLPClassifier(INPUTS, 3, multilabel=True, mixup=1.0)
    target = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 1.0]])
    mixed = model.mixing({"image": torch.zeros(4, 1, 8, 8), "target": target})["target"]
    share = mixed[1, 0]  # the first row's
    torch.testing.assert_close(mixed, target * (1 - share) + target.roll(1, 0) * share)
    assert model.loss(torch.randn(4, 3), mixed).isfinite()


@pytest.mark.parametrize(("make", "modality"), [(tabular, "tabular"), (text, "text")])
def test_tables_and_texts_are_refused(make: Any, modality: str, tmp_path: Path) -> None:
    data = make(tmp_path)
    message = rf"^model\.mixup and model\.cutmix blend images, and the data is {modality}: leave them out$"
    with pytest.raises(InputError, match=message):
        short_trainer(tmp_path).fit(build("MLPClassifier", data, cutmix=1.0), datamodule=data)
    with pytest.raises(InputError, match="blend images"):
        Mixing(1.0, 0.0, 2)({"tokens": torch.ones(2, 3), "target": torch.ones(2)})


@pytest.mark.parametrize("wrong", [{"mixup": -1.0}, {"cutmix": -0.1}, {"focal_gamma": -2.0}])
def test_wrong_strengths(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"model\.focal_gamma, model\.mixup and model\.cutmix must be at least 0, got"):
        MLPClassifier(INPUTS, 3, **wrong)  # type: ignore[arg-type]


def test_a_regressor_has_no_such_word(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="mixup"):
        build("CNNRegressor", image_numbers(tmp_path), mixup=1.0)
