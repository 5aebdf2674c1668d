"""The ablation of texts: each run is one change of the shipped config, and only validation rows are looked at."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.strength import text_ablation
from benchmarks.strength.runs import ROOT


def test_a_row_is_what_the_summary_says_of_the_validation_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def run(command: list[str], **options: Any) -> None:
        seen.append(command)
        folder = Path(command[command.index("--trainer.default_root_dir") + 1]) / command[command.index("--name") + 1]
        folder.mkdir()
        figures = {"best/val/accuracy": 0.8, "best/val/log_loss": 0.5, "test/accuracy": 0.1}
        (folder / "summary.json").write_text(json.dumps(figures))

    monkeypatch.setattr("subprocess.run", run)
    row = text_ablation.fit("no convolution before", Path("trec"), 3, tmp_path)
    assert row.pop("seconds") >= 0
    assert row == {"set": "trec", "model": "no convolution before", "seed": 3, "accuracy": 0.8, "log_loss": 0.5}
    [command] = seen
    for option, value in (("--model.window", "1"), ("--trainer.limit_test_batches", "0"), ("--seed_everything", "3")):
        assert command[command.index(option) + 1] == value


def test_every_ingredient_changes_the_shipped_config() -> None:
    config = yaml.safe_load((ROOT / "configs" / "transformer.yaml").read_text())
    shipped = {part: config[part]["init_args"] for part in ("model", "data")} | {"ema": config["ema"]}
    for ingredient, words in text_ablation.INGREDIENTS.items():
        if ingredient == "as shipped":
            assert not words
            continue
        part, setting = words[0].removeprefix("--").split(".")
        assert yaml.safe_load(words[1]) != shipped[part][setting]
