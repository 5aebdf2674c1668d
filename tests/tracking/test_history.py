"""metrics.csv as it is read back, whole and torn."""

from __future__ import annotations

from pathlib import Path

import pytest

import zoo
from tests.fake_runs import fake_run
from zoo.comparing.page.content import content
from zoo.tracking.history import read_metrics
from zoo.tracking.metrics_csv import MetricsCSV

FIRST = {"step": 1.0, "val/loss": 0.5}


@pytest.mark.parametrize("torn", ["2", "2,", "2,0.", "2,0.25", "2,0.\x00\x00\r\n", "2,0.1,3\r\n", "2\r\n", "\xff\r\n"])
def test_a_row_that_is_not_whole_is_left_out(tmp_path: Path, torn: str) -> None:
    file = tmp_path / "metrics.csv"
    file.write_bytes(f"step,val/loss\r\n1,0.5\r\n{torn}".encode("latin-1"))
    assert read_metrics(file) == [FIRST]


@pytest.mark.parametrize("text", ["", "st", "step,val/loss\r\n"])
def test_no_row_yet(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.csv").write_text(text)
    assert read_metrics(tmp_path / "metrics.csv") == []


def test_a_torn_history_ends_no_comparison(tmp_path: Path) -> None:
    fake_run(tmp_path, "whole")
    killed = fake_run(tmp_path, "killed", seed=1)
    (killed / "summary.json").unlink()
    file = killed / "metrics.csv"
    file.write_bytes(file.read_bytes() + b"40,3,1e")
    comparison = zoo.compare(tmp_path)
    run = next(run for run in comparison.runs if run.name == "killed")
    assert run.summary["epoch"] == 2.0
    assert content(comparison)["runs"]


def test_a_run_that_was_killed_in_a_row_goes_on_behind_whole_ones(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    file.write_bytes(b"step,val/loss\r\n1,0.5\r\n2")
    logger = MetricsCSV(file)
    logger.cut(2)
    logger.log_metrics({"val/loss": 0.25}, step=2)
    logger.finalize("success")
    assert read_metrics(file) == [FIRST, {"step": 2.0, "val/loss": 0.25}]
