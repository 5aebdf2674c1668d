"""The benchmark of two processes: it runs, and both ways have the same losses."""

import pytest

from benchmarks import scaling


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one() -> None:
    losses, speed = scaling.run(small=True)
    assert losses.reached
    assert len(speed.ratios) == 2
    assert min(speed.ratios) > 0
