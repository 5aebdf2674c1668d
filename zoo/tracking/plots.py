"""Pictures of a run, drawn from plain numbers: learning curves, and how prediction and truth meet on the test split."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from zoo.tracking.examples import Example
from zoo.tracking.report import Bin, ClassReport, Curves, Mistake, RegressionReport, Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CLASSES_WITH_NUMBERS = 12  # more cells than this squared cannot be read
MOST_NAMED_CLASSES = 40
DPI = 100


def figures_of(report: Report, shown: Sequence[Example]) -> dict[str, Figure]:
    """The pictures of a test, by name.

    Args:
        report: What is drawn.
        shown: The rows of its mistakes, as a person sees them.
    """
    if isinstance(report, RegressionReport):
        return {"residuals": residuals(report.prediction, report.target, report.names)}
    found = {} if report.counts is None else {"confusion": confusion(report.counts, report.class_names)}
    if report.curves:
        found["roc_pr"] = roc_and_pr(report.curves)
    found["reliability"] = reliability_diagram(report.reliability)
    return found | mistakes_figure(report, shown)


def mistakes_figure(report: ClassReport, shown: Sequence[Example]) -> dict[str, Figure]:
    """`mistakes`, where the rows are pictures and some were taken for another class."""
    pairs = [(m, e) for m, e in zip(report.mistakes, shown, strict=True) if e.picture is not None]
    return {"mistakes": mistake_grid(pairs)} if pairs else {}


def png(figure: Figure) -> bytes:
    """The picture as a PNG file holds it."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI)
    return stream.getvalue()


def learning_curves(history: dict[str, list[tuple[int, float]]]) -> Figure:
    """Losses on the left, what else was watched on the right, by epoch."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    other = [name for name in history if not name.endswith("loss")]
    figure = Figure(figsize=(9 if other else 5, 3.5), layout="constrained")
    axes = figure.subplots(1, 2 if other else 1, squeeze=False)[0]
    for name, points in history.items():
        axis = axes[0] if name.endswith("loss") else axes[1]
        axis.plot(*zip(*points, strict=True), label=name, marker="o" if len(points) < 20 else None, markersize=3)
    for axis in axes:
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(alpha=0.3)
        axis.legend()
    return figure


def lr_range(columns: Mapping[str, Sequence[float]], chosen: float) -> Figure:
    """Loss by learning rate in a range test, and the rate that was chosen.

    Args:
        columns: `lr`, `loss` and `smoothed`, a value a step.
        chosen: One of the rates, or between two.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    axis.plot(columns["lr"], columns["loss"], color="C0", linewidth=1, alpha=0.35, label="loss of the same rows")
    axis.plot(columns["lr"], columns["smoothed"], color="C0", linewidth=2, label="smoothed")
    height = float(np.interp(np.log(chosen), np.log(columns["lr"]), columns["smoothed"]))
    axis.axvline(chosen, color="C3", linewidth=1, linestyle="--")
    axis.plot([chosen], [height], "o", color="C3", label=f"chosen: {chosen:g}")
    low, high = min(columns["smoothed"]), max(columns["smoothed"])
    room = 0.25 * (high - low) or 1.0
    axis.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(low - room, high + room))
    axis.set_title("learning rate range test")
    axis.grid(alpha=0.3)
    axis.legend(loc="lower left")
    return figure


def confusion(counts: Tensor, class_names: Sequence[str]) -> Figure:
    """Share of each true class by predicted class; counts in the cells where they can be read."""
    from matplotlib.figure import Figure

    n = len(class_names)
    side = min(12.0, 2.5 + 0.35 * n)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axis = figure.subplots()
    share = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    image = axis.imshow(share.numpy(), cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, label="share of the true class", shrink=0.8)
    if n <= MOST_NAMED_CLASSES:
        names = [short(name) for name in class_names]
        axis.set_xticks(range(n), names, rotation=90 if n > 4 and max(map(len, names)) > 3 else 0)
        axis.set_yticks(range(n), names)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    if n <= MOST_CLASSES_WITH_NUMBERS:
        for row in range(n):
            for column in range(n):
                axis.text(column, row, str(int(counts[row, column])), ha="center", va="center",
                          color="white" if share[row, column] > 0.5 else "black")  # fmt: skip
    return figure


def roc_and_pr(curves: Sequence[Curves]) -> Figure:
    """Two panels: the ROC with the diagonal of guessing, and precision against recall."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for curve in curves:
        left.plot(curve.false_positive_rate, curve.true_positive_rate, linewidth=1.3, label=short(curve.name))
        right.plot(curve.recall, curve.precision, linewidth=1.3, label=short(curve.name))
    left.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    left.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    right.set(xlabel="recall", ylabel="precision", title="precision and recall")
    for axis in (left, right):
        axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axis.grid(alpha=0.3)
    left.legend(fontsize=8, loc="lower right", title="class against the rest", title_fontsize=8)
    return figure


def reliability_diagram(bins: Sequence[Bin]) -> Figure:
    """How often predictions of a confidence are right, and how many have it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 5), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    sure, right = [b.confidence for b in bins], [b.accuracy for b in bins]
    top.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--", label="as sure as right")
    top.plot(sure, right, marker="o", markersize=4, label="this model")
    top.set(ylabel="share that is right", xlim=(0, 1.02), ylim=(0, 1.02))
    top.legend(fontsize=8, loc="upper left")
    bottom.bar(sure, [b.count for b in bins], width=0.04)
    bottom.set(xlabel="confidence", ylabel="rows")
    for axis in (top, bottom):
        axis.grid(alpha=0.3)
    return figure


def residuals(prediction: Tensor, target: Tensor, names: Sequence[str]) -> Figure:
    """Predicted against true numbers, and below them the errors, one column a target."""
    from matplotlib.figure import Figure

    n = min(len(names), 4)
    figure = Figure(figsize=(4.5 * n, 6), layout="constrained")
    panels = figure.subplots(2, n, squeeze=False, sharex="col", height_ratios=(2, 1))
    for column in range(n):
        truth, found = target[:, column], prediction[:, column]
        top, bottom = panels[0][column], panels[1][column]
        top.scatter(truth, found, s=6, alpha=0.4)
        top.axline((float(truth.mean()), float(truth.mean())), slope=1, color="grey", linewidth=1)
        top.set_ylabel(f"predicted {short(names[column])}")
        bottom.scatter(truth, found - truth, s=6, alpha=0.4)
        bottom.axhline(0, color="grey", linewidth=1)
        bottom.set(xlabel=f"true {short(names[column])}", ylabel="error")
    return figure


def mistake_grid(pairs: Sequence[tuple[Mistake, Example]]) -> Figure:
    """The pictures that were taken for another class, most confident first."""
    from matplotlib.figure import Figure

    columns = min(6, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = Figure(figsize=(1.9 * columns, 2.3 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for panel in panels:
        panel.axis("off")
    for panel, (mistake, example) in zip(panels, pairs, strict=False):
        panel.imshow(example.picture, cmap="gray", vmin=0, vmax=255)
        panel.set_title(
            f"{short(str(mistake.target), 12)} taken for {short(str(mistake.prediction), 12)}\n"
            f"{mistake.confidence:.0%} sure",
            fontsize=8,
        )
    return figure


def short(name: str, longest: int = 20) -> str:
    """A name that fits, whose dollars are no formula.

    Example:
        >>> short("a" * 30), short("5$")
        ('aaaaaaaaaaaaaaaaaaa…', '5\\\\$')
    """
    fitting = name if len(name) <= longest else name[: longest - 1] + "…"
    return fitting.replace("$", r"\$")
