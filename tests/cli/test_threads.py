"""Threads of torch: the cores, shared among processes; what the user set stands."""

import os
from types import SimpleNamespace

import pytest
import torch

from zoo.cli import threads
from zoo.cli.threads import processes_here, use_cores


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # so that the value of before comes back
    monkeypatch.delenv("OMP_NUM_THREADS")


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


def test_the_processes_that_a_launcher_started_share_the_cores_too(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(threads, "usable_cores", lambda: 8)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    use_cores()
    use_cores(processes=2)
    assert set_to == [2, 2]


@pytest.mark.parametrize(("devices", "n"), [(2, 2), (1, 1), ("auto", 1), ([0], 1)])
def test_processes_of_a_distributed_run_on_the_cpu_share_it(devices: object, n: int) -> None:
    assert processes_here(SimpleNamespace(accelerator="cpu", devices=devices)) == n
    assert processes_here(SimpleNamespace(accelerator="cuda", devices=devices)) == 1
