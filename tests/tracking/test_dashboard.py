"""The W&B workspace: what its specification names is what runs log; it is saved, and read back the same."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.wandb_standin import Standin
from zoo.cli.main import main
from zoo.tracking import dashboard

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(find_spec("wandb_workspaces") is None, reason="the extra zoo[dashboard] is not installed"),
]


@pytest.fixture
def written(tmp_path: Path) -> dict[str, Any]:
    """The specification of a classification dashboard."""
    return dry_run(tmp_path / "spec.json")


def dry_run(file: Path, *words: str) -> dict[str, Any]:
    assert main(["dashboard", "--entity", "me", "--project", "zoo", "--dry-run", str(file), *words]) == 0
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def sections(content: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found = content["spec"]["section"]["panelBankConfig"]["sections"]
    return {section["name"]: section["panels"] for section in found}


def panels(content: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [panel["config"] for found in sections(content).values() for panel in found if panel["viewType"] == kind]


def texts(value: Any) -> Iterator[str]:
    """Every string in plain data."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(inner)


def test_a_dry_run_needs_no_account_and_is_the_same_each_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dry_run(tmp_path / "one.json")
    dry_run(tmp_path / "two.json")
    one = (tmp_path / "one.json").read_text()
    assert (tmp_path / "two.json").read_text() == one
    assert f"the workspace's specification is in {tmp_path}/one.json" in capsys.readouterr().err
    assert main(["dashboard", "--entity", "me", "--dry-run", "-"]) == 0  # the project is zoo unless told otherwise
    assert capsys.readouterr().out == one


def test_it_has_a_section_for_each_question(written: dict[str, Any]) -> None:
    found = sections(written)
    assert list(found) == [
        "Learning curves by step",
        "Learning curves by rows seen",
        "Learning curves by seconds of training",
        "Best of each group",
        "What made the difference",
        "Where they are wrong",
        "Run by run, what differs",
    ]
    kinds = {name: [panel["viewType"] for panel in found[name]] for name in found}
    assert kinds["What made the difference"] == [
        "Parallel Coordinates Plot",
        "Parameter Importance",
        "Scatter Plot",
        "Scatter Plot",
    ]
    assert kinds["Where they are wrong"] == ["Vega2", "Vega2", "Vega2", "Weave"]
    assert panels(written, "Run Comparer") == [{"diffOnly": True}]
    ids = [panel["__id__"] for section in found.values() for panel in section]
    assert len(set(ids)) == len(ids)


def test_curves_are_drawn_over_the_axes_that_runs_log(written: dict[str, Any]) -> None:
    lines = panels(written, "Run History Line Plot")
    assert [(line["xAxis"], *line["metrics"]) for line in lines] == [
        (axis, metric)
        for axis in ("trainer/global_step", "samples_seen", "seconds")
        for metric in ("train/loss", "val/loss", "val/accuracy")
    ]


def test_runs_are_grouped_and_the_best_stands_first(written: dict[str, Any]) -> None:
    (runset,) = written["spec"]["section"]["runSets"]
    assert runset["grouping"] == [{"section": "run", "name": "group"}]
    assert runset["sort"]["keys"] == [{"key": {"section": "summary", "name": "best/val/accuracy"}, "ascending": False}]
    assert {"crashed", "failed"} <= set(texts(runset["filters"]))
    assert runset["runFeed"]["columnOrder"][:2] == ["run:displayName", "summary:best/val/accuracy"]


def test_config_keys_are_the_flat_ones_and_summary_keys_keep_their_slashes(written: dict[str, Any]) -> None:
    (coordinates,) = panels(written, "Parallel Coordinates Plot")
    accessors = [column["accessor"] for column in coordinates["columns"]]
    assert accessors[:2] == ["config:model.value", "config:model_lr.value"]
    assert accessors[-2:] == ["summary:best/val/loss", "summary:best/val/accuracy"]
    scatter, other = panels(written, "Scatter Plot")
    assert (scatter["xAxis"], scatter["yAxis"]) == ("summary:seconds", "summary:best/val/accuracy")
    assert other["xAxis"] == "config:num_params.value"
    assert panels(written, "Parameter Importance")[0]["targetKey"] == "best/val/loss"
    assert [bar["metrics"] for bar in panels(written, "Bar Chart")][:2] == [["best/val/accuracy"], ["test/accuracy"]]


def test_the_confusion_matrix_is_read_from_the_table_that_plot_table_logs(written: dict[str, Any]) -> None:
    import wandb

    table = wandb.Table(columns=["Actual", "Predicted", "nPredictions"], data=[["a", "a", 1]])
    chart = wandb.plot_table("wandb/confusion_matrix/v1", table, {}, {})
    chart.set_key(dashboard.CONFUSION.key)
    logged = chart.spec.config_value["panel_config"]
    panel = panels(written, "Vega2")[0]
    assert panel["panelDefId"] == "wandb/confusion_matrix/v1"
    (asked,), (own,) = (found["queryFields"] for found in (panel["userQuery"], logged["userQuery"]))
    assert asked["fields"] == own["fields"]
    assert panel["fieldSettings"] == {name: name for name in table.columns}
    assert "test/mistakes" in set(texts(sections(written)["Where they are wrong"][-1]))


