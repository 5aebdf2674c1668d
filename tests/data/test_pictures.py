"""Whole pictures and random views of them: the same pixels from memory, from the cache and from the files."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import pil_to_tensor, resized_crop

import zoo.data.pixel_store
from zoo.data.cache import Cache
from zoo.data.decode import Fit, decode, decode_picture
from zoo.data.fitted import FittedMapped, FittedOnDemand, open_fitted
from zoo.data.headers import find_headers, read_headers
from zoo.data.image import ImageDataModule
from zoo.data.pictures import DecodedPictures, KeptPictures, Pictures, RandomViews, open_pictures
from zoo.data.pixel_store import map_pixels
from zoo.data.views import draw_boxes
from zoo.errors import InputError

N = 24
VIEW = 32


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two classes of 12 smooth JPEG files, sizes differ; large enough for the cache where `small_memory` is used."""
    generator = np.random.default_rng(0)
    for number in range(N):
        coarse = generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        size = (60 + 4 * (number % 5), 50 + 6 * (number % 3))
        file = tmp_path / "set" / ("cat" if number < N // 2 else "dog") / f"{number:02}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(file, quality=95)
    return tmp_path / "set"


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every set counts as large, as if this were a small machine."""
    monkeypatch.setattr(zoo.data.pixel_store, "SMALL_BYTES", 0)
    monkeypatch.setattr(zoo.data.pixel_store, "UNKEPT_BYTES", 0)


def module(path: Path, **arguments: Any) -> ImageDataModule:
    given: dict[str, Any] = {
        "image_size": VIEW,
        "augment": ["random_resized_crop", "flip"],
        "batch_size": 8,
    } | arguments
    return ImageDataModule(str(path), **given)


def train_images(data: ImageDataModule, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    return torch.cat([batch["image"] for batch in data.train_dataloader()])


def paths(folder: Path) -> Any:
    return np.array(sorted(str(file) for file in folder.rglob("*.jpg")), dtype=object)


def pictures_of(folder: Path, *, channels: int = 3, side: int = VIEW, limit: float = 1.0) -> Pictures:
    rows = paths(folder)
    return open_pictures(rows, read_headers(rows), channels, side, Cache(limit))


def entries() -> list[Path]:
    return sorted(Path(os.environ["ZOO_CACHE"], "arrays").glob("*/pixels.npy"))


# ---- pixels --------------------------------------------------------------------------------------------------------


def test_views_are_the_boxes_of_the_original_files(photographs: Path) -> None:
    views = RandomViews(pictures_of(photographs, side=64), (64, 64), mirrored=False)
    where = torch.tensor([3, 0, 20])
    torch.manual_seed(4)
    got = views[where]
    torch.manual_seed(4)
    boxes = draw_boxes(torch.from_numpy(views.pictures.shapes[where.numpy()])).tolist()
    for view, row, box in zip(got, where.tolist(), boxes, strict=True):
        whole = pil_to_tensor(Image.open(paths(photographs)[row]))
        expected = resized_crop(whole, *box, size=[64, 64], antialias=True)
        assert (view.int() - expected.int()).abs().max() <= 1


def test_half_of_the_views_are_mirrored(photographs: Path) -> None:
    pictures = pictures_of(photographs)
    where = torch.arange(N).repeat(20)
    torch.manual_seed(0)
    plain = RandomViews(pictures, (VIEW, VIEW), mirrored=False)[where]
    torch.manual_seed(0)
    views = RandomViews(pictures, (VIEW, VIEW), mirrored=True)[where]
    same = (views == plain).flatten(1).all(dim=1)
    turned = (views == plain.flip(-1)).flatten(1).all(dim=1)
    assert (same | turned).all()
    assert 0.4 < float(turned.float().mean()) < 0.6


def test_many_views_have_the_moments_of_torchvisions(shared_data: Path) -> None:
    """Mean, spread and sharpness, over photographs, against torchvision's pipeline on the files."""
    rows = paths(shared_data / "trashnet512_sub")[::6]
    views = RandomViews(open_pictures(rows, read_headers(rows), 3, 224, Cache(1)), (224, 224), mirrored=True)
    pipeline = v2.Compose([v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip()])
    torch.manual_seed(0)
    where = torch.arange(len(rows)).repeat(10)
    ours = views[where]
    originals = [Image.open(row).convert("RGB") for row in rows]
    theirs = torch.stack([pil_to_tensor(pipeline(originals[row])) for row in where.tolist()])
    for one, other in zip(moments(ours), moments(theirs), strict=True):
        tolerance = 4 * float((one.var() + other.var()).sqrt()) / len(where) ** 0.5
        assert abs(float(one.mean() - other.mean())) < tolerance
        assert float(one.mean()) == pytest.approx(float(other.mean()), rel=0.08)


def moments(images: Tensor) -> list[Tensor]:
    """Of each image: mean and spread of each channel, and mean step between neighbours, each (images,)."""
    floats = images.float()
    steps = [floats.diff(dim=dim).abs().mean(dim=(1, 2, 3)) for dim in (2, 3)]
    return [*floats.mean(dim=(2, 3)).unbind(1), *floats.std(dim=(2, 3)).unbind(1), *steps]


def test_large_pictures_are_kept_at_twice_the_size_of_a_view(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 800).astype(np.uint8), (600, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.jpg", quality=95)
    pictures = pictures_of(tmp_path, channels=1, side=50)
    assert pictures.shapes.tolist() == [[100, 133]]
    expected = np.interp(np.arange(133) * 800 / 133 + 2.5, np.arange(800), ramp[0])
    assert np.abs(pictures[0][50, :, 0] - expected).max() < 3


def test_orientation_and_modes_of_whole_pictures(tmp_path: Path) -> None:
    pixels = np.zeros((20, 40), dtype=np.uint8)
    pixels[:, :20] = 255  # white on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # turned clockwise: the left becomes the top
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, quality=95)
    Image.new("RGBA", (8, 6), (200, 0, 0, 0)).save(tmp_path / "b.png")
    Image.new("CMYK", (8, 6)).save(tmp_path / "c.jpg")
    rows = np.array([str(tmp_path / name) for name in ("a.jpg", "b.png", "c.jpg")], dtype=object)
    pictures = open_pictures(rows, read_headers(rows), 3, VIEW, Cache(0))
    assert pictures.shapes.tolist() == [[40, 20], [6, 8], [6, 8]]
    assert (pictures[0][:18] > 240).all()
    assert (pictures[0][22:] < 15).all()
    assert (pictures[1] == 255).all()
    assert (pictures[2] > 250).all()
    assert open_pictures(rows, read_headers(rows), 1, VIEW, Cache(0))[1].shape == (6, 8, 1)


# ---- where they are kept -------------------------------------------------------------------------------------------


def test_a_small_set_is_held_in_memory_and_nothing_is_written(photographs: Path) -> None:
    pictures = pictures_of(photographs)
    assert isinstance(pictures, KeptPictures)
    assert not isinstance(pictures.pixels, np.memmap)
    assert entries() == []


@pytest.mark.usefixtures("small_memory")
def test_memory_cache_and_files_give_the_same_batches(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mapped = module(photographs)
    decoded = module(photographs, cache_limit=0)
    kinds = [type(data.dataset("train").arrays["image"].pictures) for data in (mapped, decoded)]  # type: ignore[attr-defined]
    assert kinds == [KeptPictures, DecodedPictures]
    assert len(entries()) == 1
    monkeypatch.setattr(zoo.data.pixel_store, "SMALL_BYTES", 2**30)
    in_memory = train_images(module(photographs))
    assert torch.equal(train_images(mapped), in_memory)
    assert torch.equal(train_images(decoded), in_memory)
    for part in ("val", "test"):
        monkeypatch.setattr(zoo.data.pixel_store, "SMALL_BYTES", 0)
        batches = [next(iter(getattr(data, f"{part}_dataloader")())) for data in (mapped, decoded)]
        assert torch.equal(batches[0]["image"], batches[1]["image"])


@pytest.mark.usefixtures("small_memory")
def test_too_small_a_limit_is_said_once_and_epochs_run(photographs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = module(photographs, cache_limit=2**-20, val_fraction=0.2, test_fraction=0.0)
    epochs = [train_images(data) for _ in range(2)]
    assert capsys.readouterr().err == (
        "19 decoded images take 0.00 GiB and cannot be kept (data.cache_limit is 9.53674e-07 GiB): they are decoded "
        "again in each epoch\n"
    )
    assert epochs[0].shape == (19, 3, VIEW, VIEW)
    assert torch.equal(*epochs)  # the same seed
    assert entries() == []


@pytest.mark.usefixtures("small_memory")
def test_a_limit_that_holds_train_alone_keeps_it_from_start_to_start(
    photographs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train_images(module(photographs))
    (kept,) = entries()
    limit = (kept.stat().st_size + 2000) / 2**30  # of the pixels, and of what is noted about them
    before = kept.stat().st_mtime_ns
    for _ in range(2):
        monkeypatch.setattr("zoo.data.cache._in_use", set())
        data = module(photographs, cache_limit=limit)
        train_images(data)
        assert len(list(data.val_dataloader())) > 0
        assert entries() == [kept]
        assert kept.stat().st_mtime_ns == before
    assert capsys.readouterr().err.count("GiB more are not kept") == 1


@pytest.mark.usefixtures("small_memory")
def test_a_second_start_decodes_nothing(
    photographs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = train_images(module(photographs))
    assert "images are decoded once and kept (0.00 GiB in " in capsys.readouterr().err

    def refuse(*arguments: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr("zoo.data.pictures.decode_picture", refuse)
    assert torch.equal(train_images(module(photographs)), first)
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("small_memory")
def test_a_changed_file_is_seen(photographs: Path) -> None:
    data = module(photographs)
    before = train_images(data)
    for file in data.sources["train"].rows:
        Image.new("RGB", (60, 60), "white").save(file)
    after = train_images(module(photographs))
    assert not torch.equal(before, after)
    assert torch.equal(after, after[:1, :, :1, :1].expand_as(after))
    assert len(entries()) == 1
    assert torch.equal(train_images(data), before)  # what is mapped stays as it was


@pytest.mark.usefixtures("small_memory")
def test_a_kill_while_decoding_leaves_nothing_half(photographs: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"

    def decode_some(pictures: DecodedPictures, row: int) -> Any:
        if row == N // 3:
            started.touch()
            time.sleep(60)
        return decode_picture(pictures.rows[row], tuple(pictures.shapes[row]), 3)

    def start() -> None:
        DecodedPictures.__getitem__ = decode_some  # type: ignore[method-assign]
        pictures_of(photographs)

    worker = multiprocessing.get_context("fork").Process(target=start)
    worker.start()
    while not started.exists():
        time.sleep(0.01)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    parts = Path(os.environ["ZOO_CACHE"], "arrays", ".parts")
    assert list(parts.rglob("pixels.npy"))
    assert entries() == []
    kept = pictures_of(photographs)
    assert not list(parts.rglob("pixels.npy"))
    assert len(entries()) == 1
    direct = pictures_of(photographs, limit=0)
    assert all(np.array_equal(kept[row], direct[row]) for row in range(N))


@pytest.mark.usefixtures("small_memory")
def test_pixels_and_headers_that_go_while_a_run_starts_are_made_again(
    photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.data.headers.MANY", 1)
    rows = paths(photographs)
    headers, images = find_headers(rows, Cache(1)), train_images(module(photographs))
    for file in Path(os.environ["ZOO_CACHE"], "arrays").glob("*/*.npy"):
        file.unlink()
    assert find_headers(rows, Cache(1)) == headers
    assert torch.equal(train_images(module(photographs)), images)


@pytest.mark.usefixtures("small_memory")
def test_two_runs_at_once_share_one_entry(photographs: Path, tmp_path: Path) -> None:
    def start(number: int) -> None:
        torch.save(train_images(module(photographs)), tmp_path / f"{number}.pt")

    workers = [multiprocessing.get_context("fork").Process(target=start, args=(number,)) for number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    first, second = (torch.load(tmp_path / f"{number}.pt") for number in range(2))
    assert torch.equal(first, second)
    assert len(entries()) == 1


@pytest.mark.usefixtures("small_memory")
def test_a_cache_that_cannot_be_written_is_said(
    photographs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file"))
    assert train_images(module(photographs)).shape[1:] == (3, VIEW, VIEW)
    assert "decoded images cannot be kept there (Not a directory)\n" in capsys.readouterr().err


@pytest.mark.usefixtures("small_memory")
def test_unreadable_files_are_told_before_training_and_in_an_epoch(photographs: Path) -> None:
    data = module(photographs, cache_limit=0)
    train_images(data)
    file = Path(data.sources["train"].rows[2])
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(InputError, match=rf"^{file}: cannot be read \(.+\): replace or delete it$"):
        train_images(data)
    with pytest.raises(InputError, match=rf"^{file}: cannot be read \(.+\): replace or delete it$"):
        module(photographs).setup("fit")
    assert entries() == []


@pytest.mark.usefixtures("small_memory")
def test_mapped_pictures_travel_as_a_path(photographs: Path) -> None:
    pictures = pictures_of(photographs)
    sent = pickle.dumps(pictures)
    assert isinstance(pictures, KeptPictures)
    assert len(sent) < pictures.pixels.nbytes / 10
    received = pickle.loads(sent)
    assert isinstance(received.pixels, np.memmap)
    assert all(np.array_equal(received[row], pictures[row]) for row in range(N))


@pytest.mark.usefixtures("small_memory")
def test_fitted_images_are_mapped_too(photographs: Path) -> None:
    rows = paths(photographs)
    mapped = open_fitted(rows, Fit((16, 20), 3), Cache(1))
    decoded = open_fitted(rows, Fit((16, 20), 3), Cache(0))
    where = torch.tensor([5, 1, 1])
    assert isinstance(mapped, FittedMapped)
    assert isinstance(decoded, FittedOnDemand)
    assert len(entries()) == 1
    assert torch.equal(mapped[where], decoded[where])
    assert len(mapped) == len(decoded) == N
    assert len(pickle.dumps(mapped)) < 1000
    assert torch.equal(pickle.loads(pickle.dumps(mapped))[where], mapped[where])
    in_memory = decode(rows, Fit((16, 20), 3))
    assert torch.equal(mapped[torch.arange(N)], in_memory)


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="asks for the size of memory")
def test_a_map_may_be_larger_than_memory(tmp_path: Path) -> None:
    n_bytes = 3 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with (tmp_path / "pixels.npy").open("wb") as stream:
        header = {"descr": "|u1", "fortran_order": False, "shape": (n_bytes,)}
        np.lib.format.write_array_header_1_0(stream, header)
        stream.truncate(stream.tell() + n_bytes)  # a hole: takes no room
    assert map_pixels(tmp_path / "pixels.npy")[-1] == 0


def test_headers_of_many_files_are_read_once(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = paths(photographs)
    read = read_headers(rows)
    assert read[0] == (50, 60, False)
    monkeypatch.setattr("zoo.data.headers.MANY", N)
    assert find_headers(rows, Cache(1)) == read
    assert find_headers(rows, Cache(0)) == read
    monkeypatch.setattr("zoo.data.headers.read_headers", None)
    assert find_headers(rows, Cache(1)) == read


# ---- loader processes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_workers", [0, 2])
def test_draws_differ_between_rows_workers_and_epochs_and_a_seed_repeats_them(tmp_path: Path, num_workers: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (70, 70, 3), dtype=np.uint8)
    for number in range(N):  # the same picture every time
        file = tmp_path / "ab"[number % 2] / f"{number}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(noise).save(file)
    data = module(tmp_path, num_workers=num_workers, batch_size=5, test_fraction=0.0)
    first, second, again = (train_images(data, seed) for seed in (0, 1, 0))
    views = torch.cat([first, second]).flatten(1)
    assert len(torch.unique(views, dim=0)) == len(views)
    assert torch.equal(first, again)


# ---- the data module -----------------------------------------------------------------------------------------------


def test_photographs_get_random_views_by_default_and_val_does_not(photographs: Path) -> None:
    data = ImageDataModule(str(photographs), image_size=128)
    images: Any = data.dataset("train").arrays["image"]
    assert isinstance(images, RandomViews)
    assert images.mirrored
    assert isinstance(data.dataset("val").arrays["image"], Tensor)
    assert isinstance(ImageDataModule(str(photographs)).dataset("train").arrays["image"], Tensor)


def test_statistics_of_pictures_normalise_the_views(photographs: Path) -> None:
    data = module(photographs, batch_size=None)
    images = torch.cat([train_images(data, seed) for seed in range(20)])
    assert images.dtype == torch.float32
    assert abs(float(images.mean())) < 0.15
    assert 0.7 < float(images.std()) < 1.1  # views are smoother than pictures


def test_other_augmentations_follow_the_views(photographs: Path) -> None:
    plain = train_images(module(photographs, augment=["random_resized_crop"]))
    erased = train_images(module(photographs, augment=["random_resized_crop", "erase"]))
    same = (plain == erased).flatten(1).all(dim=1).float().mean()  # half of the images are erased
    assert 0.1 < float(same) < 0.99


def test_arrays_are_cut_after_they_were_fitted(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (40, 3, 20, 20), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", x=x, y=np.arange(40) % 2)
    data = ImageDataModule(str(tmp_path / "set.npz"), augment=["random_resized_crop"])
    assert isinstance(data.dataset("train").arrays["image"], Tensor)
    assert not torch.equal(train_images(data, 0), train_images(data, 1))


def test_a_restored_module_makes_the_same_views(photographs: Path) -> None:
    data = module(photographs)
    fresh = module(photographs)
    data.setup("fit")
    fresh.load_state_dict(data.state_dict())
    assert torch.equal(train_images(data), train_images(fresh))
