"""RESULTS.md is what the command prints from the committed lines; the command lists its benchmarks."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks.strength import __main__ as strength
from benchmarks.strength.results import BENCHMARKS, PAGE
from benchmarks.strength.runs import MEASURED, ROOT


def test_the_page_is_remade_from_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert strength.main(["results"]) == 0
    assert capsys.readouterr().out == PAGE.read_text(), "python -m benchmarks.strength results > benchmarks/RESULTS.md"


def test_the_figures_of_the_readme_are_those_of_the_page() -> None:
    section = (ROOT / "README.md").read_text().partition("## Strength")[2].partition("\n## ")[0]
    told = re.findall(r"\b\d+\.\d+\b", section)
    known = set(re.findall(r"\b\d+\.\d+\b", PAGE.read_text()))
    assert len(told) > 20
    assert set(told) <= known


def test_the_lines_are_of_sets_that_have_a_bar() -> None:
    known = {name for benchmark in BENCHMARKS for name in benchmark.sets}
    for file in MEASURED.glob("*.jsonl"):
        assert {json.loads(line)["set"] for line in file.read_text().splitlines()} <= known


def test_help_lists_all_with_their_times(capsys: pytest.CaptureFixture[str]) -> None:
    assert strength.main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(f"  {one.name} " in told and one.time in told for one in BENCHMARKS)
    assert strength.main(["tabulr"]) == 2
