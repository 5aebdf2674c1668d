"""The image data module: from files and arrays of every kind to normalised batches."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from zoo.data.decode import Fit, decode
from zoo.data.image import ImageDataModule
from zoo.data.normalise import channel_statistics
from zoo.errors import InputError

SHARED = Path(os.environ.get("ZOO_SHARED_DATA") or Path(__file__).parents[2].parent / "shared" / "data")


def shared(name: str) -> str:
    if not (SHARED / name).is_dir():
        pytest.skip(f"{SHARED / name} is not here")
    return str(SHARED / name)


def write_images(folder: Path, n: int, *, size: tuple[int, int] = (12, 10), mode: str = "RGB", seed: int = 0) -> None:
    """`n` images of noise, size is (width, height)."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    for number in range(n):
        pixels = generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / f"{number}.png")


@pytest.fixture
def two_classes(tmp_path: Path) -> Path:
    write_images(tmp_path / "set" / "cat", 12)
    write_images(tmp_path / "set" / "dog", 12, seed=1)
    return tmp_path / "set"


def one(path: Path, size: tuple[int, int], channels: int) -> Any:
    """One decoded image (channels, height, width)."""
    return decode(np.array([str(path)], dtype=object), Fit(size, channels))[0]


def batches(data: ImageDataModule, part: str) -> list[dict[str, torch.Tensor]]:
    return list(getattr(data, f"{part}_dataloader")())


# ---- real sets -----------------------------------------------------------------------------------------------------


def test_digits() -> None:
    data = ImageDataModule("sample:digits")
    assert data.inputs == {"modality": "image", "channels": 1, "height": 8, "width": 8, "mirrored": False}
    assert data.class_names == [str(digit) for digit in range(10)]
    assert [len(data.dataset(part)) for part in ("train", "val", "test")] == [1257, 270, 270]
    pixels = data.dataset("train").arrays["image"]
    assert pixels.dtype == torch.uint8
    assert int(pixels.max()) == 255


def test_trashnet_photographs() -> None:
    data = ImageDataModule(shared("trashnet150"), image_size=32)
    assert data.inputs == {"modality": "image", "channels": 3, "height": 32, "width": 32, "mirrored": True}
    assert data.class_names == ["cardboard", "glass", "metal", "paper", "plastic", "trash"]
    assert sum(len(data.dataset(part)) for part in ("train", "val", "test")) == 2527
    names = data.source("test").row_labels()
    assert all(name.split("/")[0] in data.class_names for name in names)
    image = batches(data, "val")[0]["image"]
    assert abs(float(image.mean())) < 0.3
    assert 0.7 < float(image.std()) < 1.3


def test_mnist_parts_and_published_statistics() -> None:
    data = ImageDataModule(shared("mnist"))
    assert [len(data.sources[part]) for part in ("train", "val", "test")] == [51000, 9000, 10000]
    assert data.inputs == {"modality": "image", "channels": 1, "height": 28, "width": 28, "mirrored": False}
    state = data.encoder_state()
    assert state["mean"] == pytest.approx([0.1307], abs=1e-3)
    assert state["std"] == pytest.approx([0.3081], abs=1e-3)