def test_regression_has_its_own_metrics_and_no_confusions(tmp_path: Path) -> None:
    content = dry_run(tmp_path / "spec.json", "--task", "regression", "--name", "Prices")
    assert content["displayName"] == "Prices"
    (runset,) = content["spec"]["section"]["runSets"]
    assert runset["sort"]["keys"] == [{"key": {"section": "summary", "name": "best/val/rmse"}, "ascending": True}]
    assert [panel["panelDefId"] for panel in panels(content, "Vega2")] == ["wandb/scatter/v0"]
    named = set(texts(content))
    assert {"val/rmse", "test/rmse", "test/r2"} <= named
    assert not any("accuracy" in text for text in named)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "sample", "model"),
    [("classification", "wine", "MLPClassifier"), ("regression", "diabetes", "MLPRegressor")],
)
def test_all_that_it_names_is_what_a_run_logs(
    task: str, sample: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--model", model, "--data.path", f"sample:{sample}", "--trainer.max_epochs", "1", "--model.hidden", "[8]"]
    with Standin() as server:  # type: ignore[no-untyped-call]
        for name, value in server.env(tmp_path).items():
            monkeypatch.setenv(name, value)
        wandb = importlib.import_module("wandb")
        wandb.teardown()  # it reads the environment anew
        assert main(["fit", "--config", "configs/mlp.yaml", *words]) == 0
        run = server.run()
        wandb.teardown()
    content = dry_run(tmp_path / "spec.json", "--task", task)
    logged = {key for row in run["history"] for key in row}
    summary, config = set(run["summary"]), {f"{key}.value" for key in run["config"]}
    for line in panels(content, "Run History Line Plot"):
        assert {line["xAxis"], *line["metrics"]} <= logged
    for bar in panels(content, "Bar Chart"):
        assert set(bar["metrics"]) <= summary
    keys = [column["accessor"] for column in panels(content, "Parallel Coordinates Plot")[0]["columns"]]
    keys += [plot[axis] for plot in panels(content, "Scatter Plot") for axis in ("xAxis", "yAxis")]
    keys += [f"summary:{panels(content, 'Parameter Importance')[0]['targetKey']}"]
    keys += content["spec"]["section"]["runSets"][0]["runFeed"]["columnOrder"]
    for key in keys:
        where, _, name = key.partition(":")
        assert name in {"summary": summary, "config": config, "run": {"displayName"}}[where], key
    *charts, table = sections(content)["Where they are wrong"]
    for chart in charts:
        asked = chart["config"]["userQuery"]["queryFields"][0]["fields"]
        assert asked[-1]["args"][0]["value"] in summary
    assert dashboard.TASKS[task].table in summary
    assert dashboard.TASKS[task].table in set(texts(table))


def test_it_is_saved_and_read_back_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from wandb_workspaces import workspaces

    with Standin() as server:  # type: ignore[no-untyped-call]
        for name, value in server.env(tmp_path).items():
            monkeypatch.setenv(name, value)
        assert main(["dashboard", "--project", "digits", "--name", "Mine"]) == 0
        address = capsys.readouterr().out.strip()
        ((name, view),) = server.views.items()
        assert (view["entityName"], view["projectName"], view["displayName"]) == ("me", "digits", "Mine")
        assert address == f"{server.url}/me/digits?nw={name.removeprefix('nw-').removesuffix('-v')}"
        again = workspaces.Workspace.from_url(address)
        assert server.unknown == []
    expected = dashboard.workspace("me", "digits", name="Mine")
    assert without_names(dashboard.specification(again)) == without_names(dashboard.specification(expected))


def without_names(text: str) -> Any:
    """A specification without what only reading back gives."""
    content = json.loads(text)
    for section in content["spec"]["section"]["panelBankConfig"]["sections"]:
        section.pop("__id__", None)
    return content


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--tsak", "regression"], "zoo dashboard: no option --tsak: did you mean '--task'?"),
        (["--task", "regresion"], "no task 'regresion': did you mean 'regression'?"),
        (["--entity"], "zoo dashboard: argument --entity: expected one argument"),
        (["--entity", "me", "--dry-run", "."], "cannot write . (--dry-run): Is a directory"),
        (["--dry-run", "nowhere/spec.json"], "no folder nowhere to write spec.json into (--dry-run)"),
        ([], "W&B: no account here; `wandb login` sets one up"),
    ],
)
def test_mistakes_are_one_line(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboard", *words]) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1


def test_the_environment_names_project_and_entity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANDB_ENTITY", "team")
    monkeypatch.setenv("WANDB_PROJECT", "faces")
    assert main(["dashboard", "--dry-run", str(tmp_path / "spec.json")]) == 0
    content = json.loads((tmp_path / "spec.json").read_text())
    assert (content["entity"], content["project"]) == ("team", "faces")


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dashboard, "find_spec", lambda name: None)
    assert main(["dashboard", "--entity", "me", "--dry-run", "-"]) == 2
    assert "needs wandb-workspaces: pip install 'lightning-zoo[dashboard]'" in capsys.readouterr().err
