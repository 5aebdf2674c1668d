"""Who works on a study: a lock that the system opens when its process is gone, however it ended."""

from __future__ import annotations

import secrets
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout


class Presence:
    """A file in the study's folder that is locked as long as this process lives.

    Args:
        folder: Of the study.
    """

    def __init__(self, folder: Path) -> None:
        self.place = folder / "workers"
        self.name = secrets.token_hex(4)
        self._lock = FileLock(self.place / self.name)

    def __enter__(self) -> Presence:
        self.place.mkdir(parents=True, exist_ok=True)
        self._lock.acquire(timeout=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
        if kind is None:  # else a trial may still bear this name, and the file is what says that it is dead
            (self.place / self.name).unlink(missing_ok=True)


def is_dead(folder: Path, name: str) -> bool:
    """Whether a worker that locked its file in this folder is gone. False of one that works from elsewhere."""
    file = folder / "workers" / name
    if not name or not file.is_file():
        return False
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    file.touch()  # the library may have taken it away
    return True


def anyone_works(folder: Path) -> bool:
    """Whether a process works on the study from this folder."""
    return any(not is_dead(folder, file.name) for file in (folder / "workers").glob("*") if file.is_file())