# ---- modes and sizes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "ending", "grey"),
    [
        ("1", "png", 255),
        ("L", "png", 100),
        ("LA", "png", 100),
        ("P", "gif", 100),
        ("RGB", "bmp", 100),
        ("RGBA", "webp", 100),
        ("CMYK", "jpg", 100),
        ("CMYK", "tif", 100),
        ("L", "jpg", 100),
        ("YCbCr", "jpg", 100),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_keeps_its_grey(tmp_path: Path, mode: str, ending: str, grey: int, channels: int) -> None:
    file = tmp_path / f"image.{ending}"
    Image.new("L", (20, 16), grey).convert(mode).save(file)
    pixels = one(file, (8, 8), channels)
    assert pixels.shape == (channels, 8, 8)
    assert (pixels.int() - grey).abs().max() <= 2  # what lossy formats change


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.tile(np.array([0, 257, 32896, 65535], dtype=np.uint16), (4, 1))
    for ending in ("png", "tif"):
        Image.fromarray(ramp).save(tmp_path / f"ramp.{ending}")
        assert one(tmp_path / f"ramp.{ending}", (4, 4), 1)[0, 0].tolist() == [0, 1, 128, 255]


def test_float_pixels_of_a_file(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], dtype=np.float32)).save(tmp_path / "float.tif")
    assert one(tmp_path / "float.tif", (1, 3), 1)[0, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB"])
def test_transparency_lies_over_white(tmp_path: Path, mode: str) -> None:
    file = tmp_path / "clear.png"
    if mode == "P":
        image = Image.new("P", (4, 4), 1)
        image.putpalette([0, 0, 0, 200, 0, 0])
        image.save(file, transparency=1)
    elif mode in ("L", "RGB"):  # one colour is declared transparent
        Image.new(mode, (4, 4), "black").save(file, transparency=0 if mode == "L" else (0, 0, 0))
    else:
        Image.new("RGBA", (4, 4), (200, 0, 0, 0)).convert(mode).save(file)
    assert (one(file, (4, 4), 3) == 255).all()


def test_exif_orientation_is_applied_to_pixels_and_size(tmp_path: Path) -> None:
    pixels = np.zeros((20, 40), dtype=np.uint8)
    pixels[:, :20] = 255  # white on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright: the left becomes the top
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.jpg", exif=exif, quality=95)
    data = ImageDataModule(str(tmp_path), test_fraction=0.0, val_fraction=0.3)
    assert data.inputs == {"modality": "image", "channels": 1, "height": 40, "width": 20, "mirrored": False}
    image = data.dataset("train").arrays["image"][0, 0]
    assert (image[:18] > 240).all()
    assert (image[22:] < 15).all()


def test_a_wide_image_is_cut_at_the_centre(tmp_path: Path) -> None:
    pixels = np.zeros((16, 48, 3), dtype=np.uint8)
    pixels[:, 16:32] = (10, 20, 30)
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    image = one(tmp_path / "wide.png", (16, 16), 3)
    assert image[:, 8, 8].tolist() == [10, 20, 30]
    assert (image == image[:, 8:9, 8:9]).all()


def test_large_jpeg_decodes_as_if_whole(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 800).astype(np.uint8)
    Image.fromarray(np.tile(ramp, (600, 1))).save(tmp_path / "ramp.jpg", quality=95)
    small = one(tmp_path / "ramp.jpg", (30, 40), 1)[0, 15]
    expected = torch.from_numpy(ramp.reshape(40, 20).mean(axis=1))
    assert (small - expected).abs().max() < 3


@pytest.mark.parametrize(
    ("mode", "size", "expected"),
    [("L", (12, 10), (1, 10, 12)), ("RGB", (12, 10), (3, 10, 12)), ("RGB", (200, 120), (3, 96, 96))],
)
def test_default_form_follows_the_train_images(
    tmp_path: Path, mode: str, size: tuple[int, int], expected: tuple[int, int, int]
) -> None:
    for seed, name in enumerate(("a", "b")):
        write_images(tmp_path / name, 6, size=size, mode=mode, seed=seed)
    inputs = ImageDataModule(str(tmp_path)).inputs
    assert (inputs["channels"], inputs["height"], inputs["width"]) == expected


def test_one_coloured_image_makes_the_set_coloured_and_sizes_may_differ(tmp_path: Path) -> None:
    write_images(tmp_path / "a", 6, mode="L", size=(30, 20))
    write_images(tmp_path / "b", 6, mode="RGB", size=(24, 40))
    inputs = ImageDataModule(str(tmp_path)).inputs
    assert inputs == {"modality": "image", "channels": 3, "height": 22, "width": 22, "mirrored": True}
    inputs = ImageDataModule(str(tmp_path), image_size=[16, 20], channels=1).inputs
    assert inputs == {"modality": "image", "channels": 1, "height": 16, "width": 20, "mirrored": False}


# ---- batches -------------------------------------------------------------------------------------------------------


def test_statistics_equal_their_formula() -> None:
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (50, 3, 6, 7), dtype=torch.uint8)
    pixels[:, 2] = 40
    mean, std = channel_statistics(pixels)
    shares = pixels.double() / 255
    assert mean == pytest.approx(shares.mean(dim=(0, 2, 3)).tolist())
    assert std[:2] == pytest.approx(shares.std(dim=(0, 2, 3), correction=0).tolist()[:2])
    assert std[2] == 1.0


