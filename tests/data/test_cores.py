"""Cores: physical ones, within the quota of a container, shared among the processes of a launcher."""

import os
from pathlib import Path

import pyarrow as pa
import pytest

from zoo.data import cores
from zoo.data.cores import arrow_threads, own_cores, usable_cores
from zoo.data.threads import n_threads


def topology(folder: Path, siblings: list[str]) -> Path:
    for processor, names in enumerate(siblings):
        file = folder / f"cpu{processor}" / "topology" / "thread_siblings_list"
        file.parent.mkdir(parents=True)
        file.write_text(names + "\n")
    return folder


@pytest.fixture(autouse=True)
def _four_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3}, raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)


def test_two_threads_of_a_core_count_once(tmp_path: Path) -> None:
    places = topology(tmp_path / "cpu", ["0,2", "1,3", "0,2", "1,3"])
    assert usable_cores(tmp_path, places) == 2
    assert usable_cores(tmp_path, tmp_path / "none") == 4


@pytest.mark.parametrize(("line", "n"), [("max 100000", 4), ("250000 100000", 2), ("50000 100000", 1), ("?", 4)])
def test_the_quota_of_a_container(line: str, n: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(line + "\n")
    assert usable_cores(tmp_path, tmp_path) == n


@pytest.mark.parametrize(("quota", "n"), [("-1", 4), ("300000", 3)])
def test_the_quota_in_the_old_place(quota: str, n: int, tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert usable_cores(tmp_path, tmp_path) == n


@pytest.mark.parametrize(("told", "n"), [("2", 4), ("3", 2), ("64", 1), ("", 8), ("many", 8)])
def test_decoders_and_readers_of_tables_share_the_cores_with_the_processes_beside(
    told: str, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "usable_cores", lambda: 8)
    monkeypatch.setattr(pa, "cpu_count", lambda: 64)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", told)
    assert own_cores() == n_threads() == arrow_threads() == n


def test_arrow_that_was_told_less_gets_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "usable_cores", lambda: 8)
    monkeypatch.setattr(pa, "cpu_count", lambda: 1)
    assert arrow_threads() == 1
