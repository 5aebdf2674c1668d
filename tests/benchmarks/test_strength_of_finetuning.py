"""The benchmark of fine-tuning: its commands are real ones."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks.strength.finetune import OWN, PACKAGE, TUNED, WAYS
from benchmarks.strength.runs import ROOT
from zoo.cli.fit_cli import FitCLI

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("way", list(WAYS))
def test_a_way_is_a_command_that_builds(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == TUNED and find_spec(PACKAGE) is None:
        pytest.skip(f"the package {PACKAGE} is not installed")
    monkeypatch.chdir(tmp_path)
    words = [str(ROOT / word) if word.endswith(".yaml") else word for word in WAYS[way]]
    cli = FitCLI([*words, "--trainer.logger", "false", "--trainer.precision", "32-true"])
    state = cli.datamodule.encoder_state()
    trainer: Any = cli.trainer
    assert (type(cli.model.network).__name__ == "TimmBackbone") == (way != OWN)
    assert (state["mean"] == [0.5] * 3) == (way == TUNED)  # else of the train rows
    assert any(callback.__class__.__name__ == "Unfreezing" for callback in trainer.callbacks) == (way == TUNED)
