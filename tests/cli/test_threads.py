"""Threads: physical cores, within the quota of a container, shared among processes; what the user set stands."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from zoo.cli import threads
from zoo.cli.threads import processes_here, usable_cores, use_cores


def topology(folder: Path, siblings: list[str]) -> Path:
    for processor, names in enumerate(siblings):
        file = folder / f"cpu{processor}" / "topology" / "thread_siblings_list"
        file.parent.mkdir(parents=True)
        file.write_text(names + "\n")
    return folder


@pytest.fixture(autouse=True)
def _four_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3}, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # so that the value of before comes back
    monkeypatch.delenv("OMP_NUM_THREADS")


def test_two_threads_of_a_core_count_once(tmp_path: Path) -> None:
    cores = topology(tmp_path / "cpu", ["0,2", "1,3", "0,2", "1,3"])
    assert usable_cores(tmp_path, cores) == 2
    assert usable_cores(tmp_path, tmp_path / "none") == 4


@pytest.mark.parametrize(("line", "cores"), [("max 100000", 4), ("250000 100000", 2), ("50000 100000", 1), ("?", 4)])
def test_the_quota_of_a_container(line: str, cores: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(line + "\n")
    assert usable_cores(tmp_path, tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores"), [("-1", 4), ("300000", 3)])
def test_the_quota_in_the_old_place(quota: str, cores: int, tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert usable_cores(tmp_path, tmp_path) == cores


def test_threads_are_lowered_and_shared_and_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(threads, "usable_cores", lambda: 4)
    use_cores()
    assert set_to == []
    assert "OMP_NUM_THREADS" not in os.environ
    use_cores(processes=2)
    assert set_to == [2]
    assert os.environ["OMP_NUM_THREADS"] == "2"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    use_cores(processes=4)
    assert set_to == [2]


@pytest.mark.parametrize(("devices", "n"), [(2, 2), (1, 1), ("auto", 1), ([0], 1)])
def test_processes_of_a_distributed_run_on_the_cpu_share_it(devices: object, n: int) -> None:
    assert processes_here(SimpleNamespace(accelerator="cpu", devices=devices)) == n
    assert processes_here(SimpleNamespace(accelerator="cuda", devices=devices)) == 1
