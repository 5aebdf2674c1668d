"""`--trainer.precision auto` picks by device, says why, and writes the value; evaluation computes as training did."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

import zoo
from zoo.cli import precision
from zoo.cli.main import main
from zoo.cli.precision import check_precision, choose, cpu_has_bf16, device_kind, settle_precision
from zoo.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore")
MLP = ["fit", "--config", "configs/mlp.yaml", "--trainer.max_epochs", "2", "--trainer.logger", "false"]
MLP += ["--trainer.accelerator", "cpu"]
NONE: Any = None


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ZOO_PRECISION", "WORLD_SIZE", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)


def stored(run: str) -> tuple[str | None, str]:
    """What config.yaml and summary.json of a run say."""
    config = yaml.safe_load(Path(run, "config.yaml").read_text())
    return config["trainer"]["precision"], json.loads(Path(run, "summary.json").read_text())["precision"]


@pytest.mark.parametrize(("with_bf16", "value"), [(True, "bf16-mixed"), (False, "16-mixed")])
def test_a_gpu_computes_in_half(with_bf16: bool, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: with_bf16)
    assert choose("cuda", NONE, NONE)[0] == value


def test_apple_and_others_compute_in_32() -> None:
    assert choose("mps", NONE, NONE) == ("32-true", "the safe choice on mps")
    assert choose("tpu", NONE, NONE)[0] == "32-true"


def test_the_device_is_the_one_that_lightning_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    from lightning.pytorch.accelerators import CPUAccelerator, CUDAAccelerator, MPSAccelerator

    monkeypatch.setattr(CUDAAccelerator, "is_available", staticmethod(lambda: False))
    monkeypatch.setattr(MPSAccelerator, "is_available", staticmethod(lambda: True))
    assert [device_kind(name) for name in ("auto", "gpu", "cpu", "tpu")] == ["mps", "mps", "cpu", "tpu"]
    monkeypatch.setattr(CUDAAccelerator, "is_available", staticmethod(lambda: True))
    assert [device_kind(name) for name in ("auto", "gpu", CPUAccelerator())] == ["cuda", "cuda", "cpu"]


@pytest.mark.parametrize(
    ("capabilities", "found"),
    [({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"bf16": True}, True), ({"avx2": True}, False)],
)
def test_a_processor_has_bf16_when_it_says_so(
    capabilities: dict[str, bool], found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert cpu_has_bf16() is found
    if not found:
        assert choose("cpu", NONE, NONE) == ("32-true", "the processor has no bf16")
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert cpu_has_bf16()  # unknown: the trial decides


def trial(gain: float | Exception | None) -> Any:
    def measured(model: Any, rows: Any, n_rows: int) -> float | None:
        if isinstance(gain, Exception):
            raise gain
        return gain

    return measured


@pytest.mark.parametrize(
    ("gain", "value", "why"),
    [
        (2.0, "bf16-mixed", "a step in bf16 is 2 times as fast here, 1.4 is asked for"),
        (1.39, "32-true", "a step in bf16 is 1.39 times as fast here, 1.4 is asked for"),
        (None, "32-true", "a step is too short to gain from bf16"),
        (RuntimeError("x"), "32-true", "a trial was not possible: RuntimeError"),
    ],
)
def test_on_a_cpu_a_trial_decides(gain: Any, value: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    monkeypatch.setattr(precision, "bf16_gain", trial(gain))
    data: Any = SimpleNamespace(dataset=lambda part: [0] * 5, rows_per_batch=4)
    assert choose("cpu", NONE, data) == (value, why)
    monkeypatch.setenv("WORLD_SIZE", "2")  # torchrun: each process would measure for itself
    assert choose("cpu", NONE, data)[0] == "32-true"


def test_other_processes_take_what_the_first_one_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "choose", lambda *arguments: ("bf16-mixed", "first"))
    settings = SimpleNamespace(precision="auto", accelerator="cpu", plugins=None)
    assert settle_precision(settings, NONE, NONE) == "bf16-mixed"
    monkeypatch.setattr(precision, "choose", lambda *arguments: ("32-true", "second"))
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert settle_precision(settings, NONE, NONE) == "bf16-mixed"
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert settle_precision(settings, NONE, NONE) == "32-true"
    assert settle_precision(SimpleNamespace(precision="64-true"), NONE, NONE) == "64-true"


def test_a_precision_plugin_of_the_users_own_decides() -> None:
    flags = ["--trainer.plugins", "lightning.pytorch.plugins.precision.DoublePrecision", "--name", "own"]
    assert main([*MLP, *flags]) == 0
    assert stored("runs/own") == (None, "64-true")
    assert main(["test", "runs/own"]) == 0


def test_the_nearest_valid_precision_is_named() -> None:
    for value in (None, "auto", 16, 32, "32", "bf16", "bf16-mixed", "16-true", "64-true"):
        check_precision(value)
    with pytest.raises(InputError, match="trainer.precision cannot be 'bf17-mixed': did you mean 'bf16-mixed'?"):
        check_precision("bf17-mixed")
    with pytest.raises(InputError, match="trainer.precision cannot be 8: valid: auto, "):
        check_precision(8)
    Path("wrong.yaml").write_text("trainer: {precision: autoo}\n")
    assert main([*MLP, "--config", "wrong.yaml"]) == 2


def test_a_tiny_model_trains_in_32_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*MLP, "--name", "tiny"]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("precision: ")]
    assert len(said) == 1
    assert said[0].startswith("precision: 32-true (")
    assert stored("runs/tiny") == ("32-true", "32-true")


def test_pitfall_20_a_run_in_bf16_is_evaluated_in_bf16(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    monkeypatch.setattr(precision, "bf16_gain", trial(3.0))
    assert main([*MLP, "--name", "half", "--model.lr", "0.02"]) == 0
    assert stored("runs/half") == ("bf16-mixed", "bf16-mixed")
    result = json.loads(Path("runs/half/summary.json").read_text())
    capsys.readouterr()
    for command, best in (("test", "test/"), ("validate", "best/val/")):
        assert main([command, "runs/half"]) == 0
        for line in capsys.readouterr().out.strip().splitlines():
            name, value = line.split()
            assert float(value) == pytest.approx(result[best + name.split("/")[1]], rel=6e-6), (
                name
            )  # six digits are printed
    model, data = zoo.load("runs/half")
    rows = data.dataset("test").arrays
    with torch.inference_mode():
        exact = float(model.loss(model.logits(rows), rows["target"]))
    assert exact != pytest.approx(result["test/loss"], rel=1e-5)  # so the precision was what made them equal


def test_a_resumed_run_and_one_from_its_config_keep_the_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    monkeypatch.setattr(precision, "bf16_gain", trial(3.0))
    assert main([*MLP, "--name", "first"]) == 0
    monkeypatch.setattr(precision, "bf16_gain", trial(1.0))
    capsys.readouterr()
    assert main(["fit", "--resume", "runs/first", "--trainer.max_epochs", "3"]) == 0
    assert main(["fit", "--config", "runs/first/config.yaml", "--name", "again", "--trainer.logger", "false"]) == 0
    assert "precision: " not in capsys.readouterr().err
    assert stored("runs/first") == stored("runs/again") == ("bf16-mixed", "bf16-mixed")
    assert main([*MLP, "--name", "fresh"]) == 0
    assert stored("runs/fresh")[0] == "32-true"


def test_evaluation_may_be_told_another_precision(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*MLP, "--name", "run", "--trainer.precision", "bf16-mixed"]) == 0
    found = []
    for flags in ([], ["--trainer.precision", "auto"], ["--trainer.precision", "32-true"]):
        capsys.readouterr()
        assert main(["test", "runs/run", *flags]) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1] != found[2]


@pytest.mark.slow
def test_two_processes_compute_alike() -> None:
    """Both say so in their own words: the first decides, the second is told."""
    Path("both.py").write_text(
        "import os, sys\n"
        "from zoo.cli import precision\n"
        "precision.bf16_gain = lambda *a: 3.0 if os.environ.get('LOCAL_RANK', '0') == '0' else 1.0\n"
        "precision.cpu_has_bf16 = lambda: True\n"
        "from lightning.pytorch import Trainer\n"
        "fit = Trainer.fit\n"
        "def loud(self, *a, **k):\n"
        "    print('rank', os.environ.get('LOCAL_RANK', '0'), self.precision, flush=True)\n"
        "    return fit(self, *a, **k)\n"
        "Trainer.fit = loud\n"
        "from zoo.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    flags = ["--trainer.devices", "2", "--trainer.accelerator", "cpu", "--trainer.strategy", "ddp"]
    done = subprocess.run([sys.executable, "both.py", *MLP, *flags], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = sorted(line for line in done.stdout.splitlines() if line.startswith("rank "))
    assert lines == ["rank 0 bf16-mixed", "rank 1 bf16-mixed"]
