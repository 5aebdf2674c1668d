"""Fine-tuning from the command line: the data are told what the backbone knows, and a run needs its weights file once."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import yaml

import zoo
from tests.fits import image
from zoo.cli.backbone_data import take_backbone_settings
from zoo.cli.fit_cli import FitCLI
from zoo.cli.main import main
from zoo.data import ImageDataModule, TextDataModule
from zoo.models import CNNClassifier, MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore")
RECIPE = ["--config", "configs/cnn.yaml", "--config", "configs/recipes/finetune.yaml"]


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A short fit by the recipe, of a tiny backbone from a file."""
    monkeypatch.chdir(tmp_path)
    path = image(tmp_path).path
    torch.manual_seed(0)
    torch.save(timm.create_model("test_efficientnet").state_dict(), "weights.pth")
    words = ["fit", *RECIPE, "--data.path", path, "--model.backbone", "test_efficientnet"]
    words += ["--model.pretrained", "weights.pth", "--data.image_size", "32", "--name", "tuned"]
    return [*words, "--trainer.logger", "false", "--trainer.precision", "32-true", "--trainer.max_epochs", "2"]


def test_a_run_from_weights_that_are_gone_later(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    said = capsys.readouterr().err
    assert "data as test_efficientnet knows it: channels 3, mean 0.485/0.456/0.406, std 0.229/0.224/0.225" in said
    assert "tensors of weights.pth; a new head for 2 outputs" in said
    config = yaml.safe_load(Path("runs/tuned/config.yaml").read_text())
    assert config["data"]["init_args"]["mean"] == [0.485, 0.456, 0.406]
    assert config["data"]["init_args"]["image_size"] == 32
    Path("weights.pth").unlink()
    assert zoo.load("runs/tuned")[1].encoder_state()["mean"] == [0.485, 0.456, 0.406]
    assert main(["predict", "runs/tuned", "images/red/0.png"]) == 0
    assert main(["test", "runs/tuned"]) == 0
    assert main(["fit", "--resume", "runs/tuned", "--trainer.max_epochs", "3"]) == 0
    assert zoo.load("runs/tuned/checkpoints/last.ckpt")[0].network.left_keys == ()
    assert main([word.replace("tuned", "again") for word in words]) == 2
    assert "zoo: model: pretrained: there is no file weights.pth" in capsys.readouterr().err


def test_what_the_user_says_of_the_data_stands(words: list[str]) -> None:
    own = ["--data.interpolation", "box", "--data.mean", "[0.5,0.5,0.5]", "--data.std", "[0.5,0.5,0.5]"]
    data = FitCLI([*words[1:], *own]).datamodule
    state = data.encoder_state() | {"inputs": data.inputs}
    assert state["mean"] == state["std"] == [0.5] * 3
    assert (state["interpolation"], state["center_crop"], state["inputs"]["height"]) == ("box", 0.95, 32)


def settled(model: dict[str, Any], kind: type = ImageDataModule, **data: Any) -> dict[str, Any]:
    take_backbone_settings(CNNClassifier, model, kind, data)
    return data


def test_the_settings_are_those_that_were_left_open() -> None:
    lite = {"backbone": "tf_efficientnet_lite0", "pretrained": True}
    assert settled(lite)["image_size"] == 224
    assert settled(lite, image_size=128, mean=None)["mean"] == [0.5] * 3
    assert settled(lite, image_size=128)["image_size"] == 128
    assert "mean" not in settled(lite, channels=1)
    assert settled(lite, mean=[0.1] * 3, std=[0.2] * 3)["mean"] == [0.1] * 3
    assert settled(lite | {"pretrained": False}) == {}
    assert settled({"backbone": "small_resnet", "pretrained": "best.ckpt"}) == {}
    assert settled(lite, TextDataModule) == {}
    data: dict[str, Any] = {}
    take_backbone_settings(MLPClassifier, lite | {"backbone": "a word of somebody's own"}, ImageDataModule, data)
    assert data == {}


def test_a_hub_out_of_reach_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert main([*words, "--model.pretrained", "true"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("zoo: model: the hub gave no weights test_efficientnet.r160_in1k (")
    assert last.endswith("fetch the file elsewhere and give its path: --model.pretrained FILE")


def test_the_recipe_alone_and_with_another_family(words: list[str], tmp_path: Path) -> None:
    alone = [word for word in words[1:] if word not in ("configs/cnn.yaml",)]
    alone.pop(0)  # its --config
    assert isinstance(FitCLI(alone).model, CNNClassifier)
    vit = ["--model", "TransformerClassifier", "--model.backbone", "test_vit", "--model.pretrained", "false"]
    model = FitCLI([*alone, *vit]).model
    assert (type(model).__name__, model.hparams["backbone"], model.layer_decay) == (
        "TransformerClassifier",
        "test_vit",
        0.8,
    )
