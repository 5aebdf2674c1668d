"""The cache: whole entries or none, built once, bounded, swept after a kill."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zoo.data import cache as cache_file
from zoo.data.cache import Cache, files_fingerprint
from zoo.errors import InputError

MIB = 2**20


def saves(n_bytes: int, note: Path | None = None) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        if note is not None:
            with note.open("a") as stream:
                stream.write("built\n")
        np.save(folder / "x.npy", np.zeros(n_bytes, np.uint8))

    return build


def there(folder: Path) -> Path:
    """Opens an entry as a run does."""
    np.load(folder / "x.npy", mmap_mode="r")
    return folder


def entry(cache: Cache, name: str, n_bytes: int = MIB, note: Path | None = None) -> Path | None:
    return cache.entry({"name": name}, saves(n_bytes, note), there, n_bytes=n_bytes)


def another_run() -> None:
    """From here on it is as if another process went on: nothing is in use by this one."""
    cache_file._in_use.clear()


def kill_when_ready(start: Callable[[], None], ready: Path) -> None:
    """Start a process, and kill it as soon as a file is there."""
    worker = multiprocessing.get_context("fork").Process(target=start)
    worker.start()
    while not ready.exists():
        assert worker.is_alive()
        time.sleep(0.01)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()


def test_an_entry_is_built_once_and_found_again(tmp_path: Path) -> None:
    note = tmp_path / "note"
    first, second = (entry(Cache(1, tmp_path / "cache"), "a", note=note) for _ in range(2))
    assert first == second
    assert first is not None
    assert len(np.load(first / "x.npy", mmap_mode="r")) == MIB
    assert note.read_text() == "built\n"


@pytest.mark.parametrize("n_bytes", [0, 5, 200])
def test_a_torn_entry_is_built_anew(tmp_path: Path, n_bytes: int) -> None:
    cache = Cache(1, tmp_path)
    found = entry(cache, "a")
    assert found is not None
    another_run()
    file = found / "x.npy"
    file.write_bytes(file.read_bytes()[:n_bytes])
    assert cache.find({"name": "a"}, there) is None
    assert entry(cache, "a") == found
    assert len(np.load(file, mmap_mode="r")) == MIB


def test_an_entry_that_was_dropped_is_gone_and_not_in_use(tmp_path: Path) -> None:
    cache = Cache(1.5 / 1024, tmp_path)
    found = entry(cache, "a")
    cache.drop({"name": "a"})
    cache.drop({"name": "a"})
    assert found is not None
    assert not found.exists()
    assert cache.find({"name": "a"}, there) is None
    assert entry(cache, "b") is not None  # which would not fit beside it


def test_no_room_at_all_builds_nothing(tmp_path: Path) -> None:
    note = tmp_path / "note"
    assert entry(Cache(0.5 / 1024, tmp_path / "cache"), "a", note=note) is None
    assert entry(Cache(0, tmp_path / "cache"), "a", n_bytes=1, note=note) is None
    assert not note.exists()


def test_the_entry_used_longest_ago_makes_room(tmp_path: Path) -> None:
    cache = Cache(2.5 / 1024, tmp_path)
    old, used = entry(cache, "old"), entry(cache, "used")
    assert old is not None
    assert used is not None
    os.utime(old, (1, 1))
    os.utime(used, (0, 0))
    assert entry(cache, "used") == used  # now the youngest
    another_run()
    new = entry(cache, "new")
    assert new is not None
    assert (old.exists(), used.exists(), new.exists()) == (False, True, True)


def test_what_this_run_uses_does_not_make_room_and_that_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache, note = Cache(1.5 / 1024, tmp_path / "cache"), tmp_path / "note"
    used = entry(cache, "used")
    assert used is not None
    for _ in range(2):
        assert entry(Cache(1.5 / 1024, tmp_path / "cache"), "new", note=note) is None
    assert used.exists()
    assert not note.exists()  # not even built
    assert capsys.readouterr().err == (
        f"{tmp_path / 'cache'}: 0.00 GiB more are not kept (data.cache_limit is 0.00146484 GiB, and 0.00 GiB are in use)\n"
    )
    another_run()
    assert entry(cache, "new", note=note) is not None
    assert not used.exists()


def test_a_build_that_fails_takes_nothing_away(tmp_path: Path) -> None:
    cache = Cache(1.5 / 1024, tmp_path)
    old = entry(cache, "old")
    another_run()

    def build(folder: Path) -> None:
        raise InputError("no such column")

    with pytest.raises(InputError, match="no such column"):
        cache.entry({"name": "new"}, build, there, n_bytes=MIB)
    assert old is not None
    assert old.exists()


def test_the_true_size_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = Cache(2.5 / 1024, tmp_path)
    first, second = entry(cache, "first"), entry(cache, "second")
    assert first is not None
    assert second is not None
    os.utime(first, (0, 0))
    another_run()
    assert cache.entry({"name": "small"}, saves(MIB), there, n_bytes=1) is not None
    assert (first.exists(), second.exists()) == (False, True)
    another_run()
    assert cache.entry({"name": "large"}, saves(3 * MIB), there, n_bytes=1) is None
    assert "0.00 GiB more are not kept" in capsys.readouterr().err
    assert second.exists()
    assert len(list(tmp_path.rglob("x.npy"))) == 2


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise InputError("a torn file")

    with pytest.raises(InputError, match="torn"):
        Cache(1, tmp_path).entry({"name": "a"}, build, there, n_bytes=1)
    assert [place for place in tmp_path.rglob("*") if place.is_file() and ".locks" not in place.parts] == []
    assert entry(Cache(1, tmp_path), "a") is not None


def test_what_a_killed_build_left_is_swept_up(tmp_path: Path) -> None:
    def build_for_ever(ready: Path) -> None:
        def build(folder: Path) -> None:
            (folder / "half").write_text("x")
            ready.touch()
            time.sleep(60)

        Cache(1, tmp_path / "cache").entry({"name": "killed"}, build, there, n_bytes=1)

    kill_when_ready(lambda: build_for_ever(tmp_path / "ready"), tmp_path / "ready")
    assert list((tmp_path / "cache").rglob("half"))
    assert entry(Cache(1, tmp_path / "cache"), "another") is not None
    assert not list((tmp_path / "cache").rglob("half"))
    assert entry(Cache(1, tmp_path / "cache"), "killed") is not None


def test_a_kill_while_an_entry_is_taken_away_leaves_none_that_is_half_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(1.5 / 1024, tmp_path / "cache")
    assert entry(cache, "old") is not None
    another_run()

    def remove_half(folder: Path, **options: bool) -> None:
        for file in folder.rglob("x.npy"):
            file.unlink()
            (tmp_path / "ready").touch()
            time.sleep(60)

    def start() -> None:
        monkeypatch.setattr("shutil.rmtree", remove_half)
        entry(cache, "new")

    kill_when_ready(start, tmp_path / "ready")
    assert not list((tmp_path / "cache").glob("*/made_from.json"))  # its name is gone before its files are
    assert entry(cache, "old") is not None
    monkeypatch.setattr(cache, "limit_bytes", 10 * MIB)
    assert entry(cache, "another") is not None
    assert not list((tmp_path / "cache" / ".parts").iterdir())


def test_an_entry_without_its_mark_or_a_file_is_built_again(tmp_path: Path) -> None:
    for lost in ("made_from.json", "x.npy"):
        found = entry(Cache(1, tmp_path), "a")
        assert found is not None
        (found / lost).unlink()
        assert entry(Cache(1, tmp_path), "a") == found
        assert (found / lost).is_file()


def test_an_entry_that_is_taken_away_while_a_run_opens_it_is_built_again(tmp_path: Path) -> None:
    cache, other = (Cache(1.5 / 1024, tmp_path) for _ in range(2))
    assert entry(cache, "a") is not None
    another_run()
    opened: list[str] = []

    def read(folder: Path) -> int:
        opened.append(folder.name)
        if len(opened) == 1:  # another run makes room at this moment
            worker = multiprocessing.get_context("fork").Process(target=entry, args=(other, "b"))
            worker.start()
            worker.join()
        return len(np.load(folder / "x.npy", mmap_mode="r"))

    assert cache.entry({"name": "a"}, saves(MIB), read, n_bytes=MIB) == MIB
    assert len(opened) == 2


def test_two_runs_that_start_at_once_build_it_once(tmp_path: Path) -> None:
    note = tmp_path / "note"

    def start() -> None:
        def build(folder: Path) -> None:
            with note.open("a") as stream:
                stream.write("built\n")
            time.sleep(0.3)
            np.save(folder / "x.npy", np.zeros(3))

        found = Cache(1, tmp_path / "cache").entry({"name": "a"}, build, there, n_bytes=24)
        assert found is not None
        assert len(np.load(found / "x.npy")) == 3

    workers = [multiprocessing.get_context("fork").Process(target=start) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert note.read_text() == "built\n"


@pytest.mark.parametrize("patience", [0.1, 30])
def test_waiting_for_another_run_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], patience: float
) -> None:
    monkeypatch.setattr(cache_file, "PATIENCE", patience)
    ready, cache = tmp_path / "ready", Cache(1, tmp_path / "cache")

    def build_slowly(folder: Path) -> None:
        ready.touch()
        time.sleep(0.5)
        saves(1)(folder)

    def start() -> None:
        cache.entry({"name": "a"}, build_slowly, there, n_bytes=1)

    worker = multiprocessing.get_context("fork").Process(target=start)
    worker.start()
    while not ready.exists():
        time.sleep(0.01)
    assert entry(cache, "a", 1) is not None
    worker.join()
    line = f"another process is making the data that this one needs, in {tmp_path / 'cache'}: waiting for it\n"
    assert capsys.readouterr().err == (line if patience < 0.5 else "")


def test_what_a_changed_file_made_goes_with_the_next_build_of_it(tmp_path: Path) -> None:
    a, b, c = (tmp_path / name for name in "abc")
    cache = Cache(1, tmp_path / "cache")

    def made(form: str, *files: Path) -> Path:
        made_from = {"form": form, "files": [str(file) for file in files], "fingerprint": files_fingerprint(files)}
        found = cache.entry(made_from, saves(1), there, n_bytes=1)
        assert found is not None
        return found

    for file in (a, b, c):
        file.write_text("1")
    of_a, of_both, of_b, of_c = made("x", a), made("x", a, b), made("x", b), made("x", c)
    a.write_text("22")
    c.unlink()
    new = made("y", a)
    assert [entry.exists() for entry in (of_a, of_both, of_b, of_c, new)] == [False, False, True, True, True]
    assert made("z", a).exists()
    assert new.exists()


def test_a_changed_file_has_another_fingerprint(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x\n1\n")
    before = files_fingerprint([file])
    assert files_fingerprint([file]) == before
    file.write_text("x\n2\n")
    os.utime(file, ns=(1, 1))
    assert files_fingerprint([file]) != before


def test_a_limit_below_nothing_is_told() -> None:
    with pytest.raises(InputError, match=r"data\.cache_limit is a number of GiB and must be at least 0, got -1"):
        Cache(-1)
