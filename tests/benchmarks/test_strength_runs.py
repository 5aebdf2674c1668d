"""Runs of the strength benchmarks: the split is scikit-learn's, lines are kept once, and one short run is real."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import train_test_split

from benchmarks.strength import finetune, images, pretrained, runs, tabular, text
from benchmarks.strength.bars import Bar, Row

RUN: Row = {"benchmark": "tabular", "set": "adult", "way": "zoo", "seed": 0, "more": "", "commit": "abc"}


@pytest.mark.parametrize("stratify", [True, False])
def test_a_set_without_test_rows_is_split_as_scikit_learn_splits_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, stratify: bool
) -> None:
    monkeypatch.setattr(runs, "SHARED_DATA", tmp_path)
    rows = [[f'word "{row}",\nline' if row % 5 == 0 else f"word {row}", "ab"[row % 4 == 0]] for row in range(50)]
    (tmp_path / "one").mkdir()
    with (tmp_path / "one" / "data.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *rows])
    chosen = train_test_split(
        np.arange(50), test_size=0.2, random_state=0, stratify=[row[1] for row in rows] if stratify else None
    )
    made = runs.csv_folder("one", tmp_path / "made", "label", stratify=stratify)
    for part, numbers in zip(("train", "test"), chosen, strict=True):
        with (made / f"{part}.csv").open(newline="") as file:
            assert list(csv.reader(file)) == [["text", "label"], *(rows[number] for number in numbers)]


def test_a_set_with_parts_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "SHARED_DATA", tmp_path)
    (tmp_path / "trec").mkdir()
    (tmp_path / "trec" / "train.csv").touch()
    assert runs.csv_folder("trec", tmp_path / "made", "label") == tmp_path / "trec"


def test_photographs_are_set_aside_by_class_and_always_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "SHARED_DATA", tmp_path)
    for name in ("glass", "paper"):
        (tmp_path / "trash" / name).mkdir(parents=True)
        for number in range(20):
            Image.new("RGB", (2, 2), (number, 0, 0)).save(tmp_path / "trash" / name / f"{name}{number}.jpg")
    found = []
    for place in ("first", "second"):
        made = runs.image_folder("trash", tmp_path / place)
        assert len(list(made.glob("train/glass/*.jpg"))) == 16
        assert len(list(made.glob("test/paper/*.jpg"))) == 4
        found.append({file.name for file in made.glob("test/*/*.jpg")})
        assert not found[-1] & {file.name for file in made.glob("train/*/*.jpg")}
    assert found[0] == found[1]


def test_log_loss_is_that_of_the_calibrated_answers() -> None:
    summary = {"test/loss": 9.0, "test/log_loss": 0.5, "test/accuracy": 0.75, "epochs": 2, "precision": "32-true"}
    assert runs.figures(summary) == {"accuracy": 0.75, "log_loss": 0.5, "epochs": 2, "precision": "32-true"}
    assert "device" not in runs.figures(summary | {"device": "cpu"})
    assert runs.figures(summary | {"device": "NVIDIA H200"})["device"] == "NVIDIA H200"
    del summary["test/log_loss"]
    assert "log_loss" not in runs.figures(summary)


def test_a_run_is_held_by_its_commit_and_its_words(tmp_path: Path) -> None:
    out = tmp_path / "lines.jsonl"
    runs.keep(RUN | {"accuracy": 0.5}, out)
    assert runs.held(RUN, out)
    for key, other in {"seed": 1, "more": "--model.lr 1", "commit": "def", "set": "letter"}.items():
        assert not runs.held(RUN | {key: other}, out)


@pytest.mark.slow
def test_a_short_run_by_the_real_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = np.random.default_rng(0)
    for split in ("train", "test"):
        y = np.arange(60) % 3
        x = (data.integers(0, 60, (60, 8, 8)) + 90 * y[:, None, None]).astype(np.uint8)
        np.savez(tmp_path / f"{split}.npz", x=x, y=y)
    monkeypatch.setattr(runs, "commit", lambda: "abc")
    tiny = replace(
        images.BENCHMARK,
        sets=("tiny",),
        words=lambda name, way: ["--config", "configs/cnn.yaml"],
        folder=lambda name, files: tmp_path,
        bars=(Bar("Tiny", "images", ("tiny",), limits={"tiny": 0.0}),),
    )
    out = tmp_path / "out.jsonl"
    words = ["--seeds", "1", "--first_seed", "3", "--out", str(out), "--", "--trainer.max_steps", "4"]
    assert tiny.main(words) == 0
    assert tiny.main(words) == 0  # and does not train again
    (told,) = [json.loads(line) for line in out.read_text().splitlines()]
    assert (told["set"], told["seed"], told["more"], told["commit"]) == ("tiny", 3, "--trainer.max_steps 4", "abc")
    assert 0 <= told["accuracy"] <= 1
    assert min(told["log_loss"], told["seconds"], told["epochs"]) > 0
    assert "| tiny | ≥ 0 | " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--sets", "cifar11"], "no set cifar11: there are cifar10, mnist"),
        (["--", "--model.lr", "1"], "further words need an --out of their own"),
    ],
)
def test_wrong_words_are_told(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        images.main(words)
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("module", [finetune, images, tabular, text])
def test_the_configs_of_all_words_ship(module: object) -> None:
    benchmark = module.BENCHMARK  # type: ignore[attr-defined]
    for name in benchmark.sets:
        for way in benchmark.ways:
            words = benchmark.words(name, way)
            assert all((runs.ROOT / word).is_file() for word in words if word.endswith(".yaml"))
    assert all((runs.ROOT / config).is_file() for config in pretrained.CONFIGS)
