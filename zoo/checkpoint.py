"""A checkpoint is one file: weights, arguments, encoders, classes, config. `load` rebuilds model and data from it.

Read with `torch.load(weights_only=True)`: only plain values and tensors. A class that the file names is imported only
when it is registered (what ships, or an entry point), already imported by the caller, or `trust` is said.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from zoo import registry
from zoo.errors import InputError
from zoo.older_checkpoints import FORMATS, NEWEST, data_in_new_words, model_in_new_words
from zoo.tracking.wandb_settings import SCHEME

if TYPE_CHECKING:
    from zoo.data.base import DataModule
    from zoo.models.base import Model

NOT_OURS = "is no checkpoint of zoo"


def find_checkpoint(run: str | Path) -> Path:
    """The checkpoint of a run folder (the best one), of an artifact in W&B, or the `.ckpt` file itself.

    Raises:
        InputError: Nothing there; says what is.
    """
    if str(run).startswith(SCHEME):
        from zoo.tracking.artifacts import checkpoint_file

        return checkpoint_file(run)
    path = Path(run).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        for name in ("best.ckpt", "last.ckpt"):
            if (path / "checkpoints" / name).is_file():
                return path / "checkpoints" / name
        raise InputError(f"{run} holds no checkpoint: the run ended before its first epoch did, or is no run folder")
    beside = sorted(path.parent.glob("*/checkpoints")) if path.parent.is_dir() else []
    known = ", ".join(str(folder.parent) for folder in beside[-5:])
    raise InputError(f"no run folder or .ckpt file {run}" + (f"; there are {known}" if known else ""))


def read_checkpoint(run: str | Path) -> dict[str, Any]:
    """The file's content, on the CPU, after checking that it is ours and of a format we read.

    Raises:
        InputError: Not a checkpoint of zoo, torn, or of a newer format.
    """
    path = find_checkpoint(run)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, OSError) as error:
        raise InputError(f"{path} {NOT_OURS}, or it is damaged ({_first_line(error)})") from error
    about = content.get("zoo") if isinstance(content, dict) else None
    if not isinstance(about, dict) or "model" not in about:
        raise InputError(f"{path} {NOT_OURS}: it does not say which model it holds")
    if about.get("format") not in FORMATS:
        raise InputError(f"{path} has format {about.get('format')}, this zoo reads {NEWEST}: update zoo")
    data_in_new_words(content)
    return cast(dict[str, Any], content)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def find_class(class_path: str, *, trust: bool) -> Any:
    """The class that a checkpoint names, if it may be used.

    Raises:
        InputError: It is neither registered nor imported, and `trust` was not said; or it is gone.
    """
    module_name, _, name = class_path.rpartition(".")
    if not trust and not registry.is_registered(class_path) and module_name not in sys.modules:
        raise InputError(
            f"the checkpoint names the class {class_path}, which is not registered: say --trust (in Python trust=True) "
            "to import it, if you know where the file is from"
        )
    try:
        return getattr(import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"the checkpoint needs the class {class_path}, which cannot be imported: {error}") from error


def load(path: str | Path, *, trust: bool = False) -> tuple[Model, DataModule]:
    """Model (in eval mode, on the CPU) and data module of a run folder, `.ckpt` file or artifact; nothing else is needed.

    Args:
        path: Run folder (its best checkpoint is taken), file, or wandb://entity/project/name:best.
        trust: Import classes that are not registered. Say it only of files whose origin you know.

    Raises:
        InputError: No such file, not a checkpoint of zoo, or a class that may not be imported.
    """
    content = read_checkpoint(path)
    return build_model(content, trust=trust), build_data(content, trust=trust)


def build_model(content: dict[str, Any], *, trust: bool, decision: dict[str, Any] | None = None) -> Model:
    """The model of a checkpoint's content.

    Args:
        content: What `read_checkpoint` gave.
        trust: As in `load`.
        decision: `threshold` and `costs` in place of the stored ones.
    """
    from zoo.models.base import Model
    from zoo.networks.pretrained import without_pretrained

    about = content["zoo"]["model"]
    kind = find_class(about["class_path"], trust=trust)
    if not (isinstance(kind, type) and issubclass(kind, Model)):
        raise InputError(f"the checkpoint names {about['class_path']} as its model, which is no model of zoo")
    loss = about["init_args"].get("loss")
    if isinstance(loss, str) and "." in loss:
        find_class(loss, trust=trust)
    arguments, weights = model_in_new_words(content, kind)
    with _as_it_was(about["class_path"]), without_pretrained():
        model = kind(**(arguments | (decision or {})))
        model.load_state_dict(weights)
    return model.eval()


def build_data(content: dict[str, Any], *, trust: bool, arguments: dict[str, Any] | None = None) -> DataModule:
    """The data module of a checkpoint's content, its encoders restored.

    Args:
        content: What `read_checkpoint` gave.
        trust: As in `load`.
        arguments: Constructor arguments in place of the stored ones.
    """
    from zoo.data.base import DataModule

    about = content["zoo"].get("data")
    if about is None:
        raise InputError("the checkpoint holds no data module: it was trained on loaders of its own")
    kind = find_class(about["class_path"], trust=trust)
    if not (isinstance(kind, type) and issubclass(kind, DataModule)):
        raise InputError(f"the checkpoint names {about['class_path']} as its data module, which is none of zoo's")
    with _as_it_was(about["class_path"]):
        data = kind(**(about["init_args"] if arguments is None else arguments))
        data.load_state_dict(content[about["state_key"]])
    return data


@contextmanager
def _as_it_was(class_path: str) -> Iterator[None]:
    """Within, arguments or weights that a class does not take are one line: it has changed since the training.

    Raises:
        InputError: It does not take them.
    """
    try:
        yield
    except (TypeError, RuntimeError, LookupError) as error:
        said = " ".join(str(error).split())[:240]
        raise InputError(f"the class {class_path} is not as it was when the checkpoint was written: {said}") from error


def trained_precision(content: dict[str, Any]) -> str:
    """The arithmetic of the training, in which evaluation gives the figures that were logged.

    Half precision of a GPU that is not here becomes 32-true.
    """
    config = content["zoo"].get("config") or {}
    precision = str((config.get("trainer") or {}).get("precision") or "32-true")
    missing = precision.startswith("16") and not torch.cuda.is_available()
    return "32-true" if missing or precision == "auto" else precision
