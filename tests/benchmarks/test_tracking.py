"""Both ways of the tracking benchmark run whole commands, and a command that fails is no time."""

from pathlib import Path

import pytest

from benchmarks import tracking


@pytest.mark.slow
def test_it_gives_a_line_for_all_loggers_and_one_without_wandb() -> None:
    results = tracking.run(True)
    assert [result.what.split(": ")[1] for result in results] == [
        "all loggers / logger false",
        "without W&B / logger false",
    ]
    assert [result.bar for result in results] == [1.10, None]
    assert all(value > 0 for result in results for value in result.ratios)


def test_a_fit_that_fails_is_not_a_time(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="exited with 2"):
        tracking.fit(tmp_path / "nowhere.parquet", 1, [])
