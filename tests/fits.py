"""Small data of every modality, short trainings, and Lightning's noise, shared by tests of several folders."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning.pytorch import Trainer
from PIL import Image

from tests.data.tables import write_csv
from zoo.cli.quiet import NOISE
from zoo.data import ImageDataModule, TabularDataModule, TextDataModule
from zoo.data.base import DataModule

# What `zoo` itself silences on its command line, with the reasons that stand there.
QUIET = [pytest.mark.filterwarnings(f"ignore:{text}") for text in NOISE]

CLASSES = ("green", "red")


def short_trainer(folder: Path, *, epochs: int = 1, **options: Any) -> Trainer:
    """A trainer on the CPU that prints and writes nothing of its own."""
    plain: dict[str, Any] = {
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": str(folder),
    }
    return Trainer(max_epochs=epochs, **(plain | options))


def tabular_columns(n: int = 48, seed: int = 0) -> dict[str, list[Any]]:
    """Two numbers, one with gaps, and a category; `label` and `price` follow from them."""
    generator = np.random.default_rng(seed)
    a, b = generator.normal(size=(2, n)).round(4)
    return {
        "a": a.tolist(),
        "b": [None if i % 7 == 0 else value for i, value in enumerate(b.tolist())],
        "colour": [("red", "green", "blue")[i % 3] for i in range(n)],
        "label": ["high" if value > 0 else "low" for value in a + (np.arange(n) % 3 == 0)],
        "price": (3e5 + 1e5 * a + 2e4 * (np.arange(n) % 3)).round(2).tolist(),
    }


def tabular(folder: Path, *, task: str = "classification", n: int = 48) -> TabularDataModule:
    """A small table."""
    target, other = ("label", "price") if task == "classification" else ("price", "label")
    file = write_csv(folder / "table.csv", tabular_columns(n))
    return TabularDataModule(file, target=target, ignore=[other], batch_size=16)


def image(folder: Path, *, n: int = 20) -> ImageDataModule:
    """Class folders of small PNG files; the class is the stronger colour."""
    generator = np.random.default_rng(0)
    for channel, name in ((1, "green"), (0, "red")):
        (folder / "images" / name).mkdir(parents=True, exist_ok=True)
        for number in range(n):
            pixels = generator.integers(0, 120, (10, 9, 3), dtype=np.uint8)
            pixels[..., channel] += 120
            Image.fromarray(pixels).save(folder / "images" / name / f"{number}.png")
    return ImageDataModule(str(folder / "images"), batch_size=16)


def image_numbers(folder: Path, *, n: int = 40) -> ImageDataModule:
    """An .npz of grey images whose number is their mean."""
    generator = np.random.default_rng(0)
    x = (generator.integers(0, 256, (n, 1, 1)) * generator.uniform(0.5, 1, (n, 9, 9))).astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "numbers.npz", x=x, y=x.mean(axis=(1, 2)))
    return ImageDataModule(str(folder / "numbers.npz"), task="regression", batch_size=16)


def text(folder: Path, *, task: str = "classification", n: int = 48) -> TextDataModule:
    """Short texts whose words tell the class, or whose length is the number."""
    generator = np.random.default_rng(0)
    words = {"green": ("grass", "leaf", "frog"), "red": ("rose", "blood", "fire")}
    labels = [CLASSES[i % 2] for i in range(n)]
    texts = [" ".join(generator.choice(words[label], size=1 + i % 5)) for i, label in enumerate(labels)]
    target = labels if task == "classification" else [len(words) + 0.5 for words in texts]
    file = write_csv(folder / f"texts_{task}.csv", {"text": texts, "label": target})
    return TextDataModule(file, batch_size=16, vocab_size=300, max_length=16)


def data_of(modality: str, folder: Path, *, task: str = "classification") -> DataModule:
    """Small data of a modality."""
    if modality == "image":
        return image(folder) if task == "classification" else image_numbers(folder)
    return tabular(folder, task=task) if modality == "tabular" else text(folder, task=task)


# Small settings of each family, by the start of its class names.
SMALL: dict[str, dict[str, Any]] = {
    "MLP": {"hidden": [16], "dropout": 0.0},
    "CNN": {"widths": [8, 8], "dropout": 0.0},
    "Transformer": {"d_model": 16, "n_layers": 1, "n_heads": 2, "dropout": 0.0},
}


def small_options(model: str, modality: str) -> dict[str, Any]:
    """Settings that make a model tiny; for text the widths of a CNN are lengths of filters."""
    family = next(family for family in SMALL if model.startswith(family))
    return SMALL[family] | ({"widths": [2, 3]} if (family, modality) == ("CNN", "text") else {})


def build(model: str, data: DataModule, **options: Any) -> Any:
    """A tiny model of a registered class that fits the data."""
    from zoo.registry import load_class

    outputs = data.num_targets if model.endswith("Regressor") else data.num_classes
    return load_class("models", model)(
        data.inputs, outputs, **(small_options(model, data.inputs["modality"]) | options)
    )
