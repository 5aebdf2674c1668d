"""summary.json: one flat object with what a run ended at and what it took."""

from __future__ import annotations

import json
import platform
import resource
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer

from zoo import __version__
from zoo.callbacks.seldom import Seldom
from zoo.tracking.axes import Axes

PACKAGES = ("lightning", "torch", "torchmetrics", "timm", "jsonargparse", "numpy")


class Summary(Seldom):
    """Gather what summary.json says, while the run goes; `write` puts it down.

    All `best/*` come from the one epoch that the checkpoint keeps.

    Args:
        file: Where to.
        facts: What is known from the start: name, model, seed, data fingerprint, ...
        axes: Counts the rows and the seconds.
    """

    def __init__(self, file: str, facts: dict[str, Any], axes: Axes) -> None:
        self.file = Path(file)
        self.facts = dict(facts)
        self.axes = axes
        self.trained = False  # whether this part of the run has made a step
        self._first_step = 0
        self._before: dict[str, Any] = {}
        self._by_epoch: dict[int, dict[str, float]] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"by_epoch": self._by_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._by_epoch = state_dict["by_epoch"]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._by_epoch[trainer.current_epoch] = {
            name: float(value) for name, value in trainer.callback_metrics.items() if "/" in name
        }

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._first_step = trainer.global_step

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._take_stock(trainer, pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        if self.axes.samples_seen:
            self._take_stock(trainer, pl_module)

    def _take_stock(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """What the training took so far."""
        self.trained = trainer.global_step > self._first_step
        seconds, device = self.axes.seconds, trainer.strategy.root_device
        self.facts |= {
            "epochs": len(self._by_epoch),
            "steps": trainer.global_step,
            "seconds": round(seconds, 3),
            "samples_per_second": round(self.axes.samples_seen / seconds, 1) if seconds else 0.0,
            "parameters": sum(parameter.numel() for parameter in pl_module.parameters()),
            "peak_memory_mb": round(peak_memory_mb(device), 1),
            "precision": str(trainer.precision),
            "device": device_name(device),
            "devices": trainer.num_devices,
        }

    def start(self) -> None:
        """Say that the run goes on; what an earlier part of it ended at stays until there is something new."""
        self._before = json.loads(self.file.read_text()) if self.file.is_file() else {}
        self._put({**self._before, "status": "running", **self.facts})

    def content(self, *, best_epoch: int | None, test: dict[str, float], status: str) -> dict[str, Any]:
        """What summary.json says; where nothing was trained, what an earlier part of the run ended at stays.

        Args:
            best_epoch: The epoch of best.ckpt.
            test: Metrics of the test split, `test/...`.
            status: running, finished, pruned, interrupted or failed.
        """
        earlier = {} if self.trained else {name: value for name, value in self._before.items() if name != "status"}
        last = self._by_epoch[max(self._by_epoch)] if self._by_epoch else {}
        best = self._by_epoch.get(best_epoch, {}) if best_epoch is not None else {}
        return {
            "status": status,
            **self.facts,
            "best_epoch": best_epoch,
            **last,
            **{f"best/{name}": value for name, value in best.items() if name.startswith("val/")},
            **{name if name in ("zoo", "python") else f"version_{name}": said for name, said in versions().items()},
            **earlier,
            **test,
        }

    def write(self, *, best_epoch: int | None, test: dict[str, float], status: str) -> dict[str, Any]:
        """Write the file whole or not at all, and return what it says; the arguments are those of `content`."""
        content = self.content(best_epoch=best_epoch, test=test, status=status)
        self._put(content)
        return content

    def _put(self, content: dict[str, Any]) -> None:
        part = self.file.with_name(self.file.name + ".part")
        part.write_text(json.dumps(content, indent=2) + "\n")
        part.replace(self.file)


def versions() -> dict[str, str]:
    """Of zoo, Python and the packages that decide what a run computes."""
    return {
        "zoo": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def peak_memory_mb(device: torch.device) -> float:
    """The most memory the process held, on a GPU that it computes on, else in main memory; MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (2**20 if sys.platform == "darwin" else 2**10)


def device_name(device: torch.device) -> str:
    """What a GPU calls itself (`NVIDIA H100 80GB HBM3`), else the kind of device: `cpu`, `mps`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
