"""Pictures of a run: names as they are, and nothing lost where they cannot be drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.tables import write_csv
from tests.fits import tabular_columns
from zoo.cli.main import main

pytestmark = pytest.mark.filterwarnings("ignore")  # the command line shows users what matters; see zoo.cli.quiet

FIT = ["fit", "--config", "configs/mlp.yaml", "--trainer.max_epochs", "1", "--trainer.logger", "false", "--name", "run"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("names", [("$$", "$10-$20"), ("$", "\\alpha$\\bad{$")])
def test_names_with_dollars_are_no_formulas(names: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    columns = tabular_columns(60)
    columns["label"] = [names[value == "low"] for value in columns["label"]]
    file = write_csv(Path("t.csv"), columns)
    assert main([*FIT, "--data.path", file, "--data.target", "label", "--data.ignore", "[price]"]) == 0
    assert "figures:" not in capsys.readouterr().err
    assert {"confusion.png", "roc_pr.png", "curves.png"} <= {file.name for file in Path("runs/run/figures").iterdir()}


def test_a_target_column_with_dollars_is_named_in_the_picture(capsys: pytest.CaptureFixture[str]) -> None:
    columns = tabular_columns(60)
    columns["$$ paid"] = columns.pop("price")
    file = write_csv(Path("t.csv"), columns)
    words = ["--model", "MLPRegressor", "--data.path", file, "--data.target", "$$ paid", "--data.ignore", "[label]"]
    assert main([*FIT, *words]) == 0
    assert "figures:" not in capsys.readouterr().err
    assert Path("runs/run/figures/residuals.png").is_file()


@pytest.mark.parametrize("name", ["figures_of", "learning_curves"])
def test_what_cannot_be_drawn_is_said_and_costs_nothing_else(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*args: object) -> None:
        raise ValueError("no such glyph\nmore")

    monkeypatch.setattr(f"zoo.tracking.plots.{name}", failing)
    assert main([*FIT, "--data.path", "sample:wine"]) == 0
    assert "figures: ValueError: no such glyph; all but the pictures is there" in capsys.readouterr().err.splitlines()
    summary = json.loads(Path("runs/run/summary.json").read_text())
    assert (summary["status"], summary["test/accuracy"] > 0) == ("finished", True)
    assert Path("runs/run/predictions.csv").is_file()
