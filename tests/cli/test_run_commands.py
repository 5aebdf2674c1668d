"""`zoo test`, `validate`, `predict`, `list`, `--help`: nothing but the run and the file is needed."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo.cli.backbones import backbones
from zoo.cli.help import HELP
from zoo.cli.main import COMMANDS, main
from zoo.data import TabularDataModule

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small table, a model trained on it, and a file to predict."""
    folder = tmp_path_factory.mktemp("trained")
    lines = [f"{i % 10},{'red' if i % 2 else 'blue'},{'yes' if i % 10 > 4 else 'no'}" for i in range(300)]
    (folder / "train.csv").write_text("size,colour,sold\n" + "\n".join(lines) + "\n")
    (folder / "new.csv").write_text("colour,size\nred,9\ngreen,0\nblue,\n")
    (folder / "labelled.csv").write_text("size,colour,sold\n9,red,yes\n0,blue,no\n1,blue,no\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        flags = ["--data.path", "train.csv", "--data.target", "sold", "--trainer.max_epochs", "15", "--name", "sold"]
        assert (
            main(["fit", "--config", "configs/mlp.yaml", *flags, "--model.lr", "0.01", "--trainer.logger", "false"])
            == 0
        )
    return folder


def test_test_and_validate_give_the_figures_of_the_run_from_any_folder(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    stored = json.loads((trained / "runs/sold/summary.json").read_text())
    for command, best in (("test", "test/"), ("validate", "best/val/")):
        assert main([command, str(trained / "runs/sold")]) == 0
        for line in capsys.readouterr().out.strip().splitlines():
            name, value = line.split()
            assert float(value) == pytest.approx(stored[best + name.split("/")[1]], rel=1e-4, abs=1e-6)
    assert not list(tmp_path.iterdir())


def test_test_takes_another_file_whole(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.csv"
    run = str(trained / "runs/sold/checkpoints/best.ckpt")
    assert main(["test", run, "--data.path", str(trained / "labelled.csv"), "-o", str(out)]) == 0
    assert "test/accuracy 1" in capsys.readouterr().out
    with out.open(newline="") as stream:
        assert [row["target"] for row in csv.DictReader(stream)] == ["yes", "no", "no"]


def test_pitfall_04_predict_needs_the_run_and_the_file_alone(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    assert main(["predict", str(trained / "runs/sold"), str(trained / "new.csv"), "-o", str(out)]) == 0
    assert "column 'colour' has 1 cells whose value train rows do not hold" in capsys.readouterr().err
    with out.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["index", "prediction", "p_no", "p_yes"]
    assert [row["index"] for row in rows] == ["0", "1", "2"]
    assert [row["prediction"] for row in rows[:2]] == ["yes", "no"]
    table = zoo.predict(trained / "runs/sold", trained / "new.csv")
    assert table["prediction"].to_pylist() == [row["prediction"] for row in rows]
    assert table["p_yes"].to_pylist() == pytest.approx([float(row["p_yes"]) for row in rows], rel=1e-5)


def test_a_trained_model_cannot_be_changed_afterwards(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(trained / "runs/sold"), "--model.hidden", "[3]"]) == 2
    assert "model.hidden was [128, 128] in training and cannot become [3] now" in capsys.readouterr().err


def test_pitfall_02_loads_in_a_process_that_never_saw_the_command_line(trained: Path) -> None:
    code = "import sys, zoo; m, d = zoo.load(sys.argv[1]); print(d.class_names, m.hparams['num_classes'], 'zoo.cli' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(trained / "runs/sold")], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stdout.strip() == "['no', 'yes'] 2 False"


USER_CODE = """
from torch import nn
from zoo.models import Classifier, MLPClassifier

class Doubled(MLPClassifier):
    def loss(self, logits, target):
        return 2 * super().loss(logits, target)

class Mine(Classifier):
    def __init__(self, inputs: dict, num_classes: int, *, width: int = 8, lr: float = 1e-2):
        super().__init__(num_classes=num_classes, lr=lr)
        self.save_hyperparameters()
        self.network = Net(inputs["n_numeric"], width, num_classes)

class Net(nn.Module):
    def __init__(self, d_in, width, d_out):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(d_in, width), nn.ReLU(), nn.Linear(width, d_out))
    def forward(self, numeric, categorical):
        return self.layers(numeric)
"""


@pytest.mark.parametrize(("name", "flags"), [("Doubled", []), ("Mine", ["--model.width", "6"])])
def test_a_class_of_the_users_own_project(
    name: str, flags: list[str], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    module = f"my_project_{name.lower()}"
    (tmp_path / f"{module}.py").write_text(USER_CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    data = ["--data.path", str(trained / "train.csv"), "--data.target", "sold"]
    few = ["--trainer.max_epochs", "2", "--trainer.logger", "false", "--name", "own"]
    assert main(["fit", "--config", "configs/mlp.yaml", "--model", f"{module}.{name}", *flags, *data, *few]) == 0
    assert "--trust" in capsys.readouterr().err
    assert main(["test", "runs/own", "--trust"]) == 0
    assert main(["predict", "runs/own", str(trained / "new.csv"), "--trust"]) == 0
    assert main(["fit", "--resume", "runs/own", "--trainer.max_epochs", "3"]) == 0
    del sys.modules[module]
    assert main(["test", "runs/own"]) == 2
    assert "which is not registered: say --trust" in capsys.readouterr().err
    assert module not in sys.modules


def test_an_entry_point_is_listed_unimported_and_works_by_its_short_name(
    tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from zoo import registry

    (tmp_path / "plug_in_project.py").write_text(USER_CODE)
    about = tmp_path / "plug_in-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plug-in\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[zoo.models]\nTwice = plug_in_project:Doubled\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    registry.entries.cache_clear()
    try:
        assert main(["list", "models", "twice"]) == 0
        assert "plug_in_project:Doubled (plug-in)" in capsys.readouterr().out
        assert "plug_in_project" not in sys.modules
        data = ["--data.path", str(trained / "train.csv"), "--data.target", "sold", "--name", "short"]
        few = ["--trainer.max_epochs", "1", "--trainer.logger", "false"]
        assert main(["fit", "--config", "configs/mlp.yaml", "--model", "Twice", *data, *few]) == 0
        assert main(["test", "runs/short"]) == 0
    finally:
        registry.entries.cache_clear()


def test_backbones_are_those_of_timm_in_its_order() -> None:
    import timm

    found = backbones()
    assert list(found) == timm.list_models()
    marked = {name for name, trained in found.items() if trained}
    trained = {name for name in found if timm.is_model_pretrained(name)}
    assert marked <= trained
    assert len(marked) > 0.97 * len(trained)
    assert {"tf_efficientnet_lite0", "resnet18", "vit_tiny_patch16_224"} <= marked


def test_help_names_every_command_and_list_every_shipped_thing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name}" in text for name in COMMANDS)
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"models", "data", "callbacks", "configs", "samples"}
    assert {"configs/mlp.yaml", "configs/cnn.yaml", "configs/transformer.yaml"} <= set(found["configs"])
    assert main(["list", "backbones", "resnet18"]) == 0
    assert "resnet18" in capsys.readouterr().out.split()


def test_help_of_fit_names_only_options_that_there_are() -> None:
    from zoo.cli.mistakes import check_key
    from zoo.models import CNNClassifier

    flags = re.findall(r"--([a-z_.]+)", HELP["fit"])
    assert {"config", "data.path", "model.lr", "trainer.max_epochs", "name", "resume"} <= set(flags)
    classes = {"model": CNNClassifier, "data": TabularDataModule}
    assert [wrong for flag in flags if (wrong := check_key(flag, classes))] == []


def test_all_options_of_fit_and_those_of_one_model(capsys: pytest.CaptureFixture[str]) -> None:
    for words, option in (("--help all", "--trainer.max_epochs"), ("--model.help MLPClassifier", "label_smoothing")):
        with pytest.raises(SystemExit) as stop:
            main(["fit", *words.split()])
        assert not stop.value.code
        assert option in capsys.readouterr().out
