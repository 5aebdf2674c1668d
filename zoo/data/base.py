"""The data module every modality builds on: parts, splits, target, loaders, and the state a checkpoint keeps.

file -> `read` -> Source -> split -> `fit_encoder` on train -> `encode` -> arrays -> `make_dataset` -> batches

A leaf gives those four verbs; all else is here. Reading and fitting happen on first need, so that `inputs` and
`num_classes` are known before a model exists.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from zoo.data.arrays import ArrayDataset, Batch
from zoo.data.loaders import build_loader, epochs_done
from zoo.data.source import Source
from zoo.data.splits import split_digest, stratified_split
from zoo.data.target import TargetEncoder
from zoo.errors import InputError
from zoo.messages import say

PARTS = ("train", "val", "test")
STATE_FORMAT = 1


class DataModule(LightningDataModule, ABC):
    """Base of the data modules. Offers `inputs`, `num_classes`, `num_targets`, `class_names` before any training.

    Args:
        path: File, folder, `sample:NAME`, or what else the modality reads.
        target: Column(s) to predict; None takes one called target, label, class or y.
        val_path: A file of its own for validation.
        test_path: A file of its own for test.
        val_fraction: Share of rows for validation (0-1) where no such file is given.
        test_fraction: Share of rows for test (0-1) where no such file is given.
        task: `auto`, `classification` or `regression`.
        batch_size: Rows a batch; None sizes it by the number of rows.
        num_workers: Loader processes; None chooses: 0 for arrays in memory, which is fastest.
        seed: Of the split, and of the order of train rows.

    Raises:
        InputError: What was given cannot be read or learned from; the message says what to do.
    """

    modality: ClassVar[str]

    def __init__(
        self,
        path: str,
        *,
        target: str | Sequence[str] | None,
        val_path: str | None,
        test_path: str | None,
        val_fraction: float,
        test_fraction: float,
        task: str,
        batch_size: int | None,
        num_workers: int | None,
        seed: int,
    ) -> None:
        super().__init__()
        if task not in ("auto", "classification", "regression"):
            raise InputError(f"data.task must be auto, classification or regression, got {task!r}")
        if batch_size is not None and batch_size < 1:
            raise InputError(f"data.batch_size must be at least 1, got {batch_size}")
        self.path = str(path)
        self.target = target
        self.val_path = val_path
        self.test_path = test_path
        self.val_fraction = val_fraction
        self.test_fraction = test_fraction
        self.task = task
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.whole_path: str | None = None
        self._target_encoder: TargetEncoder | None = None
        self._encoder_ready = False
        self._datasets: dict[str, ArrayDataset] = {}
        self._predict_source: Source | None = None
        self._epochs_done = 0

    # ---- what a leaf gives -------------------------------------------------------------------------------------

    @abstractmethod
    def read(self, path: str, *, with_target: bool = True) -> dict[str, Source]:
        """The sources at a path: `{"all": ...}`, or some of `train`, `val`, `test`.

        Args:
            path: As the user typed it.
            with_target: False for predict, where the target may be missing.
        """

    @abstractmethod
    def fit_encoder(self, source: Source) -> None:
        """Learn scaling, categories, vocabulary, ... from train rows."""

    @abstractmethod
    def encode(self, source: Source) -> Batch:
        """Rows as tensors with the rows first. Called after `fit_encoder` or `load_encoder_state`."""

    @property
    @abstractmethod
    def encoder_inputs(self) -> dict[str, Any]:
        """The description of the input for a model: modality and sizes, as a plain dict."""

    @abstractmethod
    def encoder_state(self) -> dict[str, Any]:
        """The fitted encoder as plain values and tensors."""

    @abstractmethod
    def load_encoder_state(self, state: dict[str, Any]) -> None:
        """Restore what `encoder_state` gave."""

    def make_dataset(self, arrays: Batch, *, training: bool) -> ArrayDataset:
        """Arrays as a data set; a leaf adds padding, augmentation, ... here."""
        return ArrayDataset(arrays)

    def default_batch_size(self, n_rows: int) -> int:
        """Rows a batch when the user says nothing: about forty steps an epoch, within 16 and 256."""
        return int(2 ** np.clip(round(np.log2(max(n_rows, 1) / 40)), 4, 8))

    # ---- what models and users read ----------------------------------------------------------------------------

    @property
    def inputs(self) -> dict[str, Any]:
        """Modality and sizes of the input, e.g. `{"modality": "tabular", "n_numeric": 8, "cardinalities": [3]}`."""
        self._fit()
        return self.encoder_inputs

    @property
    def target_encoder(self) -> TargetEncoder:
        self._fit()
        assert self._target_encoder is not None
        return self._target_encoder

    @property
    def class_names(self) -> list[str]:
        """Classes in the order of the model's outputs; for regression the names of the target columns."""
        return self.target_encoder.class_names

    @property
    def num_classes(self) -> int:
        """Number of classes (of labels, where a row may have several)."""
        return len(self.class_names)

    @property
    def num_targets(self) -> int:
        """Number of columns that a regression predicts."""
        return len(self.class_names)

    @property
    def multilabel(self) -> bool:
        """Whether a row may have several labels."""
        return self.target_encoder.task == "multilabel"

    @property
    def class_counts(self) -> Tensor:
        """Train rows of each class, (classes,). For class weights."""
        target = self.dataset("train").arrays["target"]
        if target.ndim == 1:
            return torch.bincount(target, minlength=self.num_classes)
        return target.sum(dim=0).long()

    @property
    def rows_per_batch(self) -> int:
        """The batch size in use."""
        return self.batch_size or self.default_batch_size(len(self.sources["train"]))

    @cached_property
    def fingerprint(self) -> str:
        """A short digest of the rows and how they were split, to tell whether two runs saw the same data."""
        parts = [self.sources[part].index for part in PARTS if part in self.sources]
        return split_digest(*parts, np.frombuffer("".join(self.class_names).encode().ljust(8) + b" " * 8, np.uint8))

    # ---- parts and splits --------------------------------------------------------------------------------------

    @cached_property
    def sources(self) -> dict[str, Source]:
        """Train, validation and test rows, before encoding. Rows without a target are left out, and that is said."""
        found = {part: self._with_target(source) for part, source in self.read(self.path).items()}
        for part, path in (("val", self.val_path), ("test", self.test_path)):
            if path is not None:
                found[part] = self._with_target(_only(self.read(path), part))
        if "all" in found:
            found["train"] = found.pop("all")
        if "train" not in found:
            raise InputError(f"{self.path}: no train part found; a folder holds train, val and test, or class folders")
        return self._split(found)

    def _with_target(self, source: Source) -> Source:
        if len(source) == 0:
            raise InputError(f"{source.path}: no rows")
        known = np.ones(len(source), dtype=bool)
        for column in source.target:
            known &= column.is_valid().to_numpy(zero_copy_only=False)
        if known.all():
            return source
        if not known.any():
            raise InputError(
                f"{source.path}: target {source.target_names[0]!r} has no value in any row: choose another --data.target"
            )
        say(f"{source.path}: {int((~known).sum())} of {len(source)} rows have no target and are left out")
        return source.take(np.flatnonzero(known))

    def _split(self, found: dict[str, Source]) -> dict[str, Source]:
        val_fraction = 0.0 if "val" in found else self.val_fraction
        test_fraction = 0.0 if "test" in found else self.test_fraction
        whole = found["train"]
        strata = self._strata(whole)
        try:
            rows = stratified_split(strata, val_fraction=val_fraction, test_fraction=test_fraction, seed=self.seed)
        except ValueError as error:
            raise InputError(f"data: {error}") from error
        parts = {part: whole.take(chosen) for part, chosen in zip(PARTS, rows, strict=True)} | {
            part: source for part, source in found.items() if part != "train"
        }
        if len(parts["val"]) == 0:
            raise InputError(
                f"{whole.path}: {len(whole)} rows leave none for validation: give more rows, a larger "
                "--data.val_fraction or a --data.val_path"
            )
        return {part: source for part, source in parts.items() if len(source)}

    def _strata(self, source: Source) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Class of each row; rows of equal labels together for several columns; one class for numbers."""
        kind = TargetEncoder.fit(source.target, source.target_names, self.task, source.path)
        if kind.task == "regression":
            return np.zeros(len(source), dtype=np.int64)
        ids = kind.encode(source.target, source.target_names, source.path).numpy()
        return ids if ids.ndim == 1 else np.unique(ids, axis=0, return_inverse=True)[1].reshape(-1)

    # ---- fitting and encoding ----------------------------------------------------------------------------------

    def _fit(self) -> None:
        if self._target_encoder is None:
            train = self.sources["train"]
            self._target_encoder = TargetEncoder.fit(train.target, train.target_names, self.task, train.path)
        if not self._encoder_ready:
            self.fit_encoder(self.sources["train"])
            self._encoder_ready = True

    def dataset(self, part: str) -> ArrayDataset:
        """The encoded rows of `train`, `val`, `test` or `predict`, made once."""
        if part not in self._datasets:
            self._fit()
            source = self.source(part)
            arrays = self.encode(source) | {"index": torch.arange(len(source))}
            if source.target:
                arrays["target"] = self.target_encoder.encode(source.target, source.target_names, source.path)
            self._datasets[part] = self.make_dataset(arrays, training=part == "train")
        return self._datasets[part]

    def source(self, part: str) -> Source:
        """The raw rows behind `dataset(part)`, in the same order."""
        if part == "predict" or self.whole_path is not None:
            if self._predict_source is None:
                raise InputError("nothing to predict on: give a file")
            return self._predict_source
        if part not in self.sources:
            raise InputError(
                f"{self.path}: no {part} rows; give --data.{part}_path or a --data.{part}_fraction above 0"
            )
        if part != "train":
            self.sources[part] = self._known_classes(self.sources[part])
        return self.sources[part]

    def _known_classes(self, source: Source) -> Source:
        """Without the rows of classes that train does not have; that is said."""
        if self.target_encoder.task != "classification":
            return source
        ids = self.target_encoder.encode(source.target, source.target_names, source.path)
        known = (ids >= 0).numpy()
        if known.all():
            return source
        strange = pc.unique(source.target[0].filter(pa.array(~known))).to_pylist()
        if not known.any():
            raise InputError(f"{source.path}: no row is of a class that train rows have; found {strange[0]!r}, ...")
        say(
            f"{source.path}: {int((~known).sum())} rows are of classes train does not have ({strange[0]!r}, ...): left out"
        )
        return source.take(np.flatnonzero(known))

    def use_whole(self, path: str, *, with_target: bool) -> Source:
        """Take every row of a file for test, validation or predict; the fitted encoder stays as it is.

        Of a folder with `test/` (or a `test.*` file) only that part is taken, when a target is wanted.
        """
        found = self.read(path, with_target=with_target)
        source = found.get("all") or found.get("test") or next(iter(found.values()))
        if len(source) == 0:
            raise InputError(f"{path}: no rows")
        if with_target:
            source = self._known_classes(self._with_target(source))
            self.whole_path = path
        elif source.target and any(column.null_count for column in source.target):
            source = replace(source, target=(), target_names=())
        self._predict_source = source
        self._datasets = {part: data for part, data in self._datasets.items() if part == "train"}
        return source

    # ---- Lightning ---------------------------------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        self._fit()

    def train_dataloader(self) -> DataLoader[Batch]:
        return self._loader("train")

    def val_dataloader(self) -> DataLoader[Batch]:
        return self._loader("val")

    def test_dataloader(self) -> DataLoader[Batch]:
        return self._loader("test")

    def predict_dataloader(self) -> DataLoader[Batch]:
        return self._loader("predict")

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        # On a CPU a batch is where it has to be; Lightning would walk through it all the same.
        return batch if device.type == "cpu" else super().transfer_batch_to_device(batch, device, dataloader_idx)

    def _loader(self, part: str) -> DataLoader[Batch]:
        return build_loader(
            self.dataset(part),
            part,
            batch_size=self.rows_per_batch,
            num_workers=self.num_workers,
            seed=self.seed,
            epoch=self._epochs_done,
            trainer=self.trainer,
        )

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: the fitted encoder, the target's classes, the split's fingerprint, the batch size."""
        self._fit()
        return {
            "format": STATE_FORMAT,
            "encoder": self.encoder_state(),
            "target": self.target_encoder.state_dict(),
            "target_names": list(self._target_names()),
            "fingerprint": self.fingerprint,
            "batch_size": self.rows_per_batch,
            "epochs_done": epochs_done(self.trainer),
            "rows": {part: len(self.sources[part]) for part in PARTS if part in self.sources},
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the fitted state; it is never fitted again after this."""
        self._target_encoder = TargetEncoder.from_state(state_dict["target"])
        self.target = (
            state_dict["target_names"][0] if len(state_dict["target_names"]) == 1 else state_dict["target_names"]
        )
        self.load_encoder_state(state_dict["encoder"])
        self._encoder_ready = True
        self.batch_size = self.batch_size or state_dict["batch_size"]
        self._restored = state_dict
        self._epochs_done = state_dict.get("epochs_done", 0)
        self._datasets = {}

    def portable_arguments(self) -> dict[str, Any]:
        """Constructor arguments with local paths made absolute, so that a checkpoint finds its data from any folder."""
        arguments = {name: value for name, value in self.hparams.items() if not name.startswith("_")}
        for name in ("path", "val_path", "test_path"):
            value = arguments.get(name)
            if isinstance(value, str) and Path(value).expanduser().exists():
                arguments[name] = str(Path(value).expanduser().resolve())
        return arguments

    def _target_names(self) -> tuple[str, ...]:
        return self.sources["train"].target_names


def _only(found: dict[str, Source], part: str) -> Source:
    return found.get("all") or found.get(part) or next(iter(found.values()))


def find_parts(folder: Path, endings: Sequence[str]) -> dict[str, Path]:
    """`train.*`, `val.*` and `test.*` (or `validation.*`, `valid.*`) in a folder, by part."""
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        part = {"validation": "val", "valid": "val"}.get(file.stem.lower(), file.stem.lower())
        if part in PARTS and file.suffix.lower() in endings:
            if part in found:
                raise InputError(f"{folder}: both {found[part].name} and {file.name} are a {part} part: keep one")
            found[part] = file
    return {part: found[part] for part in PARTS if part in found}
