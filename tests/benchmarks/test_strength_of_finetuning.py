"""The benchmark of fine-tuning: its commands are real ones, its figures those of the run's predictions."""

import math
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.strength.finetune import PACKAGE, WAYS, gain, log_loss_of, markdown
from zoo.cli.fit import FitCLI

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("way", list(WAYS))
def test_a_way_is_a_command_that_builds(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "fine-tuned" and find_spec(PACKAGE) is None:
        pytest.skip(f"the package {PACKAGE} is not installed")
    monkeypatch.chdir(tmp_path)
    cli = FitCLI([*WAYS[way], "--trainer.logger", "false", "--trainer.precision", "32-true"])
    tuned = type(cli.model.network).__name__ == "TimmBackbone"
    assert tuned == (way == "fine-tuned")
    assert (cli.datamodule.encoder_state()["mean"] == [0.5] * 3) == tuned


def test_log_loss_is_that_of_the_true_class(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("index,target,prediction,p_a,p_b\nx/1.jpg,a,a,0.8,0.2\nx/2.jpg,b,a,0.6,0.4\n")
    assert log_loss_of(tmp_path / "p.csv") == pytest.approx(-(math.log(0.8) + math.log(0.4)) / 2)


def test_the_table_and_the_gain() -> None:
    row = {"set": "s", "seed": 0, "log_loss": 1.0, "epochs": 3, "seconds": 60.0}
    rows = [row | {"way": way, "accuracy": value} for way, value in zip(WAYS, (0.70, 0.85), strict=True)]
    assert gain(rows) == pytest.approx(15.0)
    assert markdown(rows).splitlines()[2:] == [
        "| s | from scratch | 70.0 | 1.000 | 3 | 60 | 1 |",
        "| s | fine-tuned | 85.0 | 1.000 | 3 | 60 | 1 |",
    ]
