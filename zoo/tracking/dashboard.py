"""A W&B workspace made for comparing runs: what is in it, its specification, and saving it.

metrics of the task -> sections of panels -> Workspace -> its specification as JSON, or a saved view and its address

Panels name what every run of zoo logs: the axes `trainer/global_step`, `samples_seen` and `seconds`; the flat config
keys of `flat_config`; the summary keys of summary.json.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from zoo.errors import InputError, did_you_mean
from zoo.tracking.wandb_api import one_line_errors

if TYPE_CHECKING:
    from wandb_workspaces import workspaces

NAME = "Comparing runs"
AXES = {"trainer/global_step": "step", "samples_seen": "rows seen", "seconds": "seconds of training"}
# Config key of every model -> whether its axis is logarithmic. One that some runs lack would hide them.
PARAMETERS = {
    "model": False,
    "model_lr": True,
    "model_weight_decay": False,
    "model_dropout": False,
    "max_epochs": False,
    "num_params": True,
}


@dataclass(frozen=True)
class Chart:
    """A chart of W&B's own that every test logs as a table.

    Args:
        key: Under which it is logged.
        design: W&B's name of it.
        title: Above it.
        fields: What the design draws -> column of the table.
    """

    key: str
    design: str
    title: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Task:
    """What runs of one kind are judged by.

    Args:
        metric: The one by which they are ranked.
        higher_is_better: Of that metric.
        others: More that are measured on the validation and the test split.
        charts: Of the test rows.
        table: Key of the table of the test rows that are the worst.
    """

    metric: str
    higher_is_better: bool
    others: tuple[str, ...]
    charts: tuple[Chart, ...]
    table: str

    @property
    def best(self) -> str:
        """The summary key by which runs are ranked, from the epoch that was best."""
        return f"best/val/{self.metric}"


CONFUSION = Chart(
    "test/confusion_matrix",
    "wandb/confusion_matrix/v1",
    "Confusion matrix",
    {name: name for name in ("Actual", "Predicted", "nPredictions")},
)
ROC = Chart("test/roc", "wandb/area-under-curve/v0", "ROC", {"x": "fpr", "y": "tpr", "class": "class"})
RELIABILITY = Chart("test/reliability", "wandb/line/v0", "Reliability", {"x": "confidence", "y": "accuracy"})
RESIDUALS = Chart("test/residuals", "wandb/scatter/v0", "Prediction and truth", {"x": "target", "y": "prediction"})
TASKS = {
    "classification": Task(
        "accuracy", True, ("f1_macro", "auroc", "log_loss", "ece"), (CONFUSION, ROC, RELIABILITY), "test/mistakes"
    ),
    "regression": Task("rmse", False, ("mae", "r2"), (RESIDUALS,), "test/largest_errors"),
}


def find_task(name: str) -> Task:
    """The task of a name.

    Raises:
        InputError: There is none of that name.
    """
    if name not in TASKS:
        raise InputError(f"no task {name!r}: {did_you_mean(name, TASKS)}")
    return TASKS[name]


def workspace(entity: str, project: str, *, task: str = "classification", name: str = NAME) -> workspaces.Workspace:
    """A workspace for the runs of a project; nothing is sent.

    Args:
        entity: User or team that the project is of.
        project: Its name.
        task: classification or regression: which metrics are shown.
        name: Of the view, as W&B lists it.

    Raises:
        InputError: No such task, or the package wandb-workspaces is not installed.
    """
    judged = find_task(task)
    if find_spec("wandb_workspaces") is None:
        raise InputError("zoo dashboard needs wandb-workspaces: pip install 'lightning-zoo[dashboard]'")
    from wandb_workspaces import workspaces as ws

    return ws.Workspace(
        entity=entity,
        project=project,
        name=name,
        sections=list(_sections(judged)),
        settings=ws.WorkspaceSettings(max_runs=30),
        runset_settings=ws.RunsetSettings(
            filters=ws.And(ws.Metric("State").notin(["crashed", "failed"])),
            groupby=[ws.Metric("Group")],
            order=[ws.Ordering(ws.Summary(judged.best), ascending=not judged.higher_is_better)],
            pinned_columns=[
                "run:displayName",
                f"summary:{judged.best}",
                f"summary:test/{judged.metric}",
                "summary:best/val/loss",
                "summary:seconds",
                "config:num_params.value",
                "config:model.value",
            ],
        ),
    )


def _sections(task: Task) -> Iterator[workspaces.Section]:
    from wandb_workspaces import workspaces as ws

    def section(name: str, panels: list[Any], columns: int, rows: int = 1) -> workspaces.Section:
        layout = ws.SectionLayoutSettings(columns=columns, rows=rows)
        return ws.Section(name=name, panels=panels, is_open=True, layout_settings=layout)

    for axis, words in AXES.items():
        yield section(f"Learning curves by {words}", _curves(task, axis, words), 3)
    yield section("Best of each group", _bars(task), 4, 2)
    yield section("What made the difference", _influences(task), 2, 2)
    yield section("Where they are wrong", _mistakes(task), 2, len(task.charts) // 2 + 1)
    yield section("Run by run, what differs", [_reports().RunComparer(diff_only=True)], 1)


def _reports() -> Any:
    from wandb_workspaces.reports import v2

    return v2


def _curves(task: Task, axis: str, words: str) -> list[Any]:
    """Mean and standard deviation of each group; few enough panels to be seen at once."""
    return [
        _reports().LinePlot(
            title=metric,
            x=axis,
            y=[metric],
            title_x=words,
            groupby_aggfunc="mean",
            groupby_rangefunc="stddev",
        )
        for metric in ("train/loss", "val/loss", f"val/{task.metric}")
    ]


def _bars(task: Task) -> list[Any]:
    shown = [task.best, f"test/{task.metric}", "best/val/loss", "test/loss"]
    shown += [f"test/{other}" for other in task.others]
    return [
        _reports().BarPlot(title=metric, metrics=[metric], groupby_aggfunc="mean", groupby_rangefunc="stddev")
        for metric in shown
    ]


def _influences(task: Task) -> list[Any]:
    """Which settings, and which cost, go with a good figure."""
    wr = _reports()
    columns = [
        wr.ParallelCoordinatesPlotColumn(metric=wr.Config(key), display_name=key, log=log or None)
        for key, log in PARAMETERS.items()
    ]
    columns += [
        wr.ParallelCoordinatesPlotColumn(metric=wr.SummaryMetric(key), display_name=key)
        for key in ("best/val/loss", task.best)
    ]
    return [
        wr.ParallelCoordinatesPlot(title=f"settings and {task.best}", columns=columns),
        wr.ParameterImportancePlot(with_respect_to="best/val/loss"),
        wr.ScatterPlot(
            title=f"{task.best} by seconds", x=wr.SummaryMetric("seconds"), y=wr.SummaryMetric(task.best), log_x=True
        ),
        wr.ScatterPlot(
            title=f"{task.best} by parameters", x=wr.Config("num_params"), y=wr.SummaryMetric(task.best), log_x=True
        ),
    ]


def _mistakes(task: Task) -> list[Any]:
    wr = _reports()
    return [*map(_chart, task.charts), wr.WeavePanelSummaryTable(table_name=task.table)]


def _chart(chart: Chart) -> Any:
    """As the client itself asks for a chart that was logged: what it draws is a table under its key and `_table`."""
    table = {"tableKey": f"{chart.key}_table"}
    return _reports().CustomChart(
        query={"id": None, "name": None, "_defaultColorIndex": None, "summaryTable": table},
        chart_name=chart.design,
        chart_fields=chart.fields,
        chart_strings={"title": chart.title},
    )


def specification(view: workspaces.Workspace) -> str:
    """What would be sent, as JSON: the same text each time, without an account and a network.

    W&B tells panels apart by random names; here they are numbered.
    """
    model = view._to_model()  # the package offers no other way to see what it sends
    content = {
        "entity": model.entity,
        "project": model.project,
        "displayName": model.display_name,
        "spec": json.loads(model.spec.model_dump_json(by_alias=True, exclude_none=True)),
    }
    number = 0
    for section in content["spec"]["section"]["panelBankConfig"]["sections"]:
        for panel in section["panels"]:
            number += 1
            panel["__id__"] = f"panel{number:02d}"
    return json.dumps(content, indent=2) + "\n"


def save(view: workspaces.Workspace) -> str:
    """Save the workspace as a new view of its project, and return its address.

    Raises:
        InputError: The server does not answer, or does not take it.
    """
    unsaved: Any = view  # the package leaves `save` without types
    with one_line_errors(), redirect_stderr(io.StringIO()):  # and says the address in its own way
        return str(unsaved.save().url)
