"""Samples a second of each choice of arithmetic on a CPU, over the plain one: float32, contiguous, optimiser not fused.

A step is forward, loss, backward and optimiser on a batch that is there already. Networks: the MLP of a table, the
residual net on 32 pixels with three channels (the usual and a thin one), the transformer of configs/transformer.yaml on
phrases of its own sample. Figures above 1 are faster than plain; zoo's defaults (channels last, fused, and bf16 where
`precision: auto` measures a gain) follow them.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.ratios import ROUNDS, Result, Way, alternate, main, ratio
from zoo.data import TextDataModule
from zoo.models import CNNClassifier, MLPClassifier, TransformerClassifier
from zoo.networks.resnet import SmallResNet

ROUND_SECONDS = 0.1  # a way's share of a round
COMPILE_UNTIL = 40  # seconds since the start; after that networks go without
Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Choice:
    """How steps are computed; the plain way is the default."""

    channels_last: bool = False
    bf16: bool = False
    fused: bool = False
    compiled: bool = False
    threads: int | None = None  # None: as many as torch takes


CHOICES = {
    "plain": Choice(),
    "fused": Choice(fused=True),
    "bf16": Choice(bf16=True),
    "one thread": Choice(threads=1),
    "compiled": Choice(compiled=True),
}
IMAGE_CHOICES = {
    **CHOICES,
    "channels last": Choice(channels_last=True),
    "channels last and bf16": Choice(channels_last=True, bf16=True),
}


class Contiguous(SmallResNet):
    """The residual net without its own turn to channels last."""

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.head(self.stages(self.stem(image)).mean(dim=(2, 3)))
        return logits


def table(rows: int) -> tuple[Any, Batch]:
    inputs = {"modality": "tabular", "n_numeric": 14, "cardinalities": [9, 16, 7, 15, 6]}
    model = MLPClassifier(inputs, 2, ensemble=1)
    numbers, ids = torch.randn(rows, 14), torch.randint(0, 6, (rows, 5))
    return model, {"numeric": numbers, "categorical": ids, "target": torch.arange(rows) % 2}


def image(rows: int, *, widths: list[int] | None = None) -> tuple[Any, Batch]:
    inputs = {"modality": "image", "channels": 3, "height": 32, "width": 32}
    model = CNNClassifier(inputs, 10, widths=widths)
    return model, {"image": torch.randn(rows, 3, 32, 32), "target": torch.arange(rows) % 10}


def text(rows: int) -> tuple[Any, Batch]:
    data = TextDataModule("sample:languages", vocab_size=2000, max_length=64, batch_size=rows)
    model = TransformerClassifier(data.inputs, data.num_classes, token_dropout=0.3, label_smoothing=0.1)
    return model, next(iter(data.train_dataloader()))


# Name -> how to build network and batch, rows of the batch, choices.
NETWORKS: dict[str, tuple[Callable[[int], tuple[Any, Batch]], int, dict[str, Choice]]] = {
    "MLP": (table, 256, CHOICES),
    "TextTransformer": (text, 64, CHOICES),
    "thin SmallResNet": (partial(image, widths=[8, 16, 32]), 128, IMAGE_CHOICES),
    "SmallResNet": (image, 64, IMAGE_CHOICES),
}


def prepare(model: Any, batch: Batch, choice: Choice) -> Callable[[], Tensor]:
    """A function that trains one step in the chosen way and returns the loss."""
    network = model.network
    if isinstance(network, SmallResNet) and not choice.channels_last:
        network.__class__ = Contiguous
        network.to(memory_format=torch.contiguous_format)
    if choice.compiled:
        network.compile()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=choice.fused)

    def step() -> Tensor:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16) if choice.bf16 else nullcontext():
            loss: Tensor = model.loss(model.logits(batch), batch["target"])
        torch.autograd.backward(loss)
        optimizer.step()
        return loss.detach()

    return step


def way(step: Callable[[], Tensor], n_steps: int, threads: int | None) -> Way:
    """Seconds of some steps with a number of threads."""

    def timed() -> float:
        before = torch.get_num_threads()
        torch.set_num_threads(threads or before)
        try:
            start = time.perf_counter()
            for _ in range(n_steps):
                step()
            return time.perf_counter() - start
        finally:
            torch.set_num_threads(before)

    return timed


def compare(name: str, *, rows: int | None = None, rounds: int, round_seconds: float, compiled: bool) -> list[Result]:
    """Each choice of one network over its plain way."""
    build, usual, choices = NETWORKS[name]
    rows = rows or usual
    chosen = {label: choice for label, choice in choices.items() if compiled or not choice.compiled}
    steps = {}
    for label, choice in chosen.items():
        torch.manual_seed(0)
        steps[label] = prepare(*build(rows), choice)
        started = time.perf_counter()
        steps[label]()
        if choice.compiled:
            print(f"{name}: {time.perf_counter() - started:.0f} s to compile", file=sys.stderr)
    once = min(way(steps["plain"], 1, None)() for _ in range(3))
    n_steps = max(1, round(round_seconds / once))
    print(f"{name}: {once * 1e3:.2f} ms a plain step of {rows} rows", file=sys.stderr)
    ways = {label: way(step, n_steps, chosen[label].threads) for label, step in steps.items()}
    costs = alternate(ways, rounds=rounds)
    speed = {label: rows * n_steps / statistics.median(costs[label]) for label in chosen}  # samples/s
    return [
        ratio(
            costs, "plain", label, what=f"{name}: {label}, {speed[label]:,.0f} / plain, {speed['plain']:,.0f} samples/s"
        )
        for label in chosen
        if label != "plain"
    ]


def run(small: bool) -> list[Result]:
    print(f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}", file=sys.stderr)
    if small:
        return compare("thin SmallResNet", rows=8, rounds=2, round_seconds=0.01, compiled=False)
    started = time.perf_counter()
    results: list[Result] = []
    for name in NETWORKS:
        compiled = time.perf_counter() - started < COMPILE_UNTIL
        results += compare(name, rounds=ROUNDS, round_seconds=ROUND_SECONDS, compiled=compiled)
    return results


if __name__ == "__main__":
    sys.exit(main(run, __doc__))
