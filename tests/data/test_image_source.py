"""Sources of images: folders, arrays, sets by name, and what is said of what does not fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zoo.data.image import ImageDataModule
from zoo.data.image_source import ARRAY_HELP, channels_first, over_white, read_images, read_npz
from zoo.errors import InputError


def write(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(file)


def error_of(path: Path | str, *, with_target: bool = True) -> str:
    with pytest.raises(InputError) as raised:
        read_images(str(path), with_target=with_target)
    assert "\n" not in str(raised.value)
    return str(raised.value)


# ---- folders -------------------------------------------------------------------------------------------------------


def test_class_folders_nested_with_other_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "cat" / "deep" / "2.PNG", tmp_path / "cat" / "1.jpg", tmp_path / "dog" / "1.webp")
    write(tmp_path / ".cache" / "x.png")
    for name in ("cat/Thumbs.db", "dog/.DS_Store", "cat/notes.txt", "readme.md"):
        (tmp_path / name).write_text("")
    (tmp_path / "empty").mkdir()
    source = read_images(str(tmp_path), with_target=True)["all"]
    assert source.row_labels() == ["cat/1.jpg", "cat/deep/2.PNG", "dog/1.webp"]
    assert source.target[0].to_pylist() == ["cat", "cat", "dog"]
    assert source.target_names == ("class",)
    assert source.rows[0] == str(tmp_path / "cat" / "1.jpg")
    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path}: class folder 'empty' holds no image and is left out",
        f"{tmp_path}: 2 files are not images of a class and are passed over (readme.md, ...)",
    ]


@pytest.mark.parametrize("val", ["val", "valid", "Validation"])
def test_part_folders(tmp_path: Path, val: str) -> None:
    for part in ("train", val, "test"):
        write(tmp_path / part / "a" / "1.png", tmp_path / part / "b" / "2.png")
    found = read_images(str(tmp_path), with_target=True)
    assert sorted(found) == ["test", "train", "val"]
    assert found["val"].row_labels() == [f"{val}/a/1.png", f"{val}/b/2.png"]
    assert found["test"].path == str(tmp_path / "test")


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    write(tmp_path / "train" / "1.png", tmp_path / "bus" / "1.png")
    assert read_images(str(tmp_path), with_target=True)["all"].target[0].to_pylist() == ["bus", "train"]


def test_an_unlabelled_test_folder_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "train" / "a" / "1.png", tmp_path / "test" / "1.png")
    assert list(read_images(str(tmp_path), with_target=True)) == ["train"]
    assert capsys.readouterr().err == f"{tmp_path}: test/ is not a part with class folders and is left out\n"


def test_folder_errors(tmp_path: Path) -> None:
    advice = "put the images of each class into a folder of its own (FOLDER/CLASS/*.jpg)"
    (tmp_path / "none").mkdir()
    assert error_of(tmp_path / "none") == f"{tmp_path}/none: no image found: {advice}"
    assert error_of(tmp_path / "none", with_target=False) == f"{tmp_path}/none: no image found (such as .jpg or .png)"
    write(tmp_path / "flat" / "1.png")
    assert error_of(tmp_path / "flat") == f"{tmp_path}/flat: images, but no class folders: {advice}"
    write(tmp_path / "parts" / "train" / "1.png", tmp_path / "parts" / "test" / "1.png")
    assert error_of(tmp_path / "parts") == f"{tmp_path}/parts: no class folders in test/, train/: {advice}"
    assert error_of(tmp_path / "flat" / "1.png") == f"{tmp_path}/flat/1.png: a single image has no class: {advice}"
    (tmp_path / "set.zip").write_text("")
    assert error_of(tmp_path / "set.zip") == f"{tmp_path}/set.zip: not an image, an .npz file or a folder"


def test_a_missing_path_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path / "trashnet" / "a" / "1.png")
    assert error_of(tmp_path / "trashnett") == f"{tmp_path}/trashnett: no such file or folder: did you mean 'trashnet'?"
    assert error_of(tmp_path / "xyz" / "w") == f"{tmp_path}/xyz/w: no such file or folder ({tmp_path}/ has no 'xyz')"


def test_one_class_only(tmp_path: Path) -> None:
    write(*(tmp_path / "cat" / f"{number}.png" for number in range(4)))
    with pytest.raises(InputError, match="has one class only"):
        _ = ImageDataModule(str(tmp_path)).num_classes


# ---- arrays --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 6, 7), (5, 1, 6, 7)),
        ((5, 6, 7, 1), (5, 1, 6, 7)),
        ((5, 6, 7, 3), (5, 3, 6, 7)),
        ((5, 6, 7, 4), (5, 3, 6, 7)),
        ((5, 3, 6, 7), (5, 3, 6, 7)),
        ((5, 1, 6, 7), (5, 1, 6, 7)),
    ],
)
def test_layouts(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    pixels = channels_first(images, "x")
    assert pixels.shape == expected
    assert pixels.flags.c_contiguous
    if shape == (5, 6, 7, 3):
        assert (pixels[2, :, 3, 4] == images[2, 3, 4]).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 100, 255], np.uint8), [0, 100, 255]),
        (np.array([0.0, 0.5, 1.0], np.float32), [0, 128, 255]),
        (np.array([0.0, 99.6, 255.0]), [0, 100, 255]),
        (np.array([0, 257, 65535], np.uint16), [0, 1, 255]),
        (np.array([0, 1, 255], np.int64), [0, 1, 255]),
        (np.array([False, True, True]), [0, 255, 255]),
    ],
)
def test_number_ranges(values: Any, expected: list[int]) -> None:
    assert channels_first(values.reshape(1, 1, 3), "x").ravel().tolist() == expected


def test_alpha_lies_over_white() -> None:
    pixels = np.array([200, 100, 0, 128], np.uint8).reshape(1, 4, 1, 1)
    assert over_white(pixels).ravel().tolist() == [227, 177, 127]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 5, 6, 7)), f"set.npz: {ARRAY_HELP}, got shape (2, 5, 6, 7)"),
        (np.full((1, 2, 2), -1), "set.npz: pixels must be 0 to 255 or 0 to 1, got -1 to -1"),
        (np.full((1, 2, 2), np.nan), "set.npz: pixels must be 0 to 255 or 0 to 1, got nan to nan"),
        (np.full((1, 2, 2), 9, np.uint16), "set.npz: x is uint16 but no pixel is above 9: save it as uint8"),
        (np.full((1, 2, 2), "a"), "set.npz: pixels must be numbers, got <U1"),
        (np.zeros((0, 2, 2)), "set.npz: x holds no pixels, its shape is (0, 1, 2, 2)"),
    ],
)  # fmt: skip
def test_arrays_that_are_no_images(images: Any, message: str) -> None:
    with pytest.raises(InputError) as raised:
        channels_first(images, "set.npz")
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("y", "classes", "task", "names"),
    [
        (np.arange(40) % 3, None, "classification", ["0", "1", "2"]),
        (np.arange(40) % 2, ["no", "yes"], "classification", ["no", "yes"]),
        (np.arange(40)[:, None] % 3, None, "classification", ["0", "1", "2"]),
        (np.array(["b", "a"] * 20), None, "classification", ["a", "b"]),
        (np.linspace(0, 1, 40), None, "regression", ["y"]),
        (np.linspace(0, 1, 80).reshape(40, 2), None, "regression", ["y0", "y1"]),
        (np.eye(2, dtype=int)[np.arange(40) % 2], None, "multilabel", ["y0", "y1"]),
        (np.arange(80).reshape(40, 2) % 3 > 0, ["wet", "cold"], "multilabel", ["wet", "cold"]),
    ],
)  # fmt: skip
def test_targets_of_arrays(tmp_path: Path, y: Any, classes: list[str] | None, task: str, names: list[str]) -> None:
    arrays = {"x": np.zeros((40, 4, 4), np.uint8), "y": y} | ({} if classes is None else {"classes": classes})
    np.savez(tmp_path / "set.npz", **arrays)
    data = ImageDataModule(str(tmp_path / "set.npz"))
    assert data.target_encoder.task == task
    assert data.class_names == names
    target = next(iter(data.val_dataloader()))["target"]
    assert target.ndim == (1 if task == "classification" else 2)


def test_npz_errors(tmp_path: Path) -> None:
    file = tmp_path / "set.npz"

    def error(**arrays: Any) -> str:
        np.savez(file, **arrays)
        return error_of(file)

    x = np.zeros((4, 2, 2), np.uint8)
    advice = "np.savez(FILE, x=images, y=labels)"
    assert error(images=x) == f"{file}: no array 'x', it holds images: {advice}"
    assert error(x=x) == f"{file}: no array 'y', it holds x: {advice}"
    assert error(x=x, y=[1, 2]) == f"{file}: x has 4 images but y has shape (2,)"
    assert error(x=x, y=[0, 1, 2, 0], classes=["a", "b"]) == f"{file}: y holds 0 to 2 but classes has 2 names"
    assert error(x=x, y=np.zeros((4, 2)), classes=["a"]) == f"{file}: y has 2 columns but classes has 1 names"
    file.write_text("nothing")
    assert error_of(file).startswith(f"{file}: cannot be read as .npz of plain arrays (")
    np.savez(file, x=x)
    assert read_npz(file, with_target=False).target == ()


# ---- sets by name --------------------------------------------------------------------------------------------------


class FakeDigits:
    """The interface of torchvision's MNIST."""

    def __init__(self, root: str, train: bool = True, download: bool = False) -> None:
        self.root = root
        self.data = np.full((20 if train else 6, 5, 5), 9, np.uint8)
        self.targets = [row % 2 for row in range(len(self.data))]
        self.classes = ["zero", "one"]


