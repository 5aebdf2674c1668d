"""What the trainer is told on the command line is what it gets, whatever other libraries were loaded before."""

import json
import subprocess
import sys

import pytest

# Python keeps one `Optional[Union[int, float]]` a process: whoever writes it first decides the order of all that follow.
FLOAT_FIRST = """
import json, sys, typing

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "lightning.pytorch.trainer.trainer":
            for clear in typing._cleanups:
                clear()
            typing.Optional[typing.Union[float, int]], typing.Union[float, int]

sys.meta_path.insert(0, Finder())
from lightning.pytorch import Trainer
assert str(typing.get_type_hints(Trainer.__init__)["limit_train_batches"]).startswith("typing.Union[float, int")
from zoo.cli.trial import SettingsCLI
print(json.dumps(SettingsCLI(sys.argv[1:]).settings()["trainer"]))
"""
LIMITS = ("limit_train_batches", "limit_val_batches", "limit_test_batches", "limit_predict_batches")
NUMBERS = (*LIMITS, "overfit_batches", "val_check_interval")


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="there a union is kept as it is written")
@pytest.mark.parametrize("value", ["1", "1.0"])
def test_one_batch_is_not_all_of_them(value: str) -> None:
    words = [word for name in NUMBERS for word in (f"--trainer.{name}", value)]
    command = [sys.executable, "-W", "ignore", "-c", FLOAT_FIRST, "--config", "configs/mlp.yaml", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    trainer = json.loads(done.stdout)
    assert {str(trainer[name]) for name in NUMBERS} == {value}
