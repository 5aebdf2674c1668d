"""Where images come from: class folders, `train/val/test` folders, `.npz` files, or a set by name -> `Source`.

Files stay paths here and are decoded by `zoo.data.image`; arrays become uint8 (images, channels, height, width).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from zoo.data.parts import PARTS, find_parts
from zoo.data.source import Source
from zoo.errors import InputError, did_you_mean
from zoo.messages import say

PHOTO_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".jp2", ".gif")
RAW_ENDINGS = (".bmp", ".tif", ".tiff", ".tga", ".ppm", ".pgm", ".pbm", ".pnm")
IMAGE_ENDINGS = frozenset({*PHOTO_ENDINGS, *RAW_ENDINGS})
HIDDEN = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
ARRAY_HELP = "x holds images as (n, h, w), (n, h, w, c) or (n, c, h, w) with 1, 3 or 4 channels"
FOLDER_HELP = "put the images of each class into a folder of its own (FOLDER/CLASS/*.jpg)"

Targets = tuple[tuple[pa.Array, ...], tuple[str, ...]]


def read_images(path: str, *, with_target: bool) -> dict[str, Source]:
    """The sources at a path: `{"all": ...}`, or some of `train`, `val`, `test`.

    Without a target wanted, a single image or a folder without classes will do.

    Raises:
        InputError: Nothing is there, or what is there holds no images in a form that is known.
    """
    if path.startswith(("sample:", "torchvision:")):
        from zoo.data.image_samples import read_sample, read_torchvision  # they make sources with this module

        return read_sample(path) if path.startswith("sample:") else read_torchvision(path)
    place = Path(path).expanduser()
    if not place.exists():
        raise InputError(f"{path}: no such file or folder{_nearest(place)}")
    if place.is_dir():
        arrays = find_parts(place, (".npz",))
        if arrays:
            return {part: read_npz(file, with_target=with_target) for part, file in arrays.items()}
        return _labelled_folder(place) if with_target else {"all": _folder_to_predict(place)}
    if place.suffix.lower() == ".npz":
        return {"all": read_npz(place, with_target=with_target)}
    if place.suffix.lower() not in IMAGE_ENDINGS:
        raise InputError(f"{path}: not an image, an .npz file or a folder")
    if with_target:
        raise InputError(f"{path}: a single image has no class: {FOLDER_HELP}")
    return {"all": _file_source([place], place.parent, None, path)}


# ---- folders -----------------------------------------------------------------------------------------------------


def _labelled_folder(root: Path) -> dict[str, Source]:
    folders = _subfolders(root)
    parts = {part: folder for folder in folders if (part := _part_name(folder)) is not None}
    nested = {part: folder for part, folder in parts.items() if _subfolders(folder)}
    if not nested:
        if parts and len(parts) == len(folders):  # else "train" is a class, beside "bus" and "car"
            raise InputError(f"{root}: no class folders in {_listed(parts.values())}: {FOLDER_HELP}")
        return {"all": _class_folders(root, root)}
    for folder in folders:
        if folder not in nested.values():
            say(f"{root}: {folder.name}/ is not a part with class folders and is left out")
    return {part: _class_folders(folder, root) for part, folder in nested.items()}


def _class_folders(folder: Path, root: Path) -> Source:
    """Images of `folder/<class>/...`; names are counted from the root."""
    files: list[Path] = []
    classes: list[str] = []
    others = [entry for entry in sorted(folder.iterdir()) if entry.is_file() and not _is_hidden(entry.name)]
    loose = [file for file in others if file.suffix.lower() in IMAGE_ENDINGS]
    for class_folder in _subfolders(folder):
        images, rest = _files_below(class_folder)
        others += rest
        if not images:
            say(f"{folder}: class folder {class_folder.name!r} holds no image and is left out")
        files += images
        classes += [class_folder.name] * len(images)
    if not files:
        raise InputError(f"{folder}: {'images, but no class folders' if loose else 'no image found'}: {FOLDER_HELP}")
    _say_passed_over(folder, others)
    return _file_source(files, root, classes, str(folder))


def _folder_to_predict(folder: Path) -> Source:
    """Every image below the folder; the subfolder stands as its class, which may turn out to be none."""
    files, others = _files_below(folder)
    if not files:
        raise InputError(f"{folder}: no image found (such as .jpg or .png)")
    _say_passed_over(folder, others)
    inside = [file.relative_to(folder).parts for file in files]
    classes = [parts[0] for parts in inside] if all(len(parts) > 1 for parts in inside) else None
    return _file_source(files, folder, classes, str(folder))


def _file_source(files: Sequence[Path], root: Path, classes: list[str] | None, path: str) -> Source:
    rows = np.array([str(file) for file in files], dtype=object)
    names = np.array([file.relative_to(root).as_posix() for file in files], dtype=object)
    target, target_names = ((), ()) if classes is None else ((pa.array(classes, pa.string()),), ("class",))
    return Source(rows, target, target_names, np.arange(len(rows)), path, names)


def _files_below(folder: Path) -> tuple[list[Path], list[Path]]:
    """Images and other files of a folder and its subfolders, sorted; hidden ones are passed over."""
    images: list[Path] = []
    others: list[Path] = []
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        for name in files:
            if not _is_hidden(name):
                file = Path(place, name)
                (images if file.suffix.lower() in IMAGE_ENDINGS else others).append(file)
    return sorted(images), sorted(others)


def _subfolders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not _is_hidden(entry.name))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in HIDDEN


def _part_name(folder: Path) -> str | None:
    name = {"validation": "val", "valid": "val"}.get(folder.name.lower(), folder.name.lower())
    return name if name in PARTS else None


def _say_passed_over(folder: Path, others: Sequence[Path]) -> None:
    if len(others) == 1:
        say(f"{folder}: {others[0].name} is not an image of a class and is passed over")
    elif others:
        say(f"{folder}: {len(others)} files are not images of a class and are passed over ({others[0].name}, ...)")


def _listed(folders: Any) -> str:
    return ", ".join(f"{folder.name}/" for folder in folders)


def _nearest(place: Path) -> str:
    """What the user may have meant: the nearest name where the path stops to exist."""
    while not place.parent.exists():
        place = place.parent
    names = [entry.name for entry in place.parent.iterdir()] if place.parent.is_dir() else []
    meant = did_you_mean(place.name, [name for name in sorted(names) if not _is_hidden(name)]) if names else ""
    return f": {meant}" if meant.startswith("did") else f" ({place.parent}/ has no {place.name!r})"


# ---- arrays ------------------------------------------------------------------------------------------------------


def read_npz(file: Path, *, with_target: bool) -> Source:
    """Images `x` and targets `y` of an .npz file; `classes` names the ids of `y`, or its columns.

    Raises:
        InputError: An array is missing, or is not what it should be.
    """
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in ("x", "y", "classes") if name in stored}
            names = list(stored)
    except Exception as error:  # a broken archive raises BadZipFile, ValueError, EOFError, zlib.error, ...
        raise InputError(f"{file}: cannot be read as .npz of plain arrays ({' '.join(str(error).split())})") from error
    for name in ("x", "y") if with_target else ("x",):
        if name not in arrays:
            held = ", ".join(names) or "nothing"
            raise InputError(f"{file}: no array {name!r}, it holds {held}: np.savez(FILE, x=images, y=labels)")
    pixels = channels_first(arrays["x"], str(file))
    if "y" not in arrays:
        return array_source(pixels, (), (), str(file))
    if arrays["y"].ndim == 0 or len(arrays["y"]) != len(pixels):
        raise InputError(f"{file}: x has {len(pixels)} images but y has shape {arrays['y'].shape}")
    classes = None if "classes" not in arrays else [_word(name) for name in arrays["classes"].ravel()]
    return array_source(pixels, *_targets(arrays["y"], classes, file), str(file))


def array_source(
    pixels: NDArray[np.uint8], target: tuple[pa.Array, ...], target_names: tuple[str, ...], path: str
) -> Source:
    """A source of uint8 images (images, channels, height, width)."""
    return Source(pixels, target, target_names, np.arange(len(pixels)), path)


def channels_first(images: NDArray[Any], where: str) -> NDArray[np.uint8]:
    """Images of any known layout and number range as uint8 (images, channels, height, width), without alpha.

    Raises:
        InputError: Another number of dimensions or channels, or numbers that are no pixels.
    """
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[3] in (1, 3, 4):
        images = images.transpose(0, 3, 1, 2)
    elif images.ndim != 4 or images.shape[1] not in (1, 3, 4):
        raise InputError(f"{where}: {ARRAY_HELP}, got shape {images.shape}")
    if images.size == 0:
        raise InputError(f"{where}: x holds no pixels, its shape is {images.shape}")
    try:
        if images.dtype == np.uint16 and 1 < images.max() <= 255:  # scaling would turn all of it black
            raise ValueError(f"x is uint16 but no pixel is above {images.max()}: save it as uint8")
        pixels = to_uint8(images)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    return np.ascontiguousarray(over_white(pixels) if pixels.shape[1] == 4 else pixels)


def to_uint8(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Pixels as 0-255: uint8 and 0-255 as they are, 0-1 (floats, booleans) times 255, uint16 as 65535 -> 255.

    Example:
        >>> to_uint8(np.array([0.0, 0.5, 1.0])).tolist(), to_uint8(np.array([0, 65535], np.uint16)).tolist()
        ([0, 128, 255], [0, 255])
    """
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind not in "buif":
        raise ValueError(f"pixels must be numbers, got {pixels.dtype}")
    low, high = float(pixels.min()), float(pixels.max())
    if pixels.dtype == np.uint16:
        return np.rint(pixels * np.float32(255 / 65535)).astype(np.uint8)
    if not (low >= 0 and high <= 255):  # NaN too
        raise ValueError(f"pixels must be 0 to 255 or 0 to 1, got {low:g} to {high:g}")
    is_share = pixels.dtype.kind in "bf" and high <= 1
    scaled: NDArray[np.uint8] = np.rint(pixels * np.float32(255) if is_share else pixels).astype(np.uint8)
    return scaled


