"""`zoo fit` measures nothing unless asked to."""

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.profilers import SimpleProfiler

from zoo.cli.fit_cli import FitCLI
from zoo.tracking.no_profiler import NoProfiler

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(("words", "kind"), [([], NoProfiler), (["--trainer.profiler", "simple"], SimpleProfiler)])
def test_the_profiler_is_the_users_or_one_that_costs_nothing(words: list[str], kind: type, tmp_path: Path) -> None:
    argv = ["--config", "configs/mlp.yaml", "--trainer.logger", "false", "--trainer.default_root_dir", str(tmp_path)]
    trainer: Any = FitCLI([*argv, *words]).trainer
    assert type(trainer.profiler) is kind
