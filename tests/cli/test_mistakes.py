"""A user's mistake is one clear line on standard error and exit code 2; nothing half-written looks finished."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from zoo.cli.main import main

pytestmark = pytest.mark.filterwarnings("ignore")
MLP = ["fit", "--config", "configs/mlp.yaml"]
FEW = ["--trainer.max_epochs", "1", "--trainer.logger", "false"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{i % 7},{i % 3},{'ab'[i % 2]}\n" for i in range(60))
    Path("good.csv").write_text("u,v,kind\n" + rows)
    Path("empty.csv").write_text("")
    Path("one.csv").write_text("u,v,kind\n" + "".join(f"{i},{i % 3},a\n" for i in range(60)))
    Path("constant.csv").write_text("u,v,price\n" + "".join(f"{i},{i % 3},5.5\n" for i in range(60)))
    Path("missing.csv").write_text("u,v,kind\n" + "".join(f"{i},{i % 3},\n" for i in range(60)))
    Path("blank.csv").write_text("text,label\n" + "".join(f'" ",{"ab"[i % 2]}\n' for i in range(60)))
    for name in ("cat", "dog"):
        Path("photos", name).mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (12, 12), (i * 20, 0, 0)).save(f"photos/{name}/{i}.png")
    Path("photos/dog/torn.png").write_bytes(b"\x89PNG but torn")


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["tset", "runs/x"], "zoo: no command 'tset': did you mean 'test'?"),
        ([*MLP, "--model.drpout", "0.1"], "zoo: no option model.drpout in MLPClassifier: did you mean 'dropout'? (given 0.1)"),
        ([*MLP, "--trainer.max_epoch", "3"], "zoo: no option trainer.max_epoch in Trainer: did you mean 'max_epochs'?"),
        ([*MLP, "--early_stoping.patience", "3"], "did you mean 'early_stopping.patience'?"),
        ([*MLP, "--model", "MLPClasifier"], "zoo: no model named 'MLPClasifier': did you mean 'MLPClassifier'?"),
        ([*MLP, "--model.lr", "quick"], "zoo: model.lr must be a number or auto, got 'quick'"),
        ([*MLP, "--trainer.max_epochs", "many"], "zoo: trainer.max_epochs must be int or null, got 'many'"),
        ([*MLP, "--model.costs", "nope"], "zoo: model.costs must be rows of numbers, e.g. [[0, 1], [5, 0]] or null, got 'nope'"),
        ([*MLP, "--model.costs", "[[0, a], [5, 0]]"], "must be rows of numbers, e.g. [[0, 1], [5, 0]] or null, got '[[0, a], [5, 0]]'"),
        ([*MLP, "--model.hidden", "x"], "zoo: model.hidden must be whole numbers, e.g. [64, 32] or null, got 'x'"),
        ([*MLP, "--model.num_classes", "9"], "zoo: model.num_classes is 9, but sample:breast_cancer has 2"),
        ([*MLP, "--model.dropout", "1.5"], "zoo: model: dropout must be in [0, 1), got 1.5"),
        ([*MLP, "--model.optimizer", "adamx"], "zoo: no optimiser named 'adamx' (model.optimizer): did you mean"),
        ([*MLP, "--model.schedule", "cosin"], "zoo: no schedule named 'cosin' (model.schedule): did you mean 'cosine'?"),
        ([*MLP, "--model", "CNNClassifier"], "zoo: CNN does not take tabular input"),
        ([*MLP, "--data.path", "goood.csv"], "zoo: no file or folder goood.csv (data.path)"),
        ([*MLP, "--data.path", "empty.csv"], "zoo: empty.csv is empty"),
        ([*MLP, "--data.path", "good.csv"], "zoo: good.csv: say which column to predict with --data.target; its columns are u, v, kind"),
        ([*MLP, "--data.path", "good.csv", "--data.target", "kindd"], "zoo: good.csv has no column 'kindd' (data.target): did you mean 'kind'?"),
        ([*MLP, "--data.path", "one.csv", "--data.target", "kind"], "zoo: one.csv: target 'kind' has one class only ('a')"),
        ([*MLP, "--data.path", "missing.csv", "--data.target", "kind"], "zoo: missing.csv: target 'kind' has no value in any row"),
        (
            [*MLP, "--model", "MLPRegressor", "--data.path", "constant.csv", "--data.target", "price"],
            "zoo: constant.csv: target 'price' is 5.5 in every row: nothing to learn",
        ),
        ([*MLP, "--model", "MLPRegressor", "--data.path", "good.csv", "--data.target", "kind"], "target 'kind' is not a number ('"),
        (["fit", "--config", "configs/transformer.yaml", "--data.path", "blank.csv"], "blank.csv"),
        (["fit", "--config", "configs/cnn.yaml", "--data.path", "photos"], "torn.png"),
        (["fit", "--config", "nowhere.yaml"], "zoo: no config file nowhere.yaml"),
        (["fit"], "zoo: data and model missing: give --config configs/mlp.yaml"),
        (["fit", "--resume", "runs/none"], "zoo: runs/none cannot be resumed"),
        (["test", "runs/none"], "zoo: no run folder or .ckpt file runs/none"),
        (["test", "good.csv"], "zoo: good.csv is no checkpoint of zoo"),
        (["predict", "runs/none"], "zoo: zoo predict needs a run and a file"),
    ],
)  # fmt: skip
def test_one_clear_line_and_exit_2(argv: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    printed = capsys.readouterr()
    last = printed.err.strip().splitlines()[-1]
    assert line in last
    assert last.startswith("zoo: ")
    assert "Traceback" not in printed.err + printed.out
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


def test_nan_loss_names_the_step_and_the_rate_and_the_run_does_not_look_finished(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wild = ["--model.lr", "1e9", "--model.optimizer", "sgd", "--trainer.gradient_clip_val", "0", "--name", "wild"]
    assert main([*MLP, *wild, "--trainer.logger", "false"]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("zoo: the loss became nan at step ")
    assert "learning rate" in last
    assert "try --model.lr" in last
    assert json.loads(Path("runs/wild/summary.json").read_text())["status"] == "failed"
    assert not Path("runs/wild/predictions.csv").exists()


def test_a_fault_of_ours_is_exit_1_with_its_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import zoo.cli.listing

    def broken(*args: object) -> int:
        raise RuntimeError("ours")

    monkeypatch.setattr(zoo.cli.listing, "run", broken)
    assert main(["list"]) == 1
    assert "RuntimeError: ours" in capsys.readouterr().err


def test_ctrl_c_is_exit_130_and_the_last_checkpoint_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo.callbacks.progress_bar import ProgressBar

    def interrupt(self: ProgressBar, trainer: object, *args: object) -> None:
        if trainer.current_epoch == 1:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "on_train_epoch_start", interrupt)
        assert main([*MLP, "--name", "cut", "--trainer.logger", "false"]) == 130
    assert json.loads(Path("runs/cut/summary.json").read_text())["status"] == "interrupted"
    assert Path("runs/cut/checkpoints/last.ckpt").exists()
    assert main(["fit", "--resume", "runs/cut", "--trainer.max_epochs", "3"]) == 0
