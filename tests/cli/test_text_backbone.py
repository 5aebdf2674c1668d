"""`zoo fit --model.backbone FOLDER`: the backbone's own tokenizer, and a checkpoint that needs the folder no more."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.data.tables import write_csv
from tests.fits import CLASSES
from tests.pretrained import VOCABULARY, save_encoder
from zoo import checkpoint
from zoo.cli.fit_cli import FitCLI
from zoo.cli.main import main
from zoo.data import TextDataModule
from zoo.errors import InputError
from zoo.models import TransformerClassifier, TransformerRegressor
from zoo.models.reads import without_effect

pytest.importorskip("transformers", reason="the extra `text` is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

BESIDE = ["--data.ngrams", "true", "--model.phrases", "true"]


@pytest.fixture
def texts(tmp_path: Path) -> str:
    words = {"green": "Grass leafs a frog", "red": "the Rose bloods fire"}
    rows = [words[CLASSES[i % 2]].split()[: 1 + i % 4] for i in range(40)]
    return write_csv(
        tmp_path / "texts.csv", {"text": [" ".join(row) for row in rows], "label": [CLASSES[i % 2] for i in range(40)]}
    )


def words_of(folder: Path, texts: str, *more: str) -> list[str]:
    small = ["--trainer.max_epochs", "1", "--trainer.logger", "false", "--figures.enabled", "false"]
    model = ["--model", "TransformerClassifier", "--model.backbone", str(folder), "--model.pretrained", "true"]
    data = ["--data", "TextDataModule", "--data.path", texts]
    return [*model, *data, *small, "--trainer.precision", "32-true", "--trainer.accelerator", "cpu", *more]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "beside"),
    [("bert", []), ("distilbert", []), ("bert", BESIDE)],
)
def test_a_fit_takes_the_backbones_tokenizer_and_loads_alone(
    kind: str, beside: list[str], texts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = save_encoder(tmp_path / "encoder", kind)
    assert main(["fit", *words_of(folder, texts, "--name", "a", *beside)]) == 0
    assert "no effect" not in capsys.readouterr().err
    with (tmp_path / "runs/a/summary.json").open() as stream:
        assert "test/accuracy" in json.load(stream)
    model, data = checkpoint.load("runs/a")
    tokens = data.dataset("train").__getitems__([0])["tokens"]
    batch = {
        name: array
        for name, array in data.dataset("train").__getitems__(range(4)).items()
        if name in ("tokens", "mask", "ngrams")
    }
    assert tokens[0, 0] == VOCABULARY["[CLS]"]
    assert tokens[0, -1] == VOCABULARY["[SEP]"]
    wanted = model(**batch)
    shutil.rmtree(folder)
    torch.save(batch, tmp_path / "batch.pt")
    program = (
        "import torch, zoo\n"
        "model, data = zoo.load('runs/a')\n"
        "torch.save(model(**torch.load('batch.pt')).detach(), 'logits.pt')\n"
        "assert data.text_tokenizer.encode(['a Frog']).flat.tolist() == [2, 12, 7, 3]\n"
        "assert zoo.predict('runs/a', 'texts.csv').num_rows == 40\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    torch.testing.assert_close(torch.load(tmp_path / "logits.pt"), wanted.detach(), rtol=0, atol=0)
    assert main(["test", "runs/a"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("beside", [[], BESIDE])
def test_a_finetuned_run_goes_on_without_the_backbones_folder(
    beside: list[str], texts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = save_encoder(tmp_path / "encoder")
    assert main(["fit", *words_of(folder, texts, "--name", "a", *beside)]) == 0
    shutil.rmtree(folder)
    for epochs in ("2", "3"):
        assert main(["fit", "--resume", "runs/a", "--trainer.max_epochs", epochs]) == 0
    _, data = checkpoint.load("runs/a")
    assert isinstance(data, TextDataModule)
    assert data.text_tokenizer.encode(["a Frog"]).flat.tolist() == [2, 12, 7, 3]


def test_what_the_user_says_of_the_data_stays(texts: str, tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / "encoder")
    own = FitCLI(words_of(folder, texts, "--data.max_length", "6")).datamodule
    assert (own.tokenizer, own.max_length) == (str(folder), 6)
    assert FitCLI(words_of(folder, texts)).datamodule.max_length == 20  # as far as the backbone's positions reach
    with pytest.raises(InputError, match=r"at most 20 tokens, data.max_length is 30"):
        FitCLI(words_of(folder, texts, "--data.max_length", "30"))


def test_the_finetuning_recipe_is_one_more_config(texts: str, tmp_path: Path) -> None:
    folder = save_encoder(tmp_path / "encoder")
    configs = ["--config", "configs/transformer.yaml", "--config", "configs/recipes/finetune_text.yaml"]
    options = [
        "--model.backbone",
        str(folder),
        "--data.path",
        texts,
        "--data.max_length",
        "8",
        "--trainer.logger",
        "false",
    ]
    cli = FitCLI([*configs, *options])
    assert cli.model.network.deep.config["hidden_size"] == 16  # n-grams stand beside it
    assert cli.datamodule.tokenizer == str(folder)
    assert cli.trainer.max_steps > 0
    assert without_effect(cli.model) is None
    assert (cli.tracker.facts["monitor"], cli.tracker.facts["monitor_mode"]) == ("val/accuracy", "max")


def test_in_python_it_is_two_lines(texts: str, tmp_path: Path) -> None:
    folder = str(save_encoder(tmp_path / "encoder"))
    data = TextDataModule(texts, tokenizer=folder, max_length=8)
    model = TransformerClassifier(data.inputs, data.num_classes, backbone=folder, pretrained=True)
    assert model.hparams["backbone_config"]["model_type"] == "bert"
    regressor = TransformerRegressor(data.inputs, backbone=folder, phrases=True)
    assert regressor.hparams["backbone_config"]["model_type"] == "bert"


def test_tokens_are_those_of_the_librarys_tokenizer(texts: str, tmp_path: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    folder = save_encoder(tmp_path / "encoder")
    theirs = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    ours = TextDataModule(texts, tokenizer=str(folder)).text_tokenizer
    for text in ("Frogs and a ROSE", "", "the red leaf " * 5):
        wanted: Any = theirs(text, padding=False, truncation=False)["input_ids"]
        assert ours.encode([text]).flat.tolist() == wanted
    assert ours.pad_id == VOCABULARY["[PAD]"]


def test_mistakes_are_one_line(texts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    folder = save_encoder(tmp_path / "encoder")
    (folder / "tokenizer.json").unlink()
    capsys.readouterr()  # the library shows its progress
    for name, words in (
        (folder, "holds no tokenizer.json (data.tokenizer)"),
        (tmp_path, "it holds no config.json"),
        (Path("nobody/nothing"), "(no network): give a local folder"),
    ):
        assert main(["fit", *words_of(name, texts)]) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert words in said[-1]
        assert [line for line in said[:-1] if not line.startswith("data as ")] == []
    inputs = {"modality": "text", "vocab_size": 16, "max_length": 8, "pad_id": 0}
    with pytest.raises(InputError, match="drop_path must be 0"):
        TransformerClassifier(inputs, 2, backbone=str(folder), drop_path=0.1)
    with pytest.raises(InputError, match="pretrained needs a backbone"):
        TransformerClassifier(inputs, 2, pretrained=True)
    with pytest.raises(InputError, match="no backbone for tables"):
        TransformerClassifier({"modality": "tabular", "n_numeric": 2, "cardinalities": []}, 2, backbone="x")
    with pytest.raises(InputError, match="give the folder w.pt as backbone"):
        TransformerClassifier(inputs, 2, backbone=str(folder), pretrained="w.pt")
