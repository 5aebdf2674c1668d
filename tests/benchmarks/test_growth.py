"""The benchmark of growth measures four things at every size."""

from pathlib import Path

import pytest

from benchmarks import growth, tables


def test_every_result_is_there(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tables, "SHARED_DATA", shared_data)
    results = growth.run(small=True)
    assert [result.what.split(":")[0] for result in results] == [
        "start, seconds",
        "start, MiB",
        "epoch, seconds",
        "epoch, MiB",
    ]
    notes = capsys.readouterr().err
    assert all(f"of {size} rows" in notes for size in growth.SMALL_SIZES)


def test_twice_the_cost_a_row_is_two() -> None:
    assert growth.growth({10: 5.0, 110: 105.0, 510: 1005.0}, 10, 110, 510) == pytest.approx(2.0)
