"""The sweeps that ship: every command line that an agent can make of them is taken, and a real agent runs one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.wandb_standin import Standin
from zoo.cli.configs import config_root, shipped_configs
from zoo.cli.main import main
from zoo.cli.trial import CHANGE_THE_LOSS, SettingsCLI
from zoo.models.cnn import fitting
from zoo.tuning.space import read_space

pytestmark = pytest.mark.filterwarnings("ignore")  # the command line shows users what matters; see zoo.cli.quiet
SWEEPS = sorted((config_root() / "sweeps").glob("*.yaml"))


def agents_words(sweep: dict[str, Any], place: int) -> list[str]:
    """What an agent types after `zoo fit`: of each parameter the value at a place, or one end of its range."""
    words = []
    for word in sweep["command"][3:]:
        if word != "${args}":
            words.append(word)
            continue
        for name, about in sweep["parameters"].items():
            values = about.get("values") or ([about["value"]] if "value" in about else [about["min"], about["max"]])
            words.append(f"--{name}={values[place % len(values)]}")
    return words


@pytest.mark.parametrize("file", SWEEPS, ids=lambda file: file.stem)
def test_pitfall_12_each_command_line_of_a_shipped_sweep_is_taken_by_the_parser(file: Path) -> None:
    sweep = yaml.safe_load(file.read_text())
    assert sweep["command"][:3] == ["${env}", "zoo", "fit"]
    assert sweep["command"][-1] == "${args}"
    assert sweep["method"] == "bayes"
    assert sweep["metric"] == {"name": "val/loss", "goal": "minimize"}  # logged each epoch: early_terminate reads that
    assert not set(CHANGE_THE_LOSS) & set(sweep["parameters"])
    most = max(len(about.get("values", "ab")) for about in sweep["parameters"].values())
    for place in range(most):
        words = agents_words(sweep, place)
        settings = SettingsCLI(words).settings()
        arguments = {**settings["model"]["init_args"], **settings["data"]["init_args"], **settings["trainer"]}
        for word in words:
            name, _, text = word.removeprefix("--").partition("=")
            if text:
                found = arguments[name.partition(".")[2]]
                assert type(found)(yaml.safe_load(text)) == found, word


@pytest.mark.parametrize("file", SWEEPS, ids=lambda file: file.stem)
def test_zoo_tune_reads_each_of_them(file: Path) -> None:
    space, sweep = read_space(file)
    assert [parameter.name for parameter in space] == list(sweep["parameters"])


@pytest.mark.parametrize("name", ["cnn", "cnn-hyperband"])
def test_the_default_rate_of_the_network_is_well_inside(name: str) -> None:
    rate, _ = fitting({"modality": "image"}, "small_resnet", None, None)
    lr = next(p for p in read_space(config_root() / "sweeps" / f"{name}.yaml")[0] if p.name == "model.lr")
    assert 2 * lr.low <= rate <= lr.high / 2  # type: ignore[operator]


def test_they_are_listed_and_are_no_configs(capsys: pytest.CaptureFixture[str]) -> None:
    assert {f"configs/sweeps/{file.name}" for file in SWEEPS} <= set(shipped_configs())
    assert all(shipped_configs().values())
    assert main(["fit", "--config", "configs/sweeps/mlp.yaml"]) == 2
    said = capsys.readouterr().err
    assert "is a sweep, not a config: zoo tune --config FILE --space" in said
    assert said.count("\n") == 1


def test_heads_divide_widths() -> None:
    parameters = yaml.safe_load((config_root() / "sweeps" / "transformer.yaml").read_text())["parameters"]
    heads, widths = parameters["model.n_heads"]["values"], parameters["model.d_model"]["values"]
    assert not [(width, n) for width in widths for n in heads if width % n]


@pytest.mark.slow
def test_pitfall_12_a_real_agent_runs_a_sweep_and_every_run_finishes(tmp_path: Path) -> None:
    sweep = yaml.safe_load((config_root() / "sweeps" / "mlp.yaml").read_text())
    sweep["parameters"] = {"model.lr": {"values": [0.001, 0.01]}, "model.hidden": {"values": [[4], [8]]}}
    here = [sys.executable, "-m", "zoo.cli.main", "fit"]
    sweep["command"] = ["${env}", *here, *sweep["command"][3:-1], "--trainer.max_epochs", "1", "${args}"]
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    root = str(Path(__file__).resolve().parents[2])
    started: Any = Standin
    with started(out=tmp_path / "server") as server:
        environment = os.environ | server.env(tmp_path) | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1"}

        def wandb(*words: str) -> str:
            call = [sys.executable, "-m", "wandb", *words]
            done = subprocess.run(
                call, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout + done.stderr

        wandb("sweep", "--project", "tries", "sweep.yaml")
        wandb("agent", "me/tries/sweep001")
        assert server.unknown == []
        runs = {key[2]: run for key, run in server.runs.items()}
    assert sorted(runs) == [f"swp{number:05d}" for number in range(1, 5)]  # the ids that the agent gave
    assert {run["sweep"] for run in runs.values()} == {"sweep001"}
    assert {run["exitcode"] for run in runs.values()} == {0}
    folders = sorted((tmp_path / "runs").iterdir())
    assert len(folders) == 4
    assert {run["displayName"] for run in runs.values()} == {folder.name for folder in folders}
    searched = {
        (run["config"]["model_lr"]["value"], str(run["config"]["model_hidden"]["value"])) for run in runs.values()
    }
    assert searched == {(lr, hidden) for lr in (0.001, 0.01) for hidden in ("[4]", "[8]")}
    for folder in folders:
        assert json.loads((folder / "summary.json").read_text())["status"] == "finished"
    for run in runs.values():
        assert any("val/loss" in row for row in run["history"])
        assert isinstance(run["summary"]["val/loss"], float)
