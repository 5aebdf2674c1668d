"""Augmentations: what each does to the numbers, and that every image has its own draw."""

import pickle
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from zoo.data.augment import (
    AUGMENTATIONS,
    ERASE_AREA,
    Augmentation,
    build_augmentations,
    color,
    crop,
    default_augmentations,
    erase,
    flip,
    rotate,
    vflip,
)
from zoo.errors import InputError


def noise(n: int = 64, channels: int = 3, height: int = 16, width: int = 24) -> Tensor:
    return torch.randint(0, 256, (n, channels, height, width), dtype=torch.uint8)


@pytest.mark.parametrize("shape", [(5, 3, 16, 24), (5, 1, 8, 8), (1, 3, 5, 4), (2, 1, 1, 1)])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_shape_and_type_stay_and_the_input_is_not_changed(name: str, shape: tuple[int, ...]) -> None:
    images = noise(*shape)
    before = images.clone()
    changed = AUGMENTATIONS[name](images)
    assert changed.shape == images.shape
    assert changed.dtype == torch.uint8
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_image_has_its_own_draw_and_a_seed_repeats_it(name: str) -> None:
    torch.manual_seed(0)
    images = noise(1).expand(16, -1, -1, -1)
    torch.manual_seed(1)
    first = AUGMENTATIONS[name](images)
    assert len(torch.unique(first.flatten(1), dim=0)) > 1
    assert not torch.equal(first, AUGMENTATIONS[name](images))
    torch.manual_seed(1)
    assert torch.equal(first, AUGMENTATIONS[name](images))


@pytest.mark.parametrize(("mirror", "dim"), [(flip, -1), (vflip, -2)])
def test_mirrors_give_the_image_or_its_mirror_image(mirror: Augmentation, dim: int) -> None:
    torch.manual_seed(0)
    images = noise(400)
    mirrored = mirror(images)
    same = (mirrored == images).flatten(1).all(dim=1)
    turned = (mirrored == images.flip(dim)).flatten(1).all(dim=1)
    assert (same ^ turned).all()
    assert 150 < int(turned.sum()) < 250
    torch.manual_seed(3)
    once = mirror(images)
    torch.manual_seed(3)
    assert torch.equal(mirror(once), images)  # the same draw twice undoes itself


def test_crop_is_a_window_of_the_reflected_image() -> None:
    torch.manual_seed(0)
    images = noise(32, 3, 16, 24)
    cropped = crop(images)
    padded = F.pad(images.float(), (3, 3, 2, 2), mode="reflect").to(torch.uint8)
    windows = padded.unfold(2, 16, 1).unfold(3, 24, 1)  # (batch, c, 5, 7, h, w)
    matches = (windows == cropped[:, :, None, None]).all(dim=-1).all(dim=-1).all(dim=1)  # (batch, 5, 7)
    assert (matches.flatten(1).sum(dim=1) == 1).all()
    assert int(matches.any(dim=0).sum()) > 10  # of 35 windows


def test_rotate_keeps_the_centre_and_turns_a_line_by_at_most_fifteen_degrees() -> None:
    torch.manual_seed(0)
    images = torch.zeros(200, 1, 41, 61, dtype=torch.uint8)
    images[:, :, 20] = 255  # a level line through the centre
    turned = rotate(images).float()[:, 0]  # (batch, h, w)
    assert (turned[:, 20, 30] > 200).all()
    height_at = turned[:, :, 40].argmax(dim=1) - 20  # ten pixels right of the centre
    angle = torch.atan2(height_at.float(), torch.tensor(10.0)).rad2deg()
    assert angle.abs().max() <= 18  # whole pixels
    assert angle.min() < -8
    assert angle.max() > 8


def test_rotate_does_not_touch_a_plain_image() -> None:
    images = torch.full((4, 3, 10, 7), 77, dtype=torch.uint8)
    assert torch.equal(rotate(images), images)


def test_color_scales_a_plain_grey_image_by_at_most_three_tenths() -> None:
    torch.manual_seed(0)
    images = torch.full((500, 3, 4, 4), 100, dtype=torch.uint8)
    changed = color(images)
    assert (changed == changed[:, :1, :1, :1]).all()  # grey and plain as before
    assert 70 <= int(changed.min()) < 75
    assert 125 < int(changed.max()) <= 130


def test_erase_paints_one_rectangle_of_the_stated_area() -> None:
    torch.manual_seed(0)
    images = torch.zeros(1000, 1, 32, 32, dtype=torch.uint8)
    images[:, :, ::2] = 255  # the mean, 128, is no pixel of the image
    erased = (erase(images) != images)[:, 0]  # (batch, h, w)
    area = erased.flatten(1).sum(dim=1)
    rectangle = erased.any(dim=2).sum(dim=1) * erased.any(dim=1).sum(dim=1)
    assert torch.equal(area, rectangle)
    assert 400 < int((area > 0).sum()) < 600
    share = area[area > 0] / 1024
    assert ERASE_AREA[0] / 2 < share.min() < 0.04  # sides are whole pixels
    assert 0.25 < share.max() <= ERASE_AREA[1]


