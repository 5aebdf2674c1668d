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
from torch.utils.data import DataLoader

from zoo.data.arrays import Batch
from zoo.data.encoded import EncodedData
from zoo.data.loaders import build_loader, epochs_done
from zoo.data.parts import PARTS
from zoo.data.target import TargetEncoder

STATE_FORMAT = 1


class DataModule(EncodedData, LightningDataModule):
    """Base of the data modules: loaders, and the state that a checkpoint keeps.

    The arguments are those of `EncodedData`.
    """

    _epochs_done = 0
    _restored: dict[str, Any] | None = None

    # ---- what a leaf gives -------------------------------------------------------------------------------------

    @abstractmethod
    def encoder_state(self) -> dict[str, Any]:
        """The fitted encoder as plain values and tensors."""

    @abstractmethod
    def load_encoder_state(self, state: dict[str, Any]) -> None:
        """Restore what `encoder_state` gave."""

    def default_batch_size(self, n_rows: int) -> int:
        """Rows a batch when the user says nothing: about forty steps an epoch, within 16 and 256."""
        return int(2 ** np.clip(round(np.log2(max(n_rows, 1) / 40)), 4, 8))

    @property
    def rows_per_batch(self) -> int:
        """The batch size in use."""
        return self.batch_size or self.default_batch_size(len(self.sources["train"]))

    @property
    def train_rows(self) -> int:
        """How many rows the model learns from; of a restored module, what it learned from."""
        return len(self.sources["train"]) if self._restored is None else int(self._restored["rows"]["train"])

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