def over_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA (images, 4, height, width) laid over white -> RGB (images, 3, height, width)."""
    alpha = pixels[:, 3:].astype(np.float32) / 255
    colors: NDArray[np.uint8] = np.rint(pixels[:, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return colors


def _targets(y: NDArray[Any], classes: list[str] | None, file: Path) -> Targets:
    """`y` of an .npz as columns: whole numbers and words are classes, fractions numbers, 0/1 columns labels."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 1:
        return (_one_column(y, classes, file),), ("y",)
    if y.ndim != 2:
        raise InputError(f"{file}: y must be (n,) or (n, columns), got shape {y.shape}")
    names = classes or [f"y{column}" for column in range(y.shape[1])]
    if len(names) != y.shape[1]:
        raise InputError(f"{file}: y has {y.shape[1]} columns but classes has {len(names)} names")
    return tuple(pa.array(column, from_pandas=True) for column in y.T), tuple(names)


def _one_column(y: NDArray[Any], classes: list[str] | None, file: Path) -> pa.Array:
    if y.dtype.kind in "iu" and classes:
        if y.min() < 0 or y.max() >= len(classes):
            raise InputError(f"{file}: y holds {y.min()} to {y.max()} but classes has {len(classes)} names")
        return pa.array([classes[label] for label in y])
    # Whole numbers are written as words: they are classes here, however many there are.
    return pa.array(y, from_pandas=True) if y.dtype.kind in "fb" else pa.array([_word(label) for label in y])


def _word(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
