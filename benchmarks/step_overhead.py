"""A training step costs the arithmetic: zoo with all that is on by default, against Lightning's barest and a plain loop.

Three ways train the same network on the same batches (zoo's own loader) with the same fused AdamW, the same schedule
and clipping by norm 1:

- `zoo`: what `zoo fit` builds: model, three loggers, bar, checkpoint, figures, summary and all other callbacks;
- `barebones`: a LightningModule of twenty lines in `Trainer(barebones=True)`;
- `loop`: the loop of a PyTorch tutorial.

They run side by side in three threads, one at a time, and change every fifty steps. Counted is the processor time of
the process (all threads) a step, of the steps of one long epoch but the first ones; start, validation and writing at
the end stay out, logging on the way is in.

    python -m benchmarks.step_overhead
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR

from benchmarks.ratios import ROUNDS, Result, main, ratio
from zoo.cli.fit_cli import FitCLI
from zoo.cli.quiet import quiet
from zoo.cli.training import end_tracking
from zoo.data.arrays import Batch
from zoo.models.driver import BY_LIBRARY
from zoo.models.schedules import lr_factor

THREADS = 1  # a step this small only loses by a second one
CLIP = 1.0


class Turns:
    """Trainings in threads of their own, of which one runs at a time; they change after some steps.

    A machine that other work slows down for a second slows them all alike.

    Args:
        names: Of the trainings, in the order of their turns.
        chunk: Steps a turn.
        warm: Steps that are not counted.
    """

    def __init__(self, names: Sequence[str], *, chunk: int, warm: int) -> None:
        self.waiting = list(names)  # the first one runs
        self.chunk = chunk
        self.warm = warm
        self.seconds = dict.fromkeys(names, 0.0)
        self.steps = dict.fromkeys(names, 0)
        self._change = threading.Condition()
        self._started = 0.0

    def step(self, name: str) -> None:
        """Called before each step; gives the turn away where it is over."""
        self.steps[name] += 1
        if self.steps[name] % self.chunk == 0:
            self._note(name)
            self.pass_on(name)

    def pass_on(self, name: str, *, for_ever: bool = False) -> None:
        """Let the next one run, and wait for the next turn."""
        with self._change:
            self.waiting = self.waiting[1:] + ([] if for_ever else [name])
            self._change.notify_all()
        if not for_ever:
            self.wait(name)

    def wait(self, name: str) -> None:
        """Return when it is this one's turn."""
        with self._change:
            self._change.wait_for(lambda: self.waiting[0] == name)
        search_for_driver(name == "barebones")
        self._started = time.process_time()

    def _note(self, name: str) -> None:
        if self.steps[name] > self.warm:
            self.seconds[name] += time.process_time() - self._started


@dataclass(frozen=True)
class Case:
    """One model on one data set.

    Args:
        argv: What is typed after `zoo fit`.
        steps: Of the epoch.
        chunk: Steps a turn; zoo logs every ten.
        warm: Steps before the clock starts.
    """

    argv: Sequence[str]
    steps: int
    chunk: int
    warm: int

    def build(self, name: str, turns: Turns | None = None) -> FitCLI:
        """Everything for one training, whose batches take turns with those of the others."""
        cli = FitCLI(self.argv)
        if name == "zoo":
            cli.tracker.start()
        cli.datamodule.setup("fit")
        dataset = cli.datamodule.dataset("train")
        before = dataset.transform

        def in_turn(batch: Batch) -> Batch:
            if turns is not None:
                turns.step(name)
            return batch if before is None else before(batch)

        dataset.transform = in_turn
        return cli


def mlp_case(folder: Path, *, steps: int, chunk: int) -> Case:
    """MLP 32-128-128-10 on `steps` batches of 256 rows."""
    draw = np.random.default_rng(0)
    rows = steps * 256 + 512
    x = draw.normal(size=(rows, 32)).astype(np.float32)
    y = (x @ draw.normal(size=(32, 10))).argmax(axis=1)
    table = {f"x{i}": pa.array(x[:, i]) for i in range(32)} | {"y": pa.array([f"c{i}" for i in y])}
    pq.write_table(pa.table(table).slice(0, steps * 256), folder / "train.parquet")
    pq.write_table(pa.table(table).slice(steps * 256), folder / "val.parquet")
    argv = ["--model", "MLPClassifier", "--model.ensemble", "1", "--model.hidden", "[128, 128]", "--model.dropout", "0",
            "--model.lr", "0.001",
            "--data", "TabularDataModule", "--data.path", str(folder / "train.parquet"),
            "--data.val_path", str(folder / "val.parquet"), "--data.test_fraction", "0",
            "--data.batch_size", "256", *trainer_words(folder)]  # fmt: skip
    return Case(argv, steps, chunk, warm=2 * chunk)


def resnet_case(folder: Path, *, steps: int, chunk: int, batch: int = 16) -> Case:
    """timm's ResNet-18 on images of 64 pixels."""
    draw = np.random.default_rng(0)
    for part, rows in (("train", steps * batch), ("val", 10)):
        x = draw.integers(0, 256, (rows, 64, 64, 3), dtype=np.uint8)
        np.savez(folder / f"{part}.npz", x=x, y=np.arange(rows) % 10)
    argv = ["--model", "CNNClassifier", "--model.backbone", "resnet18", "--data", "ImageDataModule",
            "--data.path", str(folder / "train.npz"), "--data.val_path", str(folder / "val.npz"),
            "--data.test_fraction", "0", "--data.batch_size", str(batch), *trainer_words(folder)]  # fmt: skip
    return Case(argv, steps, chunk, warm=2 * chunk)  # the loggers open their files with the tenth step