def test_normalisation_saw_train_rows_only(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    dark = generator.integers(0, 60, (40, 6, 6), dtype=np.uint8)
    np.savez(tmp_path / "train.npz", x=dark, y=np.arange(40) % 2)
    np.savez(tmp_path / "val.npz", x=np.full((10, 6, 6), 255, np.uint8), y=np.arange(10) % 2)
    data = ImageDataModule(str(tmp_path), augment=[], test_fraction=0.0)
    data.setup("fit")
    assert data.encoder_state()["mean"] == pytest.approx([dark.mean() / 255])
    train = torch.cat([batch["image"] for batch in batches(data, "train")])
    assert train.dtype == torch.float32
    assert float(train.mean()) == pytest.approx(0, abs=1e-5)
    assert float(train.std(correction=0)) == pytest.approx(1, abs=1e-5)
    expected = (1 - dark.mean() / 255) / (dark.std() / 255)
    assert float(batches(data, "val")[0]["image"].mean()) == pytest.approx(expected, rel=1e-5)


def test_constant_images_stay_finite(tmp_path: Path) -> None:
    np.savez(tmp_path / "flat.npz", x=np.full((20, 5, 5), 7, np.uint8), y=np.arange(20) % 2)
    (batch, *_) = batches(ImageDataModule(str(tmp_path / "flat.npz")), "val")
    assert (batch["image"].abs() < 1e-6).all()


def test_only_train_is_augmented_and_a_seed_repeats_it(two_classes: Path) -> None:
    data = ImageDataModule(str(two_classes), batch_size=8)
    plain = ImageDataModule(str(two_classes), batch_size=8, augment=[])
    for part in ("val", "test"):
        assert torch.equal(batches(data, part)[0]["image"], batches(plain, part)[0]["image"])
    torch.manual_seed(5)
    first = batches(data, "train")
    second = batches(data, "train")
    torch.manual_seed(5)
    again = batches(data, "train")
    assert all(torch.equal(a["image"], b["image"]) for a, b in zip(first, again, strict=True))
    rows = [torch.cat([batch[name] for batch in epoch]) for epoch in (first, second) for name in ("image", "index")]
    assert not torch.equal(rows[0][rows[1].argsort()], rows[2][rows[3].argsort()])


def test_loader_processes_give_the_same_rows(two_classes: Path) -> None:
    alone = batches(ImageDataModule(str(two_classes)), "val")
    helped = batches(ImageDataModule(str(two_classes), num_workers=1), "val")
    assert torch.equal(alone[0]["image"], helped[0]["image"])


def test_state_gives_a_fresh_module_the_same_batches(two_classes: Path) -> None:
    data = ImageDataModule(str(two_classes), image_size=9)
    data.setup("fit")
    fresh = ImageDataModule(str(two_classes))
    fresh.load_state_dict(data.state_dict())
    assert (
        fresh.inputs == data.inputs == {"modality": "image", "channels": 3, "height": 9, "width": 9, "mirrored": False}
    )
    for part in ("val", "test"):
        for expected, got in zip(batches(data, part), batches(fresh, part), strict=True):
            assert all(torch.equal(expected[name], got[name]) for name in ("image", "target", "index"))


def test_arrays_and_files_of_the_same_pixels_are_encoded_alike(two_classes: Path) -> None:
    files = sorted(str(file) for file in two_classes.rglob("*.png"))
    arrays = np.stack([np.asarray(Image.open(file)) for file in files]).transpose(0, 3, 1, 2)
    for size, channels in (((10, 12), 3), ((10, 12), 1), ((7, 7), 3), ((20, 20), 1)):
        decoded = decode(np.array(files, dtype=object), Fit(size, channels))
        assert torch.equal(decoded, decode(np.ascontiguousarray(arrays), Fit(size, channels)))


# ---- predict -------------------------------------------------------------------------------------------------------


def test_predict_on_one_image_a_flat_folder_and_known_or_unknown_subfolders(two_classes: Path, tmp_path: Path) -> None:
    data = ImageDataModule(str(two_classes))
    data.setup("fit")
    data.use_whole(str(two_classes / "cat" / "3.png"), with_target=False)
    (batch,) = batches(data, "predict")
    assert batch["image"].shape == (1, 3, 10, 12)
    assert "target" not in batch
    assert data.source("predict").row_labels() == ["3.png"]

    data.use_whole(str(two_classes / "cat"), with_target=False)
    assert len(data.dataset("predict")) == 12
    assert "target" not in data.dataset("predict").arrays

    source = data.use_whole(str(two_classes), with_target=False)
    assert source.row_labels()[:2] == ["cat/0.png", "cat/1.png"]
    assert data.dataset("predict").arrays["target"].tolist() == [0] * 12 + [1] * 12

    write_images(tmp_path / "other" / "cow", 2, size=(50, 60), mode="L")
    data.use_whole(str(tmp_path / "other"), with_target=False)
    assert "target" not in data.dataset("predict").arrays
    assert batches(data, "predict")[0]["image"].shape == (2, 3, 10, 12)


def test_predict_on_arrays_without_y(two_classes: Path, tmp_path: Path) -> None:
    data = ImageDataModule(str(two_classes))
    data.setup("fit")
    np.savez(tmp_path / "new.npz", x=np.zeros((3, 10, 12), np.uint8))
    data.use_whole(str(tmp_path / "new.npz"), with_target=False)
    assert batches(data, "predict")[0]["image"].shape == (3, 3, 10, 12)
    np.savez(tmp_path / "known.npz", x=np.zeros((3, 10, 12), np.uint8), y=["dog", "cat", "dog"])
    data.use_whole(str(tmp_path / "known.npz"), with_target=False)
    assert batches(data, "predict")[0]["target"].tolist() == [1, 0, 1]


# ---- errors --------------------------------------------------------------------------------------------------------


def test_unreadable_images_are_named(two_classes: Path) -> None:
    (two_classes / "cat" / "0.png").write_text("no image")
    (two_classes / "dog" / "1.png").write_bytes(b"")
    with pytest.raises(InputError) as raised:
        _ = ImageDataModule(str(two_classes), val_fraction=0.1, test_fraction=0.0, seed=1).inputs
    assert str(raised.value) == (
        f"{two_classes}/cat/0.png: cannot be read (not an image), nor can 1 more: replace or delete it"
    )


def test_a_truncated_image_is_named(two_classes: Path) -> None:
    for file in two_classes.rglob("*.png"):
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        InputError, match=r"cat/\d+\.png: cannot be read \(.+\), nor can \d+ more: replace or delete it$"
    ):
        _ = ImageDataModule(str(two_classes)).inputs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 2}, "data.channels must be 1 or 3, got 2"),
        ({"image_size": 0}, "data.image_size must be one number of pixels, or height and width, got 0"),
        ({"image_size": [8]}, "data.image_size must be one number of pixels, or height and width, got [8]"),
        ({"augment": ["flp"]}, "data.augment has no 'flp': did you mean 'flip'?"),
    ],
)
def test_wrong_arguments_are_told_at_once(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        ImageDataModule("sample:digits", **arguments)
    assert str(raised.value) == message


def test_a_target_is_said_to_be_unused(capsys: pytest.CaptureFixture[str]) -> None:
    ImageDataModule("sample:digits", target="label")
    assert capsys.readouterr().err == (
        "data.target is not used for images ('label'): the class is the folder, or y of an .npz\n"
    )
