"""A checkpoint is all that is needed, anywhere; a file that is none, or names strange code, is one clear line."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pyarrow.csv import read_csv

import zoo
from tests.fits import QUIET, build, short_trainer, tabular
from zoo.checkpoint import find_checkpoint, read_checkpoint
from zoo.errors import InputError
from zoo.prediction import predict_table
from zoo.tracking.predictions import PredictionWriter

pytestmark = QUIET


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The checkpoint of a short fit, made in Python."""
    data = tabular(tmp_path / "data")
    model = build("MLPClassifier", data)
    trainer = short_trainer(tmp_path)
    trainer.fit(model, datamodule=data)
    trainer.save_checkpoint(tmp_path / "model.ckpt")
    return tmp_path / "model.ckpt"


def changed(file: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A copy of a checkpoint with something in it changed."""
    content = torch.load(file, weights_only=True)
    change(content)
    other = file.with_name("changed.ckpt")
    torch.save(content, other)
    return other


def test_pitfall_02_it_loads_in_a_process_that_never_saw_the_command_line(saved: Path) -> None:
    model, data = zoo.load(saved)
    batch = next(iter(data.test_dataloader()))
    with torch.inference_mode():
        expected = model.scores(model.logits(batch)).sum(dim=0).tolist()
    program = (
        "import sys, torch, zoo\n"
        f"model, data = zoo.load({str(saved)!r})\n"
        "assert not any(name.startswith('zoo.cli') for name in sys.modules)\n"
        "batch = next(iter(data.test_dataloader()))\n"
        "with torch.inference_mode():\n"
        "    print(model.num_classes, *model.scores(model.logits(batch)).sum(dim=0).tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=90, cwd=saved.parent, check=True
    )
    classes, *found = done.stdout.split()
    assert classes == "2"
    assert [float(value) for value in found] == pytest.approx(expected, rel=1e-5)


def test_pitfall_24_class_names_are_inside_and_predictions_carry_the_row(saved: Path) -> None:
    content = torch.load(saved, weights_only=True)
    state = content[content["zoo"]["data"]["state_key"]]
    assert state["target"] == {"task": "classification", "class_names": ["high", "low"]}
    table = zoo.predict(saved, saved.parent / "data" / "table.csv").to_pydict()
    assert table["index"] == [str(row) for row in range(48)]
    assert list(table) == ["index", "target", "prediction", "p_high", "p_low"]
    for found, high in zip(table["prediction"], table["p_high"], strict=True):
        assert found == ("high" if high > 0.5 else "low")


def test_predict_needs_no_target(saved: Path) -> None:
    rows = (saved.parent / "data" / "table.csv").read_text().splitlines()
    (saved.parent / "new.csv").write_text("\n".join(",".join(row.split(",")[:3]) for row in rows) + "\n")
    with_target = zoo.predict(saved, saved.parent / "data" / "table.csv")
    without = zoo.predict(saved, saved.parent / "new.csv")
    assert without.column_names == ["index", "prediction", "p_high", "p_low"]
    assert without["p_high"].to_pylist() == with_target["p_high"].to_pylist()


def test_pitfall_16_a_strange_class_is_not_imported_without_trust(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (saved.parent / "stranger.py").write_text(
        "import pathlib\n"
        f"pathlib.Path({str(saved.parent / 'ran')!r}).touch()\n"
        "from zoo.models import MLPClassifier\n"
        "class Odd(MLPClassifier):\n    pass\n"
    )
    monkeypatch.syspath_prepend(str(saved.parent))
    for part in ("model", "data"):
        file = changed(saved, lambda content, part=part: content["zoo"][part].update(class_path="stranger.Odd"))  # type: ignore[misc]
        with pytest.raises(InputError, match=r"names the class stranger.Odd, which is not registered: say --trust"):
            zoo.load(file)
        assert not (saved.parent / "ran").exists()
        assert "stranger" not in sys.modules
    file = changed(saved, lambda content: content["zoo"]["model"].update(class_path="stranger.Odd"))
    model, _ = zoo.load(file, trust=True)
    assert type(model).__name__ == "Odd"
    assert (saved.parent / "ran").exists()
    sys.modules.pop("stranger")  # monkeypatch would put it back


@pytest.mark.parametrize("part", ["model", "data"])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def __init__(self, other):\n        super().__init__()", "__init__()"),
        (
            "def load_state_dict(self, *_, **__):\n        raise RuntimeError('Missing key(s):\\n  a')",
            "Missing key(s): a",
        ),
    ],
)
def test_a_class_that_changed_is_one_line(
    saved: Path, part: str, body: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = {"model": "zoo.models.MLPClassifier", "data": "zoo.data.TabularDataModule"}[part]
    module, _, name = base.rpartition(".")
    (saved.parent / "mine.py").write_text(f"from {module} import {name}\nclass Mine({name}):\n    {body}\n")
    monkeypatch.syspath_prepend(str(saved.parent))
    file = changed(saved, lambda content: content["zoo"][part].update(class_path="mine.Mine"))
    with pytest.raises(InputError, match=r"the class mine\.Mine is not as it was when the checkpoint was") as told:
        zoo.load(file, trust=True)
    assert said in str(told.value)
    assert "\n" not in str(told.value)
    sys.modules.pop("mine")


@pytest.mark.parametrize("path", ["os.system", "subprocess.Popen", "builtins.eval", "torch.nn.Linear"])
def test_pitfall_16_something_imported_that_is_no_model_is_never_called(saved: Path, path: str) -> None:
    def name_it(content: dict[str, Any]) -> None:
        content["zoo"]["model"] |= {"class_path": path, "init_args": {"command": f"touch {saved.parent}/ran"}}

    with pytest.raises(InputError, match=f"names {path} as its model, which is no model of zoo"):
        zoo.load(changed(saved, name_it))
    assert not (saved.parent / "ran").exists()


def test_pitfall_16_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"zoo": Bad()}, tmp_path / "bad.ckpt")
    with pytest.raises(InputError, match="bad.ckpt is no checkpoint of zoo, or it is damaged"):
        zoo.load(tmp_path / "bad.ckpt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["torn", "text", "empty", "foreign", "tensor", "pickle"])
def test_a_file_that_is_no_checkpoint_is_one_line(saved: Path, kind: str) -> None:
    file = saved.with_name(f"{kind}.ckpt")
    if kind == "foreign":
        torch.save({"state_dict": {}}, file)
    elif kind == "tensor":
        torch.save(torch.ones(2), file)
    else:
        whole = saved.read_bytes()
        file.write_bytes(
            {"torn": whole[: len(whole) // 2], "text": b"hello\n", "empty": b""}.get(kind, b"\x80\x02K\x01.")
        )
    with pytest.raises(InputError, match=f"{kind}.ckpt is no checkpoint of zoo") as raised:
        zoo.load(file)
    assert "\n" not in str(raised.value)


def test_a_newer_format_says_update(saved: Path) -> None:
    with pytest.raises(InputError, match="has format 99, this zoo reads 2: update zoo"):
        zoo.load(changed(saved, lambda content: content["zoo"].update(format=99)))


def test_a_model_trained_without_a_data_module_says_so(saved: Path) -> None:
    with pytest.raises(InputError, match="holds no data module"):
        zoo.load(changed(saved, lambda content: content["zoo"].pop("data")))


def test_pitfall_11_best_is_found_from_the_run_folder(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "mlp" / "checkpoints"
    folder.mkdir(parents=True)
    with pytest.raises(InputError, match="holds no checkpoint"):
        find_checkpoint(folder.parent)
    (folder / "last.ckpt").touch()
    assert find_checkpoint(folder.parent) == folder / "last.ckpt"
    (folder / "best.ckpt").touch()
    assert find_checkpoint(str(folder.parent)) == folder / "best.ckpt"
    assert find_checkpoint(folder / "last.ckpt") == folder / "last.ckpt"
    with pytest.raises(InputError, match=r"no run folder or .ckpt file .*mpl; there are .*mlp"):
        find_checkpoint(folder.parents[1] / "mpl")


def test_pitfall_17_everything_is_read_onto_the_cpu(saved: Path) -> None:
    content = read_checkpoint(saved)
    assert {value.device.type for value in content["state_dict"].values()} == {"cpu"}


def test_predictions_in_bf16_are_those_of_the_file_and_sum_to_one(tmp_path: Path) -> None:
    data = tabular(tmp_path / "data")
    model = build("MLPClassifier", data)
    writer = PredictionWriter(str(tmp_path / "predictions.csv"))
    trainer = short_trainer(tmp_path, precision="bf16-mixed", callbacks=[writer])
    trainer.fit(model, datamodule=data)
    trainer.test(model, datamodule=data, verbose=False)
    written = read_csv(tmp_path / "predictions.csv")
    table = predict_table(model, data, data.path, trainer)
    names = [name for name in table.column_names if name.startswith("p_")]
    rows = torch.tensor([table[name].to_pylist() for name in names]).T
    torch.testing.assert_close(rows.sum(dim=1), torch.ones(len(rows)), rtol=0, atol=1e-6)
    place = {index: at for at, index in enumerate(table["index"].to_pylist())}
    chosen = rows[[place[str(index)] for index in written["index"].to_pylist()]]
    expected = torch.tensor([written[name].to_pylist() for name in names]).T
    torch.testing.assert_close(chosen, expected, rtol=0, atol=2e-6)


def test_pitfall_16_a_strange_loss_is_not_imported_without_trust(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "strange_loss.py").write_text("import torch\n\n\nclass Mine(torch.nn.MSELoss):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    file = changed(saved, lambda content: content["zoo"]["model"]["init_args"].update(loss="strange_loss.Mine"))
    with pytest.raises(InputError, match=r"names the class strange_loss.Mine, which is not registered: say --trust"):
        zoo.load(file)
    assert "strange_loss" not in sys.modules
    model, _ = zoo.load(file, trust=True)
    assert type(model.own_loss.module).__name__ == "Mine"  # type: ignore[union-attr]
