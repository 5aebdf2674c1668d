"""Which runs a comparison reads: folders, globs, filters; runs in every state."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fake_runs import fake_run
from zoo.comparing.filters import Filter, parse_filter
from zoo.comparing.runs import Run, read_run, with_best_so_far
from zoo.comparing.select import select_runs
from zoo.errors import InputError


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """mlp and mlp-2, and below study/ two trials; beside them what is no run."""
    root = tmp_path / "runs"
    fake_run(root, "mlp", lr=0.1, tags=["new", "fast"])
    fake_run(root, "mlp-2", lr=0.01, seed=1, options={"hidden": [8, 4]})
    fake_run(root / "study", "trial-0", model="CNNClassifier", group="study")
    fake_run(root / "study", "trial-1", model="CNNClassifier", group="study", summary={"status": "failed"})
    (root / "notes").mkdir()
    (root / "notes" / "todo.txt").write_text("nothing")
    (root / ".hidden").mkdir()
    return root


def names(found: tuple[list[Run], list[str]]) -> list[str]:
    assert found[1] == []
    return [run.name for run in found[0]]


def test_folders_globs_and_files_of_a_run(runs: Path) -> None:
    assert names(select_runs([runs])) == ["mlp", "mlp-2", "trial-0", "trial-1"]
    assert names(select_runs([runs / "mlp"])) == ["mlp"]
    assert names(select_runs([f"{runs}/mlp*"])) == ["mlp", "mlp-2"]
    assert names(select_runs([f"{runs}/**/trial-*"])) == ["trial-0", "trial-1"]
    assert names(select_runs([runs / "study", runs / "mlp", f"{runs}/mlp*"])) == ["trial-0", "trial-1", "mlp", "mlp-2"]
    (runs / "mlp/checkpoints").mkdir()
    (runs / "mlp/checkpoints/best.ckpt").touch()
    assert names(select_runs([runs / "mlp/checkpoints/best.ckpt"])) == ["mlp"]
    assert names(select_runs([read_run(runs / "mlp"), runs / "mlp-2"])) == ["mlp", "mlp-2"]


@pytest.mark.parametrize(
    ("conditions", "kept"),
    [
        (["model=MLPClassifier"], ["mlp", "mlp-2"]),
        (["model!=MLPClassifier"], ["trial-0", "trial-1"]),
        (["model_lr>0.001"], ["mlp", "mlp-2"]),
        (["model.lr >= 0.1"], ["mlp"]),
        (["model_lr=1e-1"], ["mlp"]),
        (["model_lr=0.10"], ["mlp"]),
        (["model_lr=0.7"], []),
        (["seed=1"], ["mlp-2"]),
        (["trainer.max_epochs=3", "seed_everything=1"], ["mlp-2"]),
        (["model_hidden=[8, 4]"], ["mlp-2"]),
        (["tags=new"], ["mlp"]),
        (["tags!=new"], ["mlp-2", "trial-0", "trial-1"]),
        (["group=study"], ["trial-0", "trial-1"]),
        (["state=failed"], ["trial-1"]),
        (["name=trial-*", "state!=failed"], ["trial-0"]),
        (["test/accuracy>0.1", "model=CNN*"], ["trial-0", "trial-1"]),
        (["seed<1", "model_lr<0.05"], ["trial-0", "trial-1"]),
    ],
)
def test_filters(runs: Path, conditions: list[str], kept: list[str]) -> None:
    if kept:
        assert names(select_runs([runs], conditions)) == kept
    else:
        with pytest.raises(InputError, match="4 are there, none passes"):
            select_runs([runs], conditions)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("model", "'model' is none: write KEY=VALUE"),
        ("=3", "is none: write KEY=VALUE"),
        ("model_lr>big", "> needs a number, got 'big'"),
        ("modle_lr=1", "no run has it; did you mean 'model_lr'?"),
        ("group=none", "none passes group=none"),
    ],
)
def test_a_filter_that_cannot_be_says_what_could(runs: Path, condition: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        select_runs([runs], [condition])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_filters_are_read_from_left_to_right() -> None:
    assert parse_filter("a>=1") == Filter("a", ">=", "1")
    assert parse_filter("group=a=b") == Filter("group", "=", "a=b")
    assert parse_filter("tags != x y") == Filter("tags", "!=", "x y")


def test_nothing_there_says_what_is(runs: Path) -> None:
    for place, message in (
        (runs / "mpl", "did you mean 'mlp'?"),
        (runs / "notes", "holds no run folder (one with config.yaml)"),
        (runs / "notes/todo.txt", "holds no run folder"),
        (f"{runs}/zzz*", "no run folder"),
    ):
        with pytest.raises(InputError) as error:
            select_runs([place])
        assert message in str(error.value)
    with pytest.raises(InputError, match="no runs to compare in nothing"):
        select_runs([])


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for place in ("a/runs", "b/runs", "b/other"):
        fake_run(tmp_path / place, "mlp")
    assert sorted(names(select_runs([tmp_path]))) == ["a/runs/mlp", "b/runs/mlp", "other/mlp"]


def test_a_damaged_run_stands_without_its_values(runs: Path) -> None:
    (runs / "mlp/summary.json").write_text('{"status": "fini')
    (runs / "mlp-2/config.yaml").write_text("- a\n- list\n")
    (runs / "study/trial-0/config.yaml").write_text("model: MLPClassifier\ndata: adult.csv\n")  # no class paths
    found, notes = select_runs([runs])
    assert {run.name: run.status for run in found} == {
        "mlp": "unreadable",
        "mlp-2": "unreadable",
        "trial-0": "unreadable",
        "trial-1": "failed",
    }
    assert len(notes) == 3
    assert all("cannot be read" in note and "\n" not in note for note in notes)


def test_groups_of_runs_that_say_none_are_the_same_settings(tmp_path: Path) -> None:
    one, same = read_run(fake_run(tmp_path, "a", seed=0)), read_run(fake_run(tmp_path, "b", seed=1))
    other, told = read_run(fake_run(tmp_path, "c", lr=0.5)), read_run(fake_run(tmp_path, "d", group="mine"))
    assert one.group == same.group != other.group
    assert one.group.startswith("mlp-my-")
    assert told.group == "mine"


def test_a_run_that_has_not_ended_has_its_best_so_far(tmp_path: Path) -> None:
    folder = fake_run(tmp_path, "going")
    (folder / "summary.json").unlink()
    (folder / "predictions.csv").unlink()
    run = with_best_so_far(read_run(folder))
    losses = [row["val/loss"] for row in run.history]
    assert run.status == "unfinished"
    assert run.summary["best/val/loss"] == min(losses)
    assert (run.summary["epoch"], run.summary["seconds"]) == (2, 3.5)
    assert run.predictions is None
    (folder / "metrics.csv").unlink()
    assert with_best_so_far(read_run(folder)).summary == {}
    monitored = {"monitor": "val/accuracy", "monitor_mode": "max", "status": "failed"}
    (folder / "summary.json").write_text(json.dumps(monitored))
    (folder / "metrics.csv").write_text("step,val/loss,val/accuracy\n1,0.5,0.9\n2,0.4,0.8\n3,0.3,nan\n")
    found = with_best_so_far(read_run(folder)).summary
    assert (found["best/val/accuracy"], found["best/val/loss"]) == (0.9, 0.5)


def test_a_run_that_is_a_folder_and_in_wandb_counts_once(tmp_path: Path) -> None:
    local = read_run(fake_run(tmp_path, "a", summary={"wandb_run_id": "abc"}))
    online = replace(local, place="wandb://me/zoo/abc", name="a")
    other = replace(local, place="wandb://me/zoo/abd", name="b")
    for places in ([local, online, other], [online, other, local]):
        runs, _ = select_runs(places)
        assert {run.place for run in runs} == {str(tmp_path / "a"), "wandb://me/zoo/abd"}
