"""The three ways of the step benchmark train the same network to the same weights, in turns."""

from pathlib import Path

import pytest
import torch

from benchmarks.step_overhead import WAYS, mlp_case, train_in_turns

pytestmark = pytest.mark.filterwarnings("ignore")  # the command line shows users what matters; see zoo.cli.quiet


def test_the_three_ways_compute_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setenv("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    case = mlp_case(tmp_path, steps=30, chunk=5)
    seconds, trained = train_in_turns(case, list(WAYS))
    assert set(seconds) == set(WAYS)
    assert min(seconds.values()) > 0
    loop = dict(trained["loop"].named_parameters())
    fresh = case.build("zoo").model.network
    for name in ("zoo", "barebones"):
        for key, value in trained[name].named_parameters():
            torch.testing.assert_close(value, loop[key], rtol=0, atol=1e-6)
            assert not torch.equal(value, fresh.get_parameter(key))
