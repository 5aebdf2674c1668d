"""`zoo.compare`: order, groups, pairs on the same test rows, and what it says where there can be none."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import zoo
from tests.fake_runs import fake_regression, fake_run
from zoo.comparing.comparison import Comparison
from zoo.comparing.metric_names import higher_is_better
from zoo.comparing.page.content import content
from zoo.comparing.row_metrics import row_metrics
from zoo.comparing.significance import holm, mcnemar
from zoo.errors import InputError


@pytest.fixture
def seeds(tmp_path: Path) -> Comparison:
    """Two models by three seeds, the first much better."""
    for seed in range(3):
        fake_run(tmp_path, f"mlp-{seed}", seed=seed, skill=3.0, options={"hidden": [8]})
        fake_run(tmp_path, f"cnn-{seed}", seed=seed, skill=0.5, model="CNNClassifier", options={"widths": [4]})
    return zoo.compare(tmp_path)


def test_best_first_with_what_differs(seeds: Comparison) -> None:
    assert seeds.metric == "test/accuracy"
    assert seeds.higher_is_better
    accuracies = [run.summary["test/accuracy"] for run in seeds.runs]
    assert accuracies == sorted(accuracies, reverse=True)
    assert [run.name[:3] for run in seeds.runs] == ["mlp"] * 3 + ["cnn"] * 3
    assert seeds.differences == ["model", "seed", "model_hidden", "model_widths"]
    assert seeds.metrics == ["test/accuracy", "test/loss", "best/val/accuracy", "best/val/loss"]


def test_groups_have_mean_and_deviation_over_their_seeds(seeds: Comparison) -> None:
    best, other = seeds.groups
    assert [len(group.runs) for group in (best, other)] == [3, 3]
    values = [run.summary["test/accuracy"] for run in seeds.runs[:3]]
    assert best.runs == [run.name for run in seeds.runs[:3]]
    assert best.mean["test/accuracy"] == pytest.approx(np.mean(values))
    assert best.std["test/accuracy"] == pytest.approx(np.std(values, ddof=1))
    assert (best.mean["seconds"], best.std["seconds"], best.mean["parameters"]) == (3.5, 0.0, 67_598)


def test_a_named_group_of_several_settings_is_several_groups(tmp_path: Path) -> None:
    for lr, skill in ((0.1, 3.0), (0.01, 1.0)):
        for seed in range(2):
            fake_run(tmp_path, f"trial-{lr}-{seed}", seed=seed, lr=lr, skill=skill, group="study")
    comparison = zoo.compare(tmp_path)
    assert [(group.name, len(group.runs)) for group in comparison.groups] == [
        ("study (model_lr=0.1)", 2),
        ("study (model_lr=0.01)", 2),
    ]
    assert {run.group for run in comparison.runs} == {"study"}
    assert {run["group"] for run in content(comparison)["runs"]} == {group.name for group in comparison.groups}


def test_names_of_such_groups_say_no_more_than_tells_them_apart(tmp_path: Path) -> None:
    for lr in (0.1, 0.1 + 1e-9):
        for width in (8, 16):
            fake_run(tmp_path, f"t{lr}-{width}", lr=lr, group="g", options={"width": width, "deep": 2 * width})
    names = [group.name for group in zoo.compare(tmp_path).groups]
    assert len(set(names)) == 4
    assert all("model_deep" not in name for name in names)
    fake_run(tmp_path / "one", "a", group="g")
    fake_run(tmp_path / "one", "b", group="g", seed=1)
    assert [group.name for group in zoo.compare(tmp_path / "one").groups] == ["g"]


def test_the_best_run_is_compared_with_each_other_and_corrected(seeds: Comparison) -> None:
    first = seeds.runs[0]
    accuracy = [pair for pair in seeds.pairs if pair.metric == "accuracy"]
    assert [pair.first for pair in seeds.pairs] == [first.name] * 10
    assert [pair.second for pair in accuracy] == [run.name for run in seeds.runs[1:]]
    tables = [run.predictions for run in seeds.runs]
    right = [row_metrics(table)["accuracy"].values[:, 0] > 0.5 for table in tables if table is not None]
    plain = [mcnemar(right[0], other)[0] for other in right[1:]]
    assert [pair.p_value for pair in accuracy] == holm(plain, m=15)
    for pair, run in zip(accuracy, seeds.runs[1:], strict=True):
        assert pair.difference == pytest.approx(first.summary["test/accuracy"] - run.summary["test/accuracy"])
        assert pair.low <= pair.difference <= pair.high
        assert pair.n_rows == 60
    assert [pair.beyond_chance for pair in accuracy] == [False, False, True, True, True]
    log_loss = next(pair for pair in seeds.pairs if pair.metric == "log_loss" and pair.second.startswith("cnn"))
    assert log_loss.test == "paired bootstrap"
    assert log_loss.high < 0
    said = (
        "corrected for 15 comparisons, all pairs of 6 runs, since test/accuracy of these rows says which is best (Holm)"
    )
    assert any(said in note for note in seeds.notes)
    assert zoo.compare(list(seeds.runs)).pairs == seeds.pairs  # the same draws every time


def test_where_other_rows_say_which_is_best_only_the_pairs_shown_count(seeds: Comparison) -> None:
    by_val = zoo.compare(list(seeds.runs), metric="best/val/accuracy")
    assert any("corrected for 5 comparisons (Holm)" in note for note in by_val.notes)
    ratio = {pair.second: pair.p_value for pair in seeds.pairs if pair.metric == "accuracy"}
    lower = [pair for pair in by_val.pairs if pair.metric == "accuracy" and pair.p_value < ratio.get(pair.second, 0)]
    assert len(lower) == 3  # those that are not 1 in any case


def test_of_many_runs_the_best_of_each_group_are_compared(tmp_path: Path) -> None:
    for seed in range(4):
        for group, skill in (("a", 3.0), ("b", 1.0), ("c", 0.2)):
            fake_run(tmp_path, f"{group}{seed}", seed=seed, skill=skill, group=group)
    comparison = zoo.compare(tmp_path)
    best = {group: next(run.name for run in comparison.runs if run.group == group) for group in "abc"}
    assert {(pair.first, pair.second) for pair in comparison.pairs} == {(best["a"], best["b"]), (best["a"], best["c"])}
    assert "Of 12 runs the best one of each group is compared row by row." in comparison.notes
    assert any("corrected for 66 comparisons, all pairs of 12 runs" in note for note in comparison.notes)


def test_of_many_groups_the_best_are_compared(tmp_path: Path) -> None:
    for number in range(23):
        fake_run(tmp_path, f"run-{number}", skill=number / 5, group=f"g{number}")
    comparison = zoo.compare(tmp_path)
    others = {pair.second for pair in comparison.pairs}
    assert len(others) == 19
    assert others == {run.name for run in comparison.runs[1:20]}
    assert "Of 23 runs the best one of each of the 20 best groups is compared row by row." in comparison.notes


def test_the_best_group_is_that_of_the_best_mean(tmp_path: Path) -> None:
    for number in range(6):
        fake_run(tmp_path, f"steady-{number}", group="steady", summary={"test/accuracy": 0.8 + number / 1000})
        fake_run(tmp_path, f"wild-{number}", group="wild", summary={"test/accuracy": 0.9 if number == 0 else 0.1})
    comparison = zoo.compare(tmp_path)
    assert comparison.runs[0].name == "wild-0"
    assert {(pair.first, pair.second) for pair in comparison.pairs} == {("steady-5", "wild-0")}


def test_regression_is_compared_by_rmse_and_mae(tmp_path: Path) -> None:
    fake_regression(tmp_path, "good", spread=0.2)
    fake_regression(tmp_path, "bad", spread=1.0, seed=1)
    comparison = zoo.compare(tmp_path)
    assert (comparison.metric, comparison.higher_is_better) == ("test/rmse", False)
    assert [run.name for run in comparison.runs] == ["good", "bad"]
    rmse, mae = comparison.pairs
    good, bad = (run.summary for run in comparison.runs)
    assert (rmse.metric, mae.metric) == ("rmse", "mae")
    assert rmse.difference == pytest.approx(good["test/rmse"] - bad["test/rmse"])
    assert mae.difference == pytest.approx(good["test/mae"] - bad["test/mae"])
    assert rmse.low < rmse.difference < rmse.high < 0
    assert rmse.p_value < 0.001


def reordered(folder: Path) -> None:
    file = folder / "predictions.csv"
    head, *rows = file.read_text().splitlines()
    file.write_text("\n".join([head, *reversed(rows)]) + "\n")


def test_rows_are_matched_by_their_index(tmp_path: Path) -> None:
    fake_run(tmp_path, "a")
    fake_run(tmp_path, "b", seed=1, skill=1.0)
    before = zoo.compare(tmp_path).pairs
    reordered(tmp_path / "b")
    after = zoo.compare(tmp_path).pairs
    assert before == after
    assert len(before) == 2


def test_rows_that_are_not_the_same_are_not_compared_and_why(tmp_path: Path) -> None:
    fake_run(tmp_path, "best", skill=9.0)
    fake_run(tmp_path, "ok", skill=1.0)
    fake_run(tmp_path, "elsewhere", fingerprint="xyz")  # the same test rows, others to train on
    fake_run(tmp_path, "shorter", n_rows=50)
    fake_run(tmp_path, "old", summary={"data_fingerprint": None})  # says nothing of its data: rows and targets do
    flipped = fake_run(tmp_path, "flipped") / "predictions.csv"
    with flipped.open(newline="") as stream:
        rows = list(csv.reader(stream))
    rows[3][1] = "yes" if rows[3][1] == "no" else "no"
    with flipped.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    (fake_run(tmp_path, "untested", summary={"test/accuracy": None}) / "predictions.csv").unlink()
    (fake_run(tmp_path, "torn") / "predictions.csv").write_text("index,target,prediction,p_no\n1,2\n")
    fake_regression(tmp_path, "numbers", spread=1.0, n_rows=60)
    comparison = zoo.compare(tmp_path, metric="test/accuracy")
    assert {pair.second for pair in comparison.pairs} == {"ok", "old", "elsewhere"}
    said = " ".join(comparison.notes)
    for name, reason in (
        ("shorter", "the index columns differ"),
        ("flipped", "other targets"),
        ("untested", "no predictions.csv"),
        ("torn", "cannot be read"),
        ("numbers", "another task"),
    ):
        assert f"Not compared row by row with best: {name} (" in said
        assert reason in said
    assert "Without test/accuracy, so last: numbers, untested." in said
    assert "The same test rows as those of best, but other train or validation rows, or another file" in said
    assert "(the data fingerprints differ): elsewhere." in said


def test_predictions_of_another_form_are_told(tmp_path: Path) -> None:
    fake_run(tmp_path, "best", skill=9.0)
    fake_run(tmp_path, "ok", seed=1)
    twice = fake_run(tmp_path, "twice") / "predictions.csv"
    twice.write_text(twice.read_text() + twice.read_text().splitlines()[-1] + "\n")
    wordy = fake_run(tmp_path, "wordy") / "predictions.csv"
    head, first, *others = wordy.read_text().splitlines()
    wordy.write_text("\n".join([head, first.rsplit(",", 1)[0] + ",much", *others]) + "\n")
    comparison = zoo.compare(tmp_path)
    assert {pair.second for pair in comparison.pairs} == {"ok"}
    said = " ".join(comparison.notes)
    assert "Not compared row by row with best: twice (rows of its predictions.csv share an index)" in said
    assert "wordy (no targets in its predictions.csv, or values that are missing or no numbers)" in said


def test_of_many_runs_in_one_group_the_ten_best_are_compared(tmp_path: Path) -> None:
    for seed in range(12):
        fake_run(tmp_path, f"mlp-{seed}", seed=seed)
    comparison = zoo.compare(tmp_path)
    assert len(comparison.groups) == 1
    assert {pair.second for pair in comparison.pairs} == {run.name for run in comparison.runs[1:10]}
    assert "Of 12 runs the 10 best are compared row by row." in comparison.notes


def test_where_the_best_has_no_rows_the_next_stands_in(tmp_path: Path) -> None:
    (fake_run(tmp_path, "best", skill=9.0) / "predictions.csv").unlink()
    fake_run(tmp_path, "second", skill=5.0)
    fake_run(tmp_path, "third", skill=1.0)
    comparison = zoo.compare(tmp_path)
    assert {(pair.first, pair.second) for pair in comparison.pairs} == {("second", "third")}
    assert "best has no test rows to compare, so second stands in its place." in comparison.notes


def test_what_best_means(tmp_path: Path) -> None:
    fake_run(tmp_path, "a", skill=3.0, summary={"val/f1_macro": 0.5, "test/f1_macro": 0.2, "price": 3.0})
    fake_run(tmp_path, "b", skill=1.0, summary={"test/f1_macro": 0.4, "price": 1.0, "seconds": 1.0})
    died = fake_run(tmp_path, "died", summary={"status": "failed"})
    for file in ("summary.json", "metrics.csv", "predictions.csv"):
        (died / file).unlink()

    def order(metric: str | None) -> tuple[str, list[str]]:
        comparison = zoo.compare(tmp_path, metric=metric)
        return comparison.metric, [run.name for run in comparison.runs]

    assert order(None) == ("test/accuracy", ["a", "b", "died"])
    assert order("f1_macro") == ("test/f1_macro", ["b", "a", "died"])
    assert order("val/f1_macro") == ("val/f1_macro", ["a", "b", "died"])
    assert order("loss") == ("test/loss", ["a", "b", "died"])
    assert order("seconds") == ("seconds", ["b", "a", "died"])
    assert order("price") == ("price", ["a", "b", "died"])
    with pytest.raises(InputError, match=r"--metric acuracy: no run has it; did you mean 'accuracy'\?"):
        order("acuracy")
    with pytest.raises(InputError, match=r"did you mean 'test/f1_macro'\?"):
        order("test/f1_marco")
    fake_run(tmp_path, "cut", skill=9.0, summary={"status": "interrupted", "test/accuracy": None, "test/loss": None})
    assert order(None) == ("best/val/accuracy", ["cut", "a", "b", "died"])
    notes = zoo.compare(tmp_path).notes
    assert "Only 2 of 4 runs have test/accuracy; --metric test/accuracy orders by it." in notes
    assert "Without best/val/accuracy, so last: died." in notes


def test_directions() -> None:
    for name in ("test/accuracy", "best/val/auroc", "f1_macro", "test/r2", "samples_per_second", "test/my_score"):
        assert higher_is_better(name)
    for name in ("test/loss", "val/rmse", "test/mae", "best/val/ece", "train/loss_step", "seconds", "peak_memory_mb"):
        assert not higher_is_better(name)


def test_a_metric_that_was_monitored_goes_the_way_it_was_monitored(tmp_path: Path) -> None:
    about = {"monitor": "val/surprise", "monitor_mode": "min"}
    fake_run(tmp_path, "a", summary=about | {"best/val/surprise": 2.0})
    fake_run(tmp_path, "b", summary=about | {"best/val/surprise": 1.0})
    comparison = zoo.compare(tmp_path, metric="surprise")
    assert [run.name for run in comparison.runs] == ["b", "a"]
    assert not comparison.higher_is_better


def test_values_that_are_no_numbers_come_last(tmp_path: Path) -> None:
    fake_run(tmp_path, "a", summary={"test/accuracy": float("nan")})
    fake_run(tmp_path, "b")
    comparison = zoo.compare([tmp_path / "a", tmp_path / "b"], metric="test/accuracy")
    assert [run.name for run in comparison.runs] == ["b", "a"]
    assert "test/accuracy" in json.loads((tmp_path / "a/summary.json").read_text())


def test_one_run_alone(tmp_path: Path) -> None:
    comparison = zoo.compare(str(fake_run(tmp_path, "a")))
    assert [run.name for run in comparison.runs] == ["a"]
    assert (comparison.differences, comparison.pairs, comparison.notes) == ([], [], [])
    assert comparison.groups[0].std == {}