class FakePets:
    """The interface of sets that keep files: `split`, and images that are opened one by one."""

    def __init__(self, root: str, split: str = "train", download: bool = False) -> None:
        if split not in ("trainval", "test"):
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are trainval, test.")
        self._labels = [0, 1] * (10 if split == "trainval" else 3)

    def __getitem__(self, row: int) -> tuple[Image.Image, int]:
        return Image.new("RGB", (30 + row, 20), (row, 0, 0)), self._labels[row]


class FakeOffline:
    def __init__(self, root: str, train: bool = True, download: bool = False) -> None:
        raise RuntimeError("Error downloading a.gz:\nTried b")


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    import torchvision.datasets

    for fake in (FakeDigits, FakePets, FakeOffline):
        monkeypatch.setattr(torchvision.datasets, fake.__name__, fake, raising=False)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "torchvision"


@pytest.mark.usefixtures("fakes")
def test_torchvision_set_in_memory() -> None:
    data = ImageDataModule("torchvision:FakeDigits")
    assert data.class_names == ["one", "zero"]
    assert len(data.sources["test"]) == 6
    assert data.inputs == {"modality": "image", "channels": 1, "height": 5, "width": 5, "mirrored": False}


@pytest.mark.usefixtures("fakes")
def test_torchvision_set_of_files() -> None:
    data = ImageDataModule("torchvision:FakePets", augment=[])
    assert data.inputs == {"modality": "image", "channels": 3, "height": 20, "width": 20, "mirrored": False}
    assert data.dataset("test").arrays["image"][:, 0, 10, 10].tolist() == [0, 1, 2, 3, 4, 5]
    assert data.dataset("test").arrays["target"].tolist() == [0, 1] * 3


def test_set_errors(fakes: Path) -> None:
    assert error_of("torchvision:FakeOffline") == (
        f"torchvision:FakeOffline: could not be downloaded to {fakes}/FakeOffline "
        "(Error downloading a.gz: Tried b): check the network, or put its files there"
    )
    assert error_of("torchvision:CIFAR11") == "torchvision:CIFAR11: no such data set: did you mean 'CIFAR10'?"
    assert error_of("sample:digit") == "sample:digit: no such sample of images: did you mean 'digits'?"
