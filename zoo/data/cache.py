"""Encoded arrays on disk, found again by what they were made from.

what they were made from -> key -> folder/KEY/*.npy, memory-mapped -> the next start reads nothing else

An entry appears whole or not at all: it is built in a folder of another name and renamed, and it goes the same way. Two
runs that start at once build it once; the second waits. A build that was killed leaves no lock, and its rest is swept
up by the next start. When a new one is built, those go that were made from one of its files before that changed; and,
where there is no room, the oldest, but none that this process uses. One that goes while it is being opened was not there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import filelock
import platformdirs

from zoo import __version__
from zoo.errors import InputError
from zoo.messages import say, say_once

CACHE_FORMAT = 1  # of what the data modules write; another number or another version of zoo, another key
PATIENCE = 1.0  # seconds of waiting for another process, after which it is said
_LOCKS, _PARTS = ".locks", ".parts"
_MARK = "made_from.json"  # an entry without it is none
_GONE = ".gone"  # ends the name of what is on its way out

_in_use: set[Path] = set()  # entries that this process has opened: its arrays are mapped from them

Content = TypeVar("Content")


def cache_folder() -> Path:
    """`ZOO_CACHE`, else the user's cache folder of this system."""
    return Path(os.environ.get("ZOO_CACHE") or platformdirs.user_cache_dir("zoo"))


