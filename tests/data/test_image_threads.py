"""Work in threads: each number once, an end on the first error, and again after a fork."""

import multiprocessing
import threading

import pytest

from zoo.data.threads import for_each, n_threads


@pytest.mark.parametrize("n", [0, 1, 3, 1000])
def test_each_number_comes_once(n: int) -> None:
    seen: list[int] = []
    for_each(seen.append, n)
    assert sorted(seen) == list(range(n))


def test_an_error_is_raised_and_ends_what_has_not_begun() -> None:
    seen: list[int] = []
    others_may_go_on = threading.Event()

    def work(number: int) -> None:
        if number == 0:
            raise ValueError("the first")
        others_may_go_on.wait(0.001)
        seen.append(number)

    with pytest.raises(ValueError, match="the first"):
        for_each(work, 100_000)
    assert len(seen) < 50_000


def test_a_forked_process_has_threads_of_its_own() -> None:
    for_each(lambda number: None, 8)  # this process has its threads already

    def start() -> None:
        seen: list[int] = []
        for_each(seen.append, 8)
        raise SystemExit(len(seen))

    worker = multiprocessing.get_context("fork").Process(target=start)
    worker.start()
    worker.join(30)
    assert worker.exitcode == 8


def test_loader_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    class Worker:
        num_workers = n_threads() * 2

    monkeypatch.setattr("zoo.data.threads.get_worker_info", Worker)
    assert n_threads() == 1
