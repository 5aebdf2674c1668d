"""summary.json: one flat object with what a run ended at and what it took."""

from __future__ import annotations

import json
import platform
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer

from zoo import __version__
from zoo.callbacks.seldom import Seldom

PACKAGES = ("lightning", "torch", "torchmetrics", "timm", "jsonargparse", "numpy")


class Summary(Seldom):
    """Gather what summary.json says, while the run goes; `write` puts it down.

    All `best/*` come from the one epoch that the checkpoint keeps.

    Args:
        file: Where to.
        facts: What is known from the start: name, model, seed, data fingerprint, ...
    """

    def __init__(self, file: str, facts: dict[str, Any]) -> None:
        self.file = Path(file)
        self.facts = dict(facts)
        self._by_epoch: dict[int, dict[str, float]] = {}
        self._seconds_before = 0.0
        self._started = 0.0
        self._rows = 0

    def state_dict(self) -> dict[str, Any]:
        return {"by_epoch": self._by_epoch, "seconds": self._seconds(), "rows": self._rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._by_epoch = state_dict["by_epoch"]
        self._seconds_before, self._rows = state_dict["seconds"], state_dict["rows"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._rows += len(batch["target"]) * trainer.world_size

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._by_epoch[trainer.current_epoch] = {
            name: float(value) for name, value in trainer.callback_metrics.items() if "/" in name
        }

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        seconds = self._seconds()
        self.facts |= {
            "epochs": len(self._by_epoch),
            "steps": trainer.global_step,
            "seconds": round(seconds, 3),
            "samples_per_second": round(self._rows / seconds, 1) if seconds else 0.0,
            "parameters": sum(parameter.numel() for parameter in pl_module.parameters()),
            "peak_memory_mb": round(peak_memory_mb(), 1),
            "precision": str(trainer.precision),
            "devices": trainer.num_devices,
        }
        self._seconds_before, self._started = seconds, 0.0

    def write(self, *, best_epoch: int | None, test: dict[str, float], status: str) -> None:
        """Write the file whole or not at all.

        Args:
            best_epoch: The epoch of best.ckpt.
            test: Metrics of the test split, `test/...`.
            status: finished, stopped_early, interrupted or failed.
        """
        last = self._by_epoch[max(self._by_epoch)] if self._by_epoch else {}
        best = self._by_epoch.get(best_epoch, {}) if best_epoch is not None else {}
        content = {
            "status": status,
            **self.facts,
            "best_epoch": best_epoch,
            **last,
            **{f"best/{name}": value for name, value in best.items() if name.startswith("val/")},
            **test,
            "zoo": __version__,
            "python": platform.python_version(),
            **{f"version_{name}": version(name) for name in PACKAGES},
        }
        part = self.file.with_name(self.file.name + ".part")
        part.write_text(json.dumps(content, indent=2) + "\n")
        part.replace(self.file)

    def _seconds(self) -> float:
        return self._seconds_before + (time.perf_counter() - self._started if self._started else 0.0)


def peak_memory_mb() -> float:
    """The most memory the process held, on the accelerator where there is one, else in main memory; MiB."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (2**20 if sys.platform == "darwin" else 2**10)