def files_fingerprint(files: Sequence[str | Path]) -> str:
    """A digest of paths, sizes and times of change: another one as soon as a file is written, added or removed."""
    digest = hashlib.sha256()
    for file in files:
        place = Path(file).absolute()
        facts = place.stat()
        digest.update(f"{place}\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode())
    return digest.hexdigest()


class Cache:
    """A folder of entries, bounded in size.

    Args:
        limit: Gibibytes that all entries together may take; one comes on top while it is built. 0 keeps nothing.
        folder: Where to; None takes `arrays` in `cache_folder()`.

    Raises:
        InputError: The limit is below 0.

    Example:
        >>> import tempfile, numpy as np
        >>> cache = Cache(limit=1, folder=tempfile.mkdtemp())
        >>> def build(folder: Path) -> None:
        ...     np.save(folder / "x.npy", np.arange(3))
        >>> def read(folder: Path) -> np.ndarray:
        ...     return np.load(folder / "x.npy", mmap_mode="r")
        >>> cache.entry({"made from": "a file"}, build, read, n_bytes=24)
        memmap([0, 1, 2])
    """

    def __init__(self, limit: float, folder: str | Path | None = None) -> None:
        if not limit >= 0:
            raise InputError(f"data.cache_limit is a number of GiB and must be at least 0, got {limit}")
        self.limit_bytes = int(limit * 2**30)
        self.folder = (Path(folder) if folder is not None else cache_folder() / "arrays").absolute()

    def find(self, made_from: Mapping[str, Any], read: Callable[[Path], Content]) -> Content | None:
        """What `read` makes of an entry's folder, if it is there; it counts as used.

        One that cannot be read, as after a loss of power, is as good as missing: it is built anew.
        """
        entry = self.folder / _key(made_from)
        if self.limit_bytes == 0 or not (entry / _MARK).is_file():
            return None
        with suppress(OSError):  # taken away at this moment, or not ours to touch
            os.utime(entry)
        try:
            content = read(entry)
        except (FileNotFoundError, EOFError):
            return None
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            return None
        _in_use.add(entry)
        return content

    def entry(
        self,
        made_from: Mapping[str, Any],
        build: Callable[[Path], None],
        read: Callable[[Path], Content],
        *,
        n_bytes: int,
    ) -> Content | None:
        """The content of an entry; built first where it is not there yet.

        Args:
            made_from: All that its content depends on, as plain values; of files, their absolute paths as `files` and
                `files_fingerprint` of them as `fingerprint`.
            build: Writes the content into the (empty) folder that it is given.
            read: Opens all that is needed of an entry's folder; another run may take it away afterwards.
            n_bytes: What it is going to take, give or take a little.

        Returns:
            What `read` gave, or None where it does not fit into the limit beside what this process uses.
        """
        found = self.find(made_from, read)
        if found is not None or n_bytes > self.limit_bytes or not self._fits(n_bytes):
            return found
        key = _key(made_from)
        with self._hold(key):
            found = self.find(made_from, read)  # another process built it while this one waited
            if found is not None:
                return found
            part = self.folder / _PARTS / key
            shutil.rmtree(part, ignore_errors=True)  # what a kill left
            part.mkdir(parents=True)
            self._sweep()
            try:
                build(part)
                (part / _MARK).write_text(json.dumps(made_from, indent=2, default=str))
                self._take_outdated(made_from.get("files", ()))
                if self._make_room(_size(part)):
                    self._take_away(self.folder / key)  # what lacks a file
                    part.rename(self.folder / key)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        return self.find(made_from, read)

    def drop(self, made_from: Mapping[str, Any]) -> None:
        """Take an entry away, if it is there."""
        (self.folder / _PARTS).mkdir(parents=True, exist_ok=True)
        self._take_away(self.folder / _key(made_from))

    def _fits(self, n_bytes: int, n_others: int = 0) -> bool:
        """Whether so many bytes fit beside what this process uses, and other builds; if not, that is said."""
        used = n_others + sum(_size(entry) for entry in _in_use if entry.parent == self.folder)
        if used + n_bytes <= self.limit_bytes:
            return True
        say_once(
            f"{self.folder}: {n_bytes / 2**30:.2f} GiB more are not kept (data.cache_limit is "
            f"{self.limit_bytes / 2**30:g} GiB, and {used / 2**30:.2f} GiB are in use)"
        )
        return False

    def _make_room(self, n_bytes: int) -> bool:
        """Take the oldest entries away until `n_bytes` fit; False, and none is taken, where they cannot."""
        n_others = self._sweep()
        if not self._fits(n_bytes, n_others):
            return False
        sizes = {entry: _size(entry) for entry in self._entries()}
        total = n_bytes + n_others + sum(sizes.values())
        for entry in sorted(sizes.keys() - _in_use, key=_last_used):
            if total <= self.limit_bytes:
                break
            if self._take_away(entry):
                total -= sizes[entry]
        return total <= self.limit_bytes

    def _take_outdated(self, files: Iterable[str]) -> None:
        """Take away what was made from one of these files and from a state of its files that is no more."""
        wanted = set(files)
        for entry in self._entries() if wanted else ():
            with suppress(OSError, ValueError):  # taken away at this moment, or no entry
                other = json.loads((entry / _MARK).read_text())
                if not wanted.isdisjoint(other.get("files", ())) and _is_outdated(other):
                    self._take_away(entry)

    def _entries(self) -> list[Path]:
        return [entry for entry in self.folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]

    def _sweep(self) -> int:
        """Remove what was left by builds and removals that were killed; the bytes so far of builds at work elsewhere."""
        n_bytes = 0
        for part in (self.folder / _PARTS).iterdir():
            if part.suffix == _GONE:
                shutil.rmtree(part, ignore_errors=True)
                continue
            lock = self._lock(part.name)
            if lock.is_locked:  # this very build
                continue
            try:
                with lock.acquire(timeout=0):
                    shutil.rmtree(part, ignore_errors=True)
            except filelock.Timeout:
                n_bytes += _size(part)
        return n_bytes

    def _take_away(self, entry: Path) -> bool:
        """Remove an entry: its name is gone at once, whatever happens then. False where it may not be touched.

        A run that has its arrays mapped keeps them: the files go when it lets them go.
        """
        gone = self.folder / _PARTS / f"{entry.name}-{uuid4().hex}{_GONE}"
        try:
            entry.rename(gone)
        except FileNotFoundError:  # another process was first
            return True
        except OSError:
            return False
        _in_use.discard(entry)
        shutil.rmtree(gone, ignore_errors=True)
        return True

    def _hold(self, key: str) -> AbstractContextManager[object]:
        """The right to build an entry, until the end of the `with`; waiting for another process is said."""
        lock = self._lock(key)
        try:
            return lock.acquire(timeout=PATIENCE)
        except filelock.Timeout:
            say(f"another process is making the data that this one needs, in {self.folder}: waiting for it")
            return lock.acquire()

    def _lock(self, key: str) -> filelock.BaseFileLock:
        locks = self.folder / _LOCKS
        locks.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(locks / key, is_singleton=True)


def _key(made_from: Mapping[str, Any]) -> str:
    facts = {name: value for name, value in made_from.items() if name != "files"}  # many; the fingerprint tells them
    described = json.dumps({"format": CACHE_FORMAT, "zoo": __version__, **facts}, sort_keys=True, default=str)
    return hashlib.sha256(described.encode()).hexdigest()[:32]


def _is_outdated(made_from: Mapping[str, Any]) -> bool:
    """Whether a file has changed since, or is no more."""
    try:
        return bool(files_fingerprint(made_from["files"]) != made_from["fingerprint"])
    except FileNotFoundError:
        return True


def _size(folder: Path) -> int:
    try:
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    except FileNotFoundError:  # taken away by another process
        return 0


def _last_used(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
