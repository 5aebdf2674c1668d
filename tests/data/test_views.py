"""Random boxes: drawn as torchvision draws them, scaled as torchvision scales them."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.v2.functional import resized_crop

from zoo.data.views import RATIO, draw_boxes, scaled_box


def boxes_of(height: int, width: int, n: int = 4000) -> Tensor:
    torch.manual_seed(0)
    return draw_boxes(torch.tensor([[height, width]]).expand(n, -1))


@pytest.mark.parametrize(("height", "width"), [(384, 512), (512, 384), (100, 100), (30, 200), (7, 5), (1, 1), (4, 90)])
def test_boxes_lie_inside_and_are_as_many_kinds_as_torchvision_draws(height: int, width: int) -> None:
    boxes = boxes_of(height, width)
    top, left, tall, wide = boxes.unbind(1)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] >= 1).all()
    assert (top + tall <= height).all()
    assert (left + wide <= width).all()
    image = torch.empty(1, height, width)
    torch.manual_seed(0)
    theirs = torch.tensor([RandomResizedCrop.get_params(image, [0.08, 1.0], list(RATIO)) for _ in range(4000)])
    for ours, other in zip(boxes.double().T, theirs.double().T, strict=True):
        tolerance = 5 * float(other.std()) / math.sqrt(2000) + 1e-9  # five standard errors of the difference
        assert abs(float(ours.mean() - other.mean())) <= tolerance
        assert float(ours.std()) == pytest.approx(float(other.std()), rel=0.1, abs=1e-9)


def test_each_picture_has_a_box_of_its_own_shape_and_a_seed_repeats_it() -> None:
    shapes = torch.tensor([[10, 400], [400, 10], [50, 60]]).repeat(50, 1)
    torch.manual_seed(1)
    first = draw_boxes(shapes)
    torch.manual_seed(1)
    assert torch.equal(first, draw_boxes(shapes))
    assert not torch.equal(first, draw_boxes(shapes))
    assert (first[:, :2] + first[:, 2:] <= shapes).all()
    # The first two shapes are too long for any box: the longest that is allowed, at the centre.
    assert set(map(tuple, first[0::3].tolist())) == {(0, 193, 10, 13)}
    assert set(map(tuple, first[1::3].tolist())) == {(193, 0, 13, 10)}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("box", [(0, 0, 60, 90), (5, 7, 50, 40), (10, 20, 13, 9), (3, 3, 1, 1)])
def test_a_box_is_scaled_as_torchvision_scales_it(box: tuple[int, int, int, int], channels: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (60, 90, channels), dtype=np.uint8)
    ours = torch.from_numpy(scaled_box(picture, box, (24, 32)).copy())
    theirs = resized_crop(torch.from_numpy(picture).permute(2, 0, 1), *box, size=[24, 32], antialias=True)
    assert ours.shape == (channels, 24, 32)
    assert (ours.int() - theirs.int()).abs().max() <= 1
