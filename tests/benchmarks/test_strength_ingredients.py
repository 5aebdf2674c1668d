"""The worth of ingredients: each run is one change of a shipped config, and only validation rows are looked at."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.strength import ingredients
from benchmarks.strength.ingredients import AS_SHIPPED, RECIPES
from benchmarks.strength.runs import ROOT
from zoo.cli.trial import SettingsCLI


def test_a_row_is_what_the_summary_says_of_the_validation_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def run(command: list[str], **options: Any) -> Any:
        if "--trainer.default_root_dir" not in command:  # git's
            return type("Done", (), {"returncode": 1, "stdout": ""})
        seen.append(command)
        folder = Path(command[command.index("--trainer.default_root_dir") + 1]) / command[command.index("--name") + 1]
        folder.mkdir()
        figures = {
            "best/val/accuracy": 0.8,
            "best/val/log_loss": 0.5,
            "test/accuracy": 0.1,
            "epochs": 4,
            "device": "cpu",
        }
        (folder / "summary.json").write_text(json.dumps(figures))
        return None

    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.setattr("benchmarks.strength.runs.SHARED_DATA", tmp_path)
    (tmp_path / "trec6").mkdir()
    (tmp_path / "trec6" / "train.csv").write_text("text,label\n")
    out = tmp_path / "out.jsonl"
    for _ in range(2):  # the second time nothing is left to do
        ingredients.run("text", ["trec6"], [AS_SHIPPED, "no convolution before"], range(2), out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["way"], row["seed"]) for row in rows] == [
        (way, seed) for seed in range(2) for way in (AS_SHIPPED, "no convolution before")
    ]
    assert all((row["accuracy"], row["log_loss"], row["epochs"]) == (0.8, 0.5, 4) for row in rows)
    command = seen[-1]
    for option, value in (("--model.window", "1"), ("--trainer.limit_test_batches", "0"), ("--seed_everything", "1")):
        assert command[command.index(option) + 1] == value
    assert "--model.window" not in seen[0]
    assert "images" not in ingredients.page(rows)


def test_a_change_is_compared_seed_by_seed() -> None:
    rows = [
        {
            "benchmark": "ingredients",
            "kind": "images",
            "set": "cifar10",
            "way": way,
            "seed": seed,
            "more": "",
            "commit": "c",
        }
        | {"accuracy": accuracy, "log_loss": 1 - accuracy, "epochs": 4 + seed, "device": "cpu"}
        for way, accuracies in ((AS_SHIPPED, (0.5, 0.75, 0.625)), ("no augmentation", (0.25, 0.5)))
        for seed, accuracy in enumerate(accuracies)
    ]
    told = ingredients.page(rows)
    assert f"| {AS_SHIPPED} | 0.6250 ± 0.1250 | 0.3750 ± 0.1250 | 4 to 6 | 3 |" in told
    assert "| no augmentation | -0.2500 ± 0.0000 | +0.2500 ± 0.0000 | 4 to 5 | 2 |" in told


def test_words_that_were_typed_beside_a_config_of_then_are_told() -> None:
    row = {"benchmark": "ingredients", "kind": "text", "set": "trec6", "way": AS_SHIPPED, "seed": 0, "commit": "c"}
    row |= {"accuracy": 0.5, "log_loss": 0.5, "epochs": 4, "device": "cpu"}
    told = ingredients.page([row | {"more": "--data.ngrams true"}])
    assert told.endswith(f"typed there beside the config: {AS_SHIPPED}: `--data.ngrams true`.")
    assert ingredients.page([row | {"more": ""}]).endswith("At c, on cpu.")


def test_two_kinds_of_one_set_stand_apart() -> None:
    rows = [
        {"benchmark": "ingredients", "kind": kind, "set": "trec6", "way": AS_SHIPPED, "seed": 0, "more": ""}
        | {"commit": "c", "accuracy": accuracy, "log_loss": 0.5, "epochs": 4, "device": "cpu"}
        for kind, accuracy in (("text", 0.5), ("pretrained", 0.75))
    ]
    told = ingredients.page(rows)
    assert all(f"| {AS_SHIPPED} | {accuracy} | 0.5000 | 4 | 1 |" in told for accuracy in ("0.5000", "0.7500"))


@pytest.mark.filterwarnings("ignore")  # Lightning sees the words of pytest beside those of the parser
@pytest.mark.parametrize("kind", list(RECIPES))
def test_every_change_is_one_of_the_shipped_config(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    recipe = RECIPES[kind]
    words = recipe.words(recipe.sets[0])
    assert recipe.config in words
    shipped = SettingsCLI(words).settings()
    for name, change in recipe.changes.items():
        assert "," not in name  # --changes has them between names
        assert SettingsCLI([*words, *change]).settings() != shipped


def test_a_wrong_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ingredients.main(["text", "--changes", "no layers"])
    assert "no changes no layers: there are as shipped, no n-grams" in capsys.readouterr().err
