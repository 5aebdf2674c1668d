"""Runs of W&B as `zoo compare` reads them: the real client, online, against a stand-in of the server."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb

import zoo
from tests import wandb_standin
from tests.fake_runs import fake_run
from zoo.cli.main import main
from zoo.comparing import wandb_runs
from zoo.comparing.runs import read_run
from zoo.comparing.wandb_runs import flat_of, read_project, summary_of, write_history
from zoo.errors import InputError

SERVER: Any = wandb_standin.Standin  # kept as it came, without types

# What a fit sends: flat config, history by the optimiser's step, summary, predictions.csv as a run file.
SEND = """
import json, sys
from pathlib import Path
import wandb
for spec in json.loads(sys.argv[1]):
    from zoo.comparing.runs import read_run
    run = read_run(spec["folder"])
    config = {**run.config, "num_params": run.summary["parameters"], "data_fingerprint": "abc", "cli": {"a": {"b": 1}}}
    sent = wandb.init(project="p", name=run.name, id=spec["id"], group=run.group, tags=spec["tags"], config=config)
    for row in run.history:
        sent.log({**{k: v for k, v in row.items() if k != "step"}, "trainer/global_step": row["step"]})
    sent.summary.update({k: v for k, v in run.summary.items() if not k.startswith("val/") and k != spec.get("without")})
    sent.save(Path(run.folder) / "predictions.csv", base_path=run.folder, policy="now")
    sent.finish(exit_code=spec.get("exit", 0))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path]]:
    """A project of three finished runs and a failed one, and the folders they were sent from."""
    folder = tmp_path_factory.mktemp("project")
    specs = [
        {"folder": str(fake_run(folder, "mlp", skill=3.0, group="mlps")), "id": "aaa", "tags": ["new"]},
        {"folder": str(fake_run(folder, "mlp-2", seed=1, skill=3.0, group="mlps")), "id": "bbb", "tags": ["new"]},
        {"folder": str(fake_run(folder, "cnn", model="CNNClassifier", skill=0.5)), "id": "ccc", "tags": ["old"]},
        {"folder": str(fake_run(folder, "died")), "id": "ddd", "tags": [], "exit": 1, "without": "status"},
    ]
    with SERVER() as standin:
        environment = os.environ | standin.env(folder / "home", WANDB_CONSOLE="off", WANDB_X_DISABLE_STATS="true")
        subprocess.run([sys.executable, "-c", SEND, json.dumps(specs)], check=True, timeout=120, env=environment)
        yield standin, folder


