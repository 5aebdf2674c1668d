"""Normalisation of large batches, and the memory they use again."""

import pickle

import pytest
import torch
from torch import Tensor

from zoo.data import normalise
from zoo.data.normalise import ImageTransform, UsedAgain


def images(n: int = 5) -> Tensor:
    return torch.randint(0, 256, (n, 3, 8, 9), dtype=torch.uint8)


def test_large_batches_are_normalised_as_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    transform = ImageTransform([0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [])
    batch = images()
    mean, std = (torch.tensor(values)[:, None, None] for values in ([0.1, 0.2, 0.3], [0.4, 0.5, 0.6]))
    expected = (batch.float() / 255 - mean) / std
    torch.testing.assert_close(transform({"image": batch})["image"], expected)
    monkeypatch.setattr(normalise, "LARGE", 0)
    for _ in range(3):
        torch.testing.assert_close(transform({"image": batch})["image"], expected)
    torch.testing.assert_close(transform({"image": batch.permute(0, 1, 3, 2)})["image"], expected.permute(0, 1, 3, 2))


def test_batches_that_are_held_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalise, "LARGE", 0)
    transform = ImageTransform([0.0] * 3, [1.0] * 3, [])
    given = [images() for _ in range(8)]
    held = [transform({"image": batch})["image"] for batch in given]
    parts = [transform({"image": batch})["image"][2:3, 1].requires_grad_() for batch in given]
    squares = [part.square() for part in parts]  # autograd holds what it needs
    for batch in given:
        transform({"image": 255 - batch})
    for batch, result, part, square in zip(given, held, parts, squares, strict=True):
        torch.testing.assert_close(result, batch / 255)
        (gradient,) = torch.autograd.grad(square.sum(), part)
        torch.testing.assert_close(gradient, 2 * (batch[2:3, 1] / 255))


def test_memory_is_used_again_only_when_nobody_holds_it() -> None:
    memory = UsedAgain()
    first = memory.floats((4, 5))
    place = first.data_ptr()
    assert memory.floats((4, 5)).data_ptr() != place
    view = first[1:].numpy()
    del first
    assert all(memory.floats((4, 5)).data_ptr() != place for _ in range(5))
    del view
    assert memory.floats((3, 5)).shape == (3, 5)
    memory = UsedAgain()
    place = memory.floats((4, 5)).data_ptr()
    assert memory.floats((4, 5)).data_ptr() == place


def test_a_transform_travels_without_its_memory() -> None:
    transform = ImageTransform([0.0], [1.0], [])
    transform._memory.floats((1000, 1000))
    sent = pickle.dumps(transform)
    assert len(sent) < 10_000
    assert pickle.loads(sent)._memory.floats((2, 2)).shape == (2, 2)
