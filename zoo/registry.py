"""Names on the command line -> where the class stands, as "module:Class". Standard library only; nothing is imported.

What ships is listed here; other packages add theirs through the entry points `zoo.models`, `zoo.data` and
`zoo.callbacks`:

    [project.entry-points."zoo.models"]
    SoftCNN = "my_project:SoftCNN"
"""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from zoo.errors import InputError, did_you_mean

KINDS = ("models", "data", "callbacks")

_SHIPPED: dict[str, dict[str, tuple[str, str]]] = {
    "models": {
        "MLPClassifier": ("zoo.models.mlp:MLPClassifier", "multi-layer perceptron: tables, images, text"),
        "MLPRegressor": ("zoo.models.mlp:MLPRegressor", "the same, for numbers"),
        "CNNClassifier": ("zoo.models.cnn:CNNClassifier", "residual net or any timm backbone: images; 1-d: text"),
        "CNNRegressor": ("zoo.models.cnn:CNNRegressor", "the same, for numbers"),
        "TransformerClassifier": (
            "zoo.models.transformer:TransformerClassifier",
            "self-attention over tokens: text, image patches, table columns",
        ),
        "TransformerRegressor": ("zoo.models.transformer:TransformerRegressor", "the same, for numbers"),
    },
    "data": {
        "TabularDataModule": ("zoo.data.tabular:TabularDataModule", "CSV or Parquet: numbers, categories, dates"),
        "ImageDataModule": ("zoo.data.image:ImageDataModule", "class folders, .npz, torchvision:NAME"),
        "TextDataModule": ("zoo.data.text:TextDataModule", "CSV, Parquet, JSON lines, or folders of .txt"),
    },
    "callbacks": {
        "EarlyStopping": ("zoo.callbacks.early_stopping:EarlyStopping", "stop when validation gets no better"),
        "BestCheckpoint": ("zoo.callbacks.best_checkpoint:BestCheckpoint", "best.ckpt and last.ckpt"),
        "LRMonitor": ("zoo.callbacks.lr_monitor:LRMonitor", "log the learning rate"),
        "ProgressBar": ("zoo.callbacks.progress_bar:ProgressBar", "bar in a terminal, a line an epoch elsewhere"),
        "StopOnNaN": ("zoo.callbacks.stop_on_nan:StopOnNaN", "stop at once when the loss is NaN or infinite"),
        "Compile": (
            "zoo.callbacks.compile:Compile",
            "torch.compile without a change to the checkpoint; off unless asked",
        ),
        "EMA": ("zoo.callbacks.ema:EMA", "the running average of the weights is judged and kept; off unless asked"),
        "Unfreezing": (
            "zoo.callbacks.unfreezing:Unfreezing",
            "freeze a pretrained body at first; off unless asked",
        ),
        "Figures": ("zoo.callbacks.figures:Figures", "learning curves and confusion matrix as pictures"),
    },
}


class Entry(NamedTuple):
    """One registered class: its short name, where it stands, and a line on what it is."""

    name: str
    target: str  # "module:Class"
    summary: str
    package: str

    @property
    def class_path(self) -> str:
        return self.target.replace(":", ".")


@cache
def entries(kind: str) -> dict[str, Entry]:
    """All registered classes of a kind, by name: what ships first, then entry points by name.

    Args:
        kind: `models`, `data` or `callbacks`.

    Raises:
        InputError: Two packages register the same name.
    """
    found = {name: Entry(name, target, line, "zoo") for name, (target, line) in _SHIPPED[kind].items()}
    for point in sorted(entry_points(group=f"zoo.{kind}"), key=lambda point: point.name):
        package = point.dist.name if point.dist else "?"
        entry = Entry(point.name, point.value.strip(), f"from {package}", package)
        other = found.get(point.name)
        if other is not None and other.target != entry.target:
            raise InputError(
                f"the name {point.name} in {kind} is registered twice: {other.target} ({other.package}) and "
                f"{entry.target} ({package}); rename one entry point or uninstall one package"
            )
        found[point.name] = entry
    return found


def is_registered(class_path: str) -> bool:
    """Whether a dotted class path belongs to a registered class of any kind."""
    return any(entry.class_path == class_path for kind in KINDS for entry in entries(kind).values())


def load_class(kind: str, name: str) -> Any:
    """Import and return a registered class.

    Raises:
        InputError: No such name; the nearest is given.
    """
    known = entries(kind)
    if name not in known:
        raise InputError(f"no {kind} named {name!r}: {did_you_mean(name, known)}")
    module, _, attribute = known[name].target.partition(":")
    return getattr(import_module(module), attribute)
