"""The front door's benchmark measures a real first step, and fails where a command does."""

import sys

import pytest

from benchmarks import front_door


@pytest.mark.slow
def test_it_gives_a_line_for_every_word_and_for_the_first_step() -> None:
    results = front_door.run(small=True)
    lines = [result.line() for result in results]
    assert len(lines) == len(front_door.LIGHT) + 1
    for words in front_door.LIGHT:
        assert any(f"zoo {words}: min" in line for line in lines)
    assert all(value > 0 for value in results[-1].ratios)


def test_a_command_that_fails_is_not_a_time() -> None:
    with pytest.raises(RuntimeError, match="exited with 3"):
        front_door.process(sys.executable, "-c", "raise SystemExit(3)")


def test_a_fit_that_makes_no_step_is_not_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_door, "FIT", ("fit", "--config", "nowhere.yaml"))
    with pytest.raises(RuntimeError, match="no config file nowhere.yaml"):
        front_door.first_step()