@pytest.fixture(autouse=True)
def account(project: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of the stand-in's user, for this test alone: the client keeps what it once read in its process."""
    for name, value in project[0].env(project[1] / "home").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    wandb.teardown()
    yield
    wandb.teardown()


def test_a_run_of_the_server_says_what_its_folder_says(project: tuple[Any, Path], tmp_path: Path) -> None:
    standin, folder = project
    (found,) = read_project("wandb://me/p/aaa")
    known = read_run(folder / "mlp")
    assert (found.name, found.place, found.group, found.tags) == ("mlp", "wandb://me/p/aaa", "mlps", ("new",))
    assert (found.config, found.status) == (known.config, "finished")
    assert {key: found.summary[key] for key in known.summary} == known.summary
    assert not (tmp_path / "cache").exists()  # nothing is brought before it is asked for
    assert found.history == known.history
    assert found.predictions is not None
    assert found.predictions.equals(known.predictions)
    asked = len(standin.calls)
    (again,) = read_project("wandb://me/p/aaa")
    assert again.history == known.history
    assert again.predictions is not None
    assert not {"RunFiles", "RunHistoryKeys", "HistoryPage"} & {name for name, _ in standin.calls[asked:]}
    assert standin.unknown == []


def test_a_project_is_compared_like_the_folders_it_was_sent_from(project: tuple[Any, Path]) -> None:
    standin, folder = project
    online = zoo.compare("wandb://me/p")
    local = zoo.compare([folder / name for name in ("mlp", "mlp-2", "cnn", "died")])
    assert [run.name for run in online.runs] == [run.name for run in local.runs]
    assert (online.metric, online.pairs) == (local.metric, local.pairs)
    assert (online.differences, online.metrics) == (local.differences, local.metrics)
    assert online.groups == local.groups
    assert {run.name: run.status for run in online.runs}["died"] == "failed"
    assert standin.unknown == []


def test_the_server_filters_groups_and_tags_and_the_rest_is_filtered_here(
    project: tuple[Any, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    standin, _ = project
    words = ["--filter", "tags=new", "--filter", "group=mlps", "--filter", "seed>0", "--json"]
    assert main(["compare", "wandb://me/p", *words]) == 0
    assert [run["name"] for run in json.loads(capsys.readouterr().out)["runs"]] == ["mlp-2"]
    asked = [variables for _, variables in standin.calls if "filters" in variables][-1]
    assert json.loads(asked["filters"]) == {"$and": [{"tags": {"$in": ["new"]}}, {"group": "mlps"}]}
    assert main(["compare", "wandb://me/p", "--filter", "state=failed", "--json"]) == 0
    assert [run["name"] for run in json.loads(capsys.readouterr().out)["runs"]] == ["died"]


def test_a_filter_of_the_server_that_leaves_nothing_is_named(
    project: tuple[Any, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "wandb://me/p", "--filter", "group=nobody"]) == 2
    assert "no runs to compare in wandb://me/p: none passes group=nobody" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["wandb://me/p/nothing", "wandb://me/nothing", "wandb://me", "wandb://me/p/mlp:best"])
def test_nothing_there_is_one_line(project: tuple[Any, Path], place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", place]) == 2
    error = capsys.readouterr().err.strip()
    assert error.count("\n") == 0
    assert place in error


def test_without_an_account_it_says_who_could(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="wandb login"):
        read_project("wandb://me/p")


def test_a_run_that_went_on_is_brought_again(project: tuple[Any, Path], tmp_path: Path) -> None:
    standin, _ = project
    (before,) = read_project("wandb://me/p/bbb")
    n = len(before.history)
    run = standin.run("bbb")
    last = run["history"][-1]
    run["history"].append(last | {"_step": last["_step"] + 1, "trainer/global_step": 400.0, "epoch": 3.0})
    run["summary"]["epochs"] = 4
    (after,) = read_project("wandb://me/p/bbb")
    assert [row["step"] for row in after.history][-1] == 400
    assert len(after.history) == n + 1
    assert len(list((tmp_path / "cache/wandb/me/p").iterdir())) == 1


def test_bringing_a_run_drops_no_other_whose_id_begins_alike(tmp_path: Path) -> None:
    for name in ("a-11111111", "a-b-22222222", "ab-33333333"):
        (tmp_path / "me" / "p" / name).mkdir(parents=True)
    with wandb_runs._part(tmp_path / "me" / "p" / "a-44444444"):
        pass
    assert {folder.name for folder in (tmp_path / "me" / "p").iterdir()} == {
        "a-44444444",
        "a-b-22222222",
        "ab-33333333",
    }


def test_runs_brought_longest_ago_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandb_runs, "LIMIT", 250)
    folders = [tmp_path / "me" / f"p{number}" / f"run{number}-x" for number in range(4)]
    for number, folder in enumerate(folders):
        folder.mkdir(parents=True)
        (folder / "metrics.csv").write_bytes(bytes(100))
        os.utime(folder, (number, number))
    wandb_runs.make_room(folders[0])
    assert [folder.exists() for folder in folders] == [True, False, True, True]


def test_flat_config_of_other_peoples_runs() -> None:
    swept = {"model": "MLP", "model.lr": 0.1, "_wandb": {}, "num_params": 5, "versions": {}, "cli": {}, "sizes": [1]}
    assert flat_of(swept) == {"model": "MLP", "sizes": [1]}
    assert flat_of({"cli": {"seed_everything": 3}}) == {"seed": 3}


def test_summaries_of_every_form() -> None:
    found = {
        "val/loss": {"min": 1.0, "last": 2.0},
        "_runtime": 9,
        "a/table": {"_type": "table"},
        "x/y": "NaN",
        "n": "a",
    }
    summary = summary_of(found)
    assert math.isnan(summary.pop("x/y"))
    assert summary == {"val/loss": 2.0, "seconds": 9, "n": "a"}


def test_history_rows_of_one_step_share_a_line(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"_step": 0, "trainer/global_step": 5, "train/loss": 1.0, "picture": {"_type": "image"}},
        {"_step": 1, "trainer/global_step": 5, "val/loss": 2.0},
        {"_step": 2, "val/loss": "NaN"},
        {"_step": 3, "_runtime": 1.0},
    ]
    write_history(rows, tmp_path / "metrics.csv")
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert lines == ["step,train/loss,val/loss", "5,1.0,2.0", "2,,nan"]
