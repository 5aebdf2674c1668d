"""Three fits, two lines; the fit that knows its time ends with its rate at the end, the one that is cut off does not."""

import pytest

from benchmarks.budget import run

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.slow
def test_both_ways_of_a_third_of_the_time_have_their_line(capsys: pytest.CaptureFixture[str]) -> None:
    results = run(True)
    assert [result.what for result in results] == [
        "error of 1 s annealed by time / of 3 s",
        "error of 1 s cut out of 3 s / of 3 s",
    ]
    assert all(ratio > 0 for result in results for ratio in result.ratios)
    said = capsys.readouterr().err
    rates = [float(line.rsplit(" ", 1)[1]) for line in said.splitlines() if line.startswith("accuracy")]
    assert len(rates) == 3
    assert rates[0] < 0.3 * rates[2]
    assert rates[1] < 0.3 * rates[2]
