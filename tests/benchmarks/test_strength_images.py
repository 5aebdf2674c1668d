"""The benchmark of images from scratch: its table, and one short run of the real command."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.strength import images


def test_the_table_has_mean_and_deviation_and_the_verdict() -> None:
    run = {"set": "mnist", "log_loss": 0.02, "seconds": 180.2, "epochs": 5, "commit": "abc"}
    lines = [run | {"seed": 0, "accuracy": 0.994}, run | {"seed": 1, "accuracy": 0.996}]
    last = images.table(lines).splitlines()[-1]
    assert last == ("| `mnist` | 2 | 0.9950 ± 0.0014 | 0.020 ± 0.000 | ≥ 0.994 | yes | 180 ± 0 | 5.0 ± 0.0 | abc |")
    lines[1]["accuracy"] = 0.99
    assert "**no**" in images.table(lines)


def test_a_run_by_the_real_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.random.default_rng(0)
    for split in ("train", "test"):
        y = np.arange(60) % 3
        x = (data.integers(0, 60, (60, 8, 8)) + 90 * y[:, None, None]).astype(np.uint8)
        np.savez(tmp_path / f"{split}.npz", x=x, y=y)
    job = images.Job(lambda folder: tmp_path, "00:00:00:02", bar=0.5)
    monkeypatch.setitem(images.SETS, "tiny", job)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out.jsonl"
    assert images.main(["--sets", "tiny", "--seeds", "1", "--out", str(out)]) == 0
    (told,) = [json.loads(text) for text in out.read_text().splitlines()]
    assert set(told) >= {"set", "seed", "accuracy", "log_loss", "seconds", "epochs", "commit"}
    assert told["accuracy"] > 0.5


def test_an_unknown_set_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        images.main(["--sets", "cifar11"])
    assert "no set cifar11: there are cifar10, mnist" in capsys.readouterr().err
