"""Size and colour of images before they are decoded: of files only the header is read, of many files only once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from zoo.data.cache import Cache
from zoo.data.decode import GREY_MODES, each_row, open_image
from zoo.data.pixel_store import fingerprint_of

SIDES_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap height and width
ORIENTATION = 0x0112  # EXIF tag
MANY = 5000  # files; a second or so to read
FILE = "headers.npy"


class Header(NamedTuple):
    """What is known of an image before it is decoded; sides as it stands upright."""

    height: int
    width: int
    is_grey: bool


def find_headers(rows: Any, cache: Cache) -> list[Header]:
    """As `read_headers`; those of many files are found in the cache at the next start.

    Raises:
        InputError: Files that are no images, naming the first.
    """
    fingerprint = fingerprint_of(rows) if len(rows) >= MANY else None
    if fingerprint is None:
        return read_headers(rows)

    def build(folder: Path) -> None:
        np.save(folder / FILE, np.array(read_headers(rows), dtype=np.int64))

    def read(folder: Path) -> list[Header]:
        return [Header(height, width, bool(is_grey)) for height, width, is_grey in np.load(folder / FILE).tolist()]

    try:
        found = cache.entry({"headers": 1, **fingerprint}, build, read, n_bytes=24 * len(rows))
    except OSError:  # said where the pixels cannot be kept either
        found = None
    return read_headers(rows) if found is None else found


def read_headers(rows: Any) -> list[Header]:
    """The header of each image. Arrays of one shape have one.

    Raises:
        InputError: Files that are no images, naming the first.
    """
    if rows.dtype == np.uint8:
        _, channels, height, width = rows.shape
        return [Header(height, width, channels == 1)]
    headers: dict[int, Header] = {}
    each_row(lambda place: _read_one(rows[place]), headers.__setitem__, rows)
    return [headers[place] for place in range(len(rows))]


def _read_one(row: Any) -> Header:
    with open_image(row) as image:
        width, height = image.size
        if image.getexif().get(ORIENTATION) in SIDES_TURNED:
            width, height = height, width
        return Header(height, width, image.mode in GREY_MODES or image.mode.startswith("I;16"))
