"""The data module every modality builds on: encoded rows as batches for Lightning, and the state a checkpoint keeps.

`EncodedData` -> data sets -> loaders -> batches
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, Sampler, SequentialSampler

from zoo.data.arrays import ArrayDataset, Batch, whole_batch
from zoo.data.encoded import EncodedData
from zoo.data.parts import PARTS
from zoo.data.target import TargetEncoder

STATE_FORMAT = 1


class DataModule(EncodedData, LightningDataModule):
    """Base of the data modules: loaders, and the state that a checkpoint keeps.

    The arguments are those of `EncodedData`.
    """

    # ---- what a leaf gives -------------------------------------------------------------------------------------

    @abstractmethod
    def encoder_state(self) -> dict[str, Any]:
        """The fitted encoder as plain values and tensors."""

    @abstractmethod
    def load_encoder_state(self, state: dict[str, Any]) -> None:
        """Restore what `encoder_state` gave."""

    def batch_sampler(self, dataset: ArrayDataset, sampler: Sampler[int], *, drop_last: bool) -> BatchSampler | None:
        """How rows are put into batches, where it is not one after the other; text groups rows of similar length."""
        return None

    def default_batch_size(self, n_rows: int) -> int:
        """Rows a batch when the user says nothing: about forty steps an epoch, within 16 and 256."""
        return int(2 ** np.clip(round(np.log2(max(n_rows, 1) / 40)), 4, 8))

    @property
    def rows_per_batch(self) -> int:
        """The batch size in use."""
        return self.batch_size or self.default_batch_size(len(self.sources["train"]))

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

    def _loader(self, part: str) -> DataLoader[Batch]:
        dataset = self.dataset(part)
        training = part == "train"
        overfits = self.trainer is not None and bool(getattr(self.trainer, "overfit_batches", 0))
        shuffle = training and not overfits  # overfit_batches wants the same batches in every epoch
        sampler: Sampler[int] = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
        # A last batch of a single row breaks batch normalisation.
        lonely = training and len(dataset) > self.rows_per_batch and len(dataset) % self.rows_per_batch == 1
        options: dict[str, Any] = {
            "num_workers": self.num_workers,
            "collate_fn": whole_batch,
            "pin_memory": torch.cuda.is_available(),
            "persistent_workers": self.num_workers > 0,
        }
        grouped = self.batch_sampler(dataset, sampler, drop_last=lonely)
        if grouped is not None:
            return DataLoader(dataset, batch_sampler=grouped, **options)
        # The sampler must be the loader's own: under DDP Lightning tells from it whether to shuffle.
        return DataLoader(dataset, batch_size=self.rows_per_batch, sampler=sampler, drop_last=lonely, **options)

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
