"""The benchmark of pretrained encoders: its figures are those of the run's files, and its words are `zoo fit`'s."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.strength.pretrained import CONFIGS, ROOT, data_words, log_loss_of


def test_log_loss_is_that_of_the_true_classes(tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    file.write_text("index,target,prediction,p_0,p_1\n0,0,0,0.75,0.25\n1,1,0,0.5,0.5\n")
    assert log_loss_of(file) == pytest.approx(-(math.log(0.75) + math.log(0.5)) / 2)


def test_a_sets_own_validation_rows_are_used(tmp_path: Path) -> None:
    assert data_words(tmp_path) == ["--data.path", str(tmp_path)]
    (tmp_path / "dev.csv").touch()
    assert data_words(tmp_path)[2:4] == ["--data.val_path", str(tmp_path / "dev.csv")]


def test_the_configs_ship() -> None:
    assert all((ROOT / config).is_file() for config in CONFIGS)
