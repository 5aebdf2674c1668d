"""best.ckpt and last.ckpt in the run folder; the random state, so that a resumed run goes on as if never stopped."""

import shutil
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from zoo.callbacks.monitor import check_mode, check_watched, watched
from zoo.callbacks.seldom import Seldom
from zoo.messages import say


class BestCheckpoint(Seldom, ModelCheckpoint):
    """Keep the best and the last epoch as `checkpoints/best.ckpt` and `checkpoints/last.ckpt`.

    Args:
        enabled: False switches it off on the command line; in Python leave the callback out.
        monitor: Metric to choose by; None takes the model's own (val/loss, val/rmse), `score` its val/accuracy or
            val/rmse.
        mode: min or max; None takes what fits the metric.
        dirpath: Folder; None is `checkpoints` in the trainer's root.
    """

    def __init__(
        self, enabled: bool = True, *, monitor: str | None = None, mode: str | None = None, dirpath: str | None = None
    ) -> None:
        check_mode("checkpoint.mode", mode)
        super().__init__(
            dirpath=dirpath,
            filename="best",
            monitor=monitor or "val/loss",
            mode=mode or "min",
            save_last=False,
            save_top_k=1,
            save_on_train_epoch_end=True,
            auto_insert_metric_name=False,
            enable_version_counter=False,
        )
        self.enabled = enabled
        self._chosen = (monitor, mode)
        self._key: str | None = None
        self._judged: int | None = None  # step of the last validation

    @property
    def state_key(self) -> str:
        # Lightning asks for it at each hook of each step; it is settled by then.
        return self._key or super().state_key

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.monitor, self.mode = self.choice(pl_module)
        self.kth_value = torch.tensor(torch.inf if self.mode == "min" else -torch.inf)
        if self.dirpath is None:
            self.dirpath = str(Path(trainer.default_root_dir) / "checkpoints")
        super().setup(trainer, pl_module, stage)
        self._key = super().state_key

    def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        if trainer.is_global_zero:
            unshare(Path(filepath))
        super()._save_checkpoint(trainer, filepath)

    def choice(self, model: Any) -> tuple[str, str]:
        """The metric that chooses the best epoch of a model, and min or max."""
        return watched(model, *self._chosen)

    def _save_topk_checkpoint(self, trainer: Trainer, monitor_candidates: dict[str, Any]) -> None:
        if self.monitor in monitor_candidates:  # else it is told when last.ckpt is safe
            super()._save_topk_checkpoint(trainer, monitor_candidates)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save at once where more steps follow in the epoch: at its end the weights are others than were judged."""
        if self._should_skip_saving_checkpoint(trainer):
            return
        self._judged = trainer.global_step
        if self._of_validation and not (trainer.is_last_batch or trainer.should_stop):
            self._save_topk_checkpoint(trainer, self._monitor_candidates(trainer))

    @property
    def _of_validation(self) -> bool:
        return str(self.monitor).startswith("val/")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._of_validation or self._judged == trainer.global_step:
            super().on_train_epoch_end(trainer, pl_module)
        # Lightning's own `save_last` writes only in epochs that are the best so far.
        if not trainer.fast_dev_run:  # type: ignore[attr-defined]
            self.last_model_path = str(Path(self.dirpath or "") / "last.ckpt")
            trainer.save_checkpoint(self.last_model_path, weights_only=False)
        if self._judged is not None:
            check_watched("checkpoint.monitor", self.monitor, self._monitor_candidates(trainer))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._of_validation and not trainer.enable_validation:
            say("nothing is validated, so no epoch is the best: there is last.ckpt alone")


def unshare(file: Path) -> None:
    """Take a file apart from its other names, such as that of W&B's artifact of an earlier part of the run.

    Lightning writes into the file that is there where its temporary folder is on another disk.
    """
    if file.is_file() and file.stat().st_nlink > 1:
        part = file.with_name(file.name + ".part")
        shutil.copyfile(file, part)
        part.replace(file)


class RandomState(Seldom):
    """Keeps torch's random state in the checkpoint, the CPU's and that of the GPU which draws the masks of dropout; a
    resumed run draws the numbers it would have drawn."""

    def state_dict(self) -> dict[str, Any]:
        states = {"torch": torch.get_rng_state()}
        # Not where the CPU trains beside a GPU: asking would start CUDA.
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            states["cuda"] = torch.cuda.get_rng_state()
        if torch.backends.mps.is_available():
            states["mps"] = torch.mps.get_rng_state()
        return states

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # At once: the loader draws its first numbers before any hook of training is called.
        torch.set_rng_state(state_dict["torch"].cpu())
        if "cuda" in state_dict and torch.cuda.is_available():
            torch.cuda.set_rng_state(state_dict["cuda"].cpu())
        if "mps" in state_dict and torch.backends.mps.is_available():
            torch.mps.set_rng_state(state_dict["mps"].cpu())
