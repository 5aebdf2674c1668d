"""Decoded pixels of many images, one after the other in one flat array: in memory, or mapped from the cache.

files -> decoded once, in threads -> flat uint8 -> few: memory; many: KEY/pixels.npy in the cache, mapped

Mapped pixels may be more than memory holds: the system keeps what is used, and two processes share them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray

from zoo.data.cache import Cache, files_fingerprint
from zoo.data.decode import Pixels, each_row
from zoo.messages import say

SMALL_BYTES = 64 * 2**20  # held in memory, written nowhere
UNKEPT_BYTES = 2**30  # what the cache has no room for is held in memory up to here
FILE = "pixels.npy"


def keep_pixels(
    decode: Callable[[int], Pixels],
    offsets: NDArray[np.int64],
    rows: Any,
    *,
    cache: Cache,
    form: Mapping[str, Any],
) -> Pixels | None:
    """Decode every row, or find them decoded.

    Args:
        decode: The pixels of the row at a place.
        offsets: Where each row's pixels begin, and where the last end, (rows + 1,).
        rows: File paths, or what else is decoded; only files can be found again in the cache.
        cache: Where many pixels go.
        form: What the pixels depend on beside the files.

    Returns:
        All pixels, (offsets[-1],); None where there is no room for them: each batch is to be decoded anew.

    Raises:
        InputError: A file cannot be read.
    """
    n_bytes = int(offsets[-1])
    if n_bytes > SMALL_BYTES:
        cached = _cached(decode, offsets, rows, cache, form)
        if cached is not None:
            return cached
    if n_bytes > max(SMALL_BYTES, UNKEPT_BYTES):
        say(
            f"{len(rows)} decoded images take {n_bytes / 2**30:.2f} GiB and cannot be kept (data.cache_limit is "
            f"{cache.limit_bytes / 2**30:g} GiB): they are decoded again in each epoch"
        )
        return None
    pixels = np.empty(n_bytes, dtype=np.uint8)

    def put(place: int, decoded: Pixels) -> None:
        pixels[offsets[place] : offsets[place + 1]] = decoded.reshape(-1)

    each_row(decode, put, rows)
    return pixels


def fingerprint_of(rows: Any) -> dict[str, Any] | None:
    """Files, and what tells whether they, or the library that reads them, have changed; None where rows are no files."""
    if not all(isinstance(row, str) for row in rows):
        return None
    try:
        files = [str(Path(row).absolute()) for row in rows]
        return {"files": files, "fingerprint": files_fingerprint(files), "pillow": PIL.__version__}
    except OSError:  # a link that leads nowhere: told when it is read
        return None


def map_pixels(file: Path) -> Pixels:
    """Read-only: a map that could be written to must not be larger than memory on Linux."""
    pixels: Pixels = np.load(file, mmap_mode="r")
    return pixels


def _cached(
    decode: Callable[[int], Pixels], offsets: NDArray[np.int64], rows: Any, cache: Cache, form: Mapping[str, Any]
) -> Pixels | None:
    """All pixels, mapped from a file that was written now or before; None where there is no room for it."""
    fingerprint = fingerprint_of(rows)
    if fingerprint is None:
        return None

    def build(folder: Path) -> None:
        say(f"{len(rows)} images are decoded once and kept ({offsets[-1] / 2**30:.2f} GiB in {cache.folder})")
        _write(decode, offsets, rows, folder / FILE)

    def read(folder: Path) -> Pixels:
        return map_pixels(folder / FILE)

    try:
        return cache.entry({"pixels": dict(form), **fingerprint}, build, read, n_bytes=int(offsets[-1]))
    except OSError as error:  # a full disk, a folder that is not ours
        say(f"{cache.folder}: decoded images cannot be kept there ({error.strerror or error})")
        return None


def _write(decode: Callable[[int], Pixels], offsets: NDArray[np.int64], rows: Any, file: Path) -> None:
    """Written, not mapped: a full disk is then an error instead of the end of the process."""
    with file.open("wb") as stream:
        header = {"descr": "|u1", "fortran_order": False, "shape": (int(offsets[-1]),)}
        np.lib.format.write_array_header_1_0(stream, header)
        begin = stream.tell()
        stream.truncate(begin + int(offsets[-1]))
        at_work = threading.Lock()

        def put(place: int, decoded: Pixels) -> None:
            contiguous = np.ascontiguousarray(decoded)
            with at_work:
                stream.seek(begin + int(offsets[place]), os.SEEK_SET)
                stream.write(contiguous.data)

        each_row(decode, put, rows)
