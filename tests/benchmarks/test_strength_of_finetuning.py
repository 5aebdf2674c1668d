"""The benchmark of fine-tuning: its commands are real ones."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.strength.finetune import PACKAGE, WAYS
from benchmarks.strength.runs import ROOT
from zoo.cli.fit_cli import FitCLI

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("way", list(WAYS))
def test_a_way_is_a_command_that_builds(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "fine-tuned" and find_spec(PACKAGE) is None:
        pytest.skip(f"the package {PACKAGE} is not installed")
    monkeypatch.chdir(tmp_path)
    words = [str(ROOT / word) if word.endswith(".yaml") else word for word in WAYS[way]]
    cli = FitCLI([*words, "--trainer.logger", "false", "--trainer.precision", "32-true"])
    tuned = type(cli.model.network).__name__ == "TimmBackbone"
    assert tuned == (way == "fine-tuned")
    assert (cli.datamodule.encoder_state()["mean"] == [0.5] * 3) == tuned