@pytest.mark.parametrize("name", ["RandAugment", "TrivialAugmentWide", "AugMix", "RandomHorizontalFlip"])
@pytest.mark.parametrize("channels", [1, 3])
def test_torchvision_classes_by_name(name: str, channels: int) -> None:
    torch.manual_seed(0)
    images = noise(1, channels).expand(8, -1, -1, -1)
    (augment,) = build_augmentations([name])
    torch.manual_seed(2)
    changed = augment(images)
    assert changed.shape == images.shape
    assert changed.dtype == torch.uint8
    assert len(torch.unique(changed.flatten(1), dim=0)) > 1
    torch.manual_seed(2)
    assert torch.equal(pickle.loads(pickle.dumps(augment))(images), changed)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("filp", "data.augment has no 'filp': did you mean 'flip'?"),
        ("randaugment", "data.augment has no 'randaugment': did you mean 'RandAugment'?"),
        (
            "RandomCrop",
            "data.augment: RandomCrop of torchvision takes size, padding, pad_if_needed, fill, padding_mode; got none of them",
        ),
    ],
)
def test_a_wrong_name_is_told(name: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        build_augmentations(["crop", name])
    assert str(raised.value) == message


def test_a_transform_that_changes_the_type_is_told() -> None:
    (augment,) = build_augmentations(["ToPILImage"])
    with pytest.raises(InputError, match=r"^data\.augment: ToPILImage changes the size or kind of an image"):
        augment(noise(2))


def test_digits_are_not_mirrored_by_default() -> None:
    assert default_augmentations(1, 28, 28) == ["crop"]
    assert default_augmentations(3, 16, 16) == ["crop"]
    assert default_augmentations(3, 96, 96) == ["flip", "crop"]


# ---- options ---------------------------------------------------------------------------------------------------------


def test_options_set_the_strength() -> None:
    torch.manual_seed(0)
    images = torch.zeros(400, 1, 32, 32, dtype=torch.uint8)
    images[:, :, ::2] = 255
    (erased,) = build_augmentations([{"erase": {"probability": 1.0, "area": [0.2, 0.25]}}])
    share = (erased(images) != images).flatten(1).float().mean(dim=1)
    assert 0.15 < share.min() <= share.max() <= 0.25
    (turned,) = build_augmentations([{"rotate": {"degrees": 0}}])
    assert torch.equal(turned(images), images)
    (coloured,) = build_augmentations([{"color": {"strength": 0.1}}])
    plain = coloured(torch.full((500, 3, 4, 4), 100, dtype=torch.uint8))
    assert 90 <= int(plain.min()) < 92
    assert 108 < int(plain.max()) <= 110
    (shifted,) = build_augmentations([{"crop": {"share": 0.25}}])
    line = torch.zeros(300, 1, 32, 32, dtype=torch.uint8)
    line[:, :, 16] = 255
    assert torch.unique(shifted(line)[:, 0, :, 0].argmax(dim=1)).tolist() == list(range(8, 25))


def test_rand_augment_is_torchvisions_for_every_four_images() -> None:
    from torchvision.transforms import v2

    images = noise(10)
    (augment,) = build_augmentations([{"rand_augment": {"num_ops": 3, "magnitude": 12}}])
    torch.manual_seed(5)
    found = augment(images)
    torch.manual_seed(5)
    theirs = v2.RandAugment(num_ops=3, magnitude=12)
    assert torch.equal(found, torch.cat([theirs(images[:4]), theirs(images[4:8]), theirs(images[8:])]))
    (still,) = build_augmentations([{"rand_augment": {"num_ops": 0}}])
    assert torch.equal(still(images), images)


def test_a_class_of_torchvision_takes_its_arguments() -> None:
    torch.manual_seed(0)
    (augment,) = build_augmentations([{"RandomCrop": {"size": [16, 24], "padding": 2}}])
    assert augment(noise(3)).shape == (3, 3, 16, 24)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"erase": {"probabilty": 1}}, "data.augment: erase takes no 'probabilty': did you mean 'probability'?"),
        ({"flip": {"share": 1}}, "data.augment: flip takes no 'share': valid: "),
        (
            {"rand_augment": {"magnitude": 31}},
            "data.augment: rand_augment cannot have {'magnitude': 31}: magnitude must",
        ),
        ({"erase": {"area": 0.3}}, "data.augment: erase cannot have {'area': 0.3}: "),
        (
            {"erase": 0.3},
            "data.augment: an entry is a name, or a name with its options as {erase: {probability: 0.25}}",
        ),
        ({"flip": {}, "crop": {}}, "data.augment: an entry is a name, or a name with its options as "),
        ({"RandomCrop": {"side": 3}}, "data.augment: RandomCrop of torchvision takes size, padding"),
    ],
)
def test_wrong_options_are_told(named: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        build_augmentations([named])
    assert str(raised.value).startswith(message)


def test_the_check_of_options_draws_no_number() -> None:
    before = torch.get_rng_state()
    build_augmentations([{"erase": {"probability": 0.25}}])
    assert torch.equal(torch.get_rng_state(), before)
