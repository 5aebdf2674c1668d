"""The benchmark of photographs: both ways see the same images in the same form, and the lines exist."""

from pathlib import Path

import pytest
import torch

from benchmarks import photographs


def test_both_ways_give_batches_of_the_same_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    folder = photographs.write_photographs(tmp_path / "photographs", n_train=24, n_val=6)
    (ours,) = photographs.zoo_loader(folder)
    ((theirs, classes),) = photographs.torchvision_loader(folder)
    assert ours["image"].shape == theirs.shape == (24, 3, 224, 224)
    assert ours["image"].dtype == theirs.dtype == torch.float32
    assert torch.equal(ours["target"].sort().values, classes.sort().values)


def test_lines() -> None:
    results = photographs.run(small=True)
    assert [result.bar for result in results] == [1.0, 6.0, None]
    assert all(len(result.ratios) == 2 and min(result.ratios) > 0 for result in results)
