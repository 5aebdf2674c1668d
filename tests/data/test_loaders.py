"""Loaders: what Lightning does with them, the order of a resumed run, and how many processes load."""

import warnings
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor
from torch.utils.data import DataLoader

from tests.fits import QUIET, build, data_of, short_trainer, text
from zoo.data.arrays import ArrayDataset, Batch, whole_batch
from zoo.data.loaders import MOST_WORKERS, build_loader, choose_workers
from zoo.data.text import TextDataModule

pytestmark = QUIET

MODALITIES = ["tabular", "image", "text"]


class Rows(Callback):
    """Keeps the rows of each batch, epoch by epoch."""

    def __init__(self) -> None:
        self.train: list[list[list[int]]] = []
        self.val: list[list[list[int]]] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.train.append([])

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.train[-1].append(batch["index"].tolist())

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.val.append([])

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self.val[-1].append(batch["index"].tolist())


def fit(folder: Path, data: Any, *, epochs: int = 2, ckpt_path: str | None = None, **options: Any) -> Rows:
    rows = Rows()
    torch.manual_seed(0)
    trainer = short_trainer(folder, epochs=epochs, callbacks=[rows], num_sanity_val_steps=0, **options)
    trainer.fit(build("MLPClassifier", data), datamodule=data, ckpt_path=ckpt_path)
    if ckpt_path is None:
        trainer.save_checkpoint(folder / "last.ckpt")
    return rows


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_fit_sees_every_row_once_an_epoch_in_another_order(modality: str, tmp_path: Path) -> None:
    data = data_of(modality, tmp_path / "data")
    rows = fit(tmp_path, data)
    n_train, n_val = len(data.dataset("train")), len(data.dataset("val"))
    for epoch in rows.train:
        assert sorted(chain.from_iterable(epoch)) == list(range(n_train))
    assert rows.train[0] != rows.train[1]
    assert sorted(chain.from_iterable(rows.val[0])) == list(range(n_val))
    assert rows.val[0] == rows.val[1]


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_resumed_run_sees_the_order_it_would_have_seen(num_workers: int, tmp_path: Path) -> None:
    data = text(tmp_path / "data")

    def again() -> TextDataModule:
        return type(data)(**(data.portable_arguments() | {"num_workers": num_workers}))

    whole = fit(tmp_path, again(), epochs=4)
    fit(tmp_path, again(), epochs=2)
    resumed = fit(tmp_path, again(), epochs=4, ckpt_path=str(tmp_path / "last.ckpt"))
    assert resumed.train == whole.train[2:]


@pytest.mark.parametrize("modality", MODALITIES)
def test_overfit_batches_takes_the_same_rows_in_every_epoch(modality: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Lightning warns where it has to take shuffling out
        warnings.filterwarnings("ignore", ".*(LeafSpec|GPU available but not used).*")
        rows = fit(tmp_path, data_of(modality, tmp_path / "data"), overfit_batches=1)
    assert rows.train[0] == rows.train[1]
    assert [len(batch) for batch in rows.train[0]] == [16]


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_prediction_writer_is_told_the_rows_of_each_batch(modality: str, tmp_path: Path) -> None:
    told: list[list[int]] = []

    class Writer(BasePredictionWriter):
        def write_on_batch_end(
            self, trainer: Any, pl_module: Any, prediction: Any, batch_indices: Any, batch: Any, *args: Any
        ) -> None:
            assert batch_indices == batch["index"].tolist()
            told.append(batch_indices)

    data = data_of(modality, tmp_path / "data")
    model = build("MLPClassifier", data)
    data.use_whole(data.path, with_target=False)
    short_trainer(tmp_path, callbacks=[Writer("batch")]).predict(model, datamodule=data)
    assert sorted(chain.from_iterable(told)) == list(range(len(data.dataset("predict"))))


def test_long_texts_are_predicted_first(tmp_path: Path) -> None:
    data = text(tmp_path)
    data.setup("predict")
    data.use_whole(data.path, with_target=False)
    lengths = [int(batch["mask"].sum(dim=1).max()) for batch in data.predict_dataloader()]
    assert lengths == sorted(lengths, reverse=True)


def test_a_loader_made_by_hand_gives_single_rows_or_whole_batches(tmp_path: Path) -> None:
    dataset = data_of("tabular", tmp_path).dataset("train")
    assert dataset[3]["target"].shape == ()
    whole: Any = whole_batch
    loader: DataLoader[Any] = DataLoader(dataset, batch_size=8, collate_fn=whole)
    assert next(iter(loader))["numeric"].shape[0] == 8
    assert dataset[torch.tensor([3, 5])]["index"].tolist() == [3, 5]


def test_the_seed_of_the_run_moves_the_order_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_of("tabular", tmp_path)

    def order() -> list[int]:
        return torch.cat([batch["index"] for batch in data.train_dataloader()]).tolist()

    monkeypatch.setenv("PL_GLOBAL_SEED", "1")
    first = order()
    assert first == order()
    monkeypatch.setenv("PL_GLOBAL_SEED", "2")
    assert first != order()


# ---- how many processes load -------------------------------------------------------------------------------------


def rows(transform: Any = None) -> ArrayDataset:
    return ArrayDataset({"x": torch.zeros(8), "index": torch.arange(8)}, transform)


def on(device: str, num_devices: int = 1) -> Any:
    return SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device(device)), num_devices=num_devices)


def same(batch: Batch) -> Batch:
    return batch


@pytest.mark.parametrize(
    ("cores", "device", "transform", "num_devices", "expected"),
    [
        (8, "cpu", same, 1, 0),  # the cores train
        (8, "cuda", None, 1, 0),  # a gather is quicker than sending its result
        (8, "cuda", same, 1, 4),
        (8, "cuda", same, 2, 3),
        (3, "cuda", same, 1, 2),
        (1, "cuda", same, 1, 0),
    ],
)
def test_pitfall_32_workers_follow_cores_and_kind_of_data(
    cores: int, device: str, transform: Any, num_devices: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.data.loaders.usable_cores", lambda: cores)
    assert choose_workers(rows(transform), on(device, num_devices)) == expected <= MOST_WORKERS


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_memory_is_pinned_where_batches_go_to_a_gpu(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # a GPU that the CPU trains beside
    trainer = on(device)
    trainer.distributed_sampler_kwargs = None
    loader = build_loader(rows(), "train", batch_size=2, num_workers=0, seed=0, epoch=0, trainer=trainer)
    assert loader.pin_memory is (device == "cuda")


def test_pitfall_32_the_right_number_of_workers_is_silent(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.resetwarnings()
        fit(tmp_path, data_of("tabular", tmp_path / "data"))
    assert [str(warning.message) for warning in seen if "workers" in str(warning.message)] == []


def test_the_number_that_the_user_gives_is_taken() -> None:
    loader = build_loader(rows(), "train", batch_size=2, num_workers=2, seed=0, epoch=0, trainer=None)
    assert loader.num_workers == 2
    seen: list[Tensor] = [batch["index"] for batch in loader]
    assert sorted(torch.cat(seen).tolist()) == list(range(8))