def trainer_words(folder: Path) -> list[str]:
    words = {"max_epochs": "1", "accelerator": "cpu", "precision": "32", "default_root_dir": str(folder)}
    return [word for key, value in words.items() for word in (f"--trainer.{key}", value)]


# ---- the three ways --------------------------------------------------------------------------------------------------


def zoo_way(cli: FitCLI) -> nn.Module:
    cli.trainer.fit(cli.model, datamodule=cli.datamodule)
    end_tracking(cli, status="finished", test={})
    network: nn.Module = cli.model.network
    return network


class Bare(LightningModule):
    """The shortest LightningModule that trains the network."""

    def __init__(self, network: nn.Module, steps: int) -> None:
        super().__init__()
        self.network = network
        self.steps = steps

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return F.cross_entropy(self.network(**inputs_of(batch)), batch["target"])

    def configure_optimizers(self) -> Any:
        optimizer, schedule = optimizer_of(self.network, self.steps)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


def barebones_way(cli: FitCLI) -> nn.Module:
    bare = Bare(cli.model.network, len(cli.datamodule.train_dataloader()))
    trainer = Trainer(barebones=True, max_epochs=1, accelerator="cpu", gradient_clip_val=CLIP)
    trainer.fit(bare, cli.datamodule.train_dataloader())
    return bare.network


def loop_way(cli: FitCLI) -> nn.Module:
    network: nn.Module = cli.model.network
    loader = cli.datamodule.train_dataloader()
    network.train()
    optimizer, schedule = optimizer_of(network, len(loader))
    for batch in loader:
        optimizer.zero_grad()
        loss: Any = F.cross_entropy(network(**inputs_of(batch)), batch["target"])
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
        schedule.step()
    return network


def inputs_of(batch: Batch) -> Batch:
    return {name: array for name, array in batch.items() if name not in ("target", "index")}


def optimizer_of(network: nn.Module, steps: int) -> tuple[torch.optim.Optimizer, LambdaLR]:
    """AdamW that spares biases and norms from decay, and a cosine after a warm-up of a twentieth."""
    groups = [
        {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": 0.01},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, fused=True)
    warmup = round(0.05 * steps)
    return optimizer, LambdaLR(
        optimizer, lambda step: lr_factor("cosine", step, total_steps=steps, warmup_steps=warmup)
    )


WAYS: dict[str, Callable[[FitCLI], nn.Module]] = {"zoo": zoo_way, "barebones": barebones_way, "loop": loop_way}


def train_in_turns(case: Case, names: Sequence[str]) -> tuple[dict[str, float], dict[str, nn.Module]]:
    """Seconds of processor time of the counted steps, and the networks as they were trained."""
    turns = Turns(names, chunk=case.chunk, warm=case.warm)
    trained: dict[str, nn.Module] = {}
    failed: list[BaseException] = []

    def work(name: str, cli: FitCLI) -> None:
        turns.wait(name)
        try:
            torch.set_num_threads(THREADS)  # a thread's own setting
            torch.manual_seed(1)  # the same order of rows
            trained[name] = WAYS[name](cli)
        except BaseException as error:
            failed.append(error)
        finally:
            turns.pass_on(name, for_ever=True)

    with quiet():
        threads = [threading.Thread(target=work, args=(name, case.build(name, turns))) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]
    return turns.seconds, trained


def search_for_driver(on: bool) -> None:
    """Whether `torch.cuda.is_available()`, which AdamW asks at each step, searches the disk for a driver.

    Importing Lightning switches this on, which costs 0.2 ms a step where there is no GPU. A plain loop knows nothing of
    it, and zoo switches it off where there is no GPU.
    """
    os.environ.pop(BY_LIBRARY, None)
    if on:
        os.environ[BY_LIBRARY] = "1"


def measure(title: str, case: Case, names: Sequence[str], rounds: int) -> dict[str, list[float]]:
    costs: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        start = turn % len(names)
        seconds, _ = train_in_turns(case, [*names[start:], *names[:start]])
        for name in names:
            costs[name].append(seconds[name] / (case.steps // case.chunk * case.chunk - case.warm) * 1e6)
        print(
            f"{title}, round {turn + 1}: " + ", ".join(f"{n} {c[-1]:.0f} us" for n, c in costs.items()), file=sys.stderr
        )
    return costs


def run(small: bool) -> list[Result]:
    os.environ["WANDB_MODE"] = "offline"
    torch.set_num_threads(THREADS)
    rounds = 1 if small else ROUNDS
    with tempfile.TemporaryDirectory() as tables, tempfile.TemporaryDirectory() as images:
        mlp = mlp_case(Path(tables), steps=40 if small else 1000, chunk=10 if small else 50)
        costs = measure("MLP", mlp, list(WAYS), rounds)
        resnet = resnet_case(Path(images), steps=4 if small else 40, chunk=1 if small else 5)
        large = measure("ResNet-18", resnet, ["zoo", "loop"], rounds)
    return [
        ratio(costs, "zoo", "barebones", what="MLP: zoo / barebones", bar=1.15),
        ratio(costs, "zoo", "loop", what="MLP: zoo / loop", bar=1.5),
        ratio(costs, "barebones", "loop", what="MLP: barebones / loop"),
        ratio(large, "zoo", "loop", what="ResNet-18: zoo / loop", bar=1.02),
    ]


if __name__ == "__main__":
    sys.exit(main(run, __doc__))
