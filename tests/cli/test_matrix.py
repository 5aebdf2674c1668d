"""Any family on any input for which it makes sense: the same command and config, another --model."""

import json
from pathlib import Path

import pytest

from tests.fits import data_of
from zoo.cli.main import main

pytestmark = pytest.mark.filterwarnings("ignore")
# The config whose data module reads this kind of input.
CONFIGS = {"tabular": "configs/mlp.yaml", "image": "configs/cnn.yaml", "text": "configs/transformer.yaml"}
FAMILIES = ("MLP", "CNN", "Transformer")
SHORT = ["--trainer.max_epochs", "1", "--trainer.limit_train_batches", "1", "--trainer.logger", "false"]
QUICK = ["--trainer.precision", "32-true", "--figures.enabled", "false"]


def words_of(modality: str, model: str, folder: Path) -> list[str]:
    regression = model.endswith("Regressor")
    data = data_of(modality, folder, task="regression" if regression else "classification")
    words = ["fit", "--config", CONFIGS[modality], "--model", model, "--data.path", data.path, "--name", "tried"]
    if modality == "tabular":
        words += ["--data.target", str(data.target), "--data.ignore", "[label]" if regression else "[price]"]
    return words + SHORT + QUICK


@pytest.mark.parametrize("modality", list(CONFIGS))
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("task", ["Classifier", "Regressor"])
def test_a_config_trains_any_family_by_changing_the_model_alone(
    modality: str,
    family: str,
    task: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = words_of(modality, f"{family}{task}", tmp_path)
    if (family, modality) == ("CNN", "tabular"):
        assert main(words) == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert line == (
            "zoo: CNN does not take tabular input: columns of a table have no neighbours; "
            "use MLPClassifier or TransformerClassifier"
        )
        assert not Path("runs").exists()
        return
    assert main(words) == 0
    summary = json.loads(Path("runs/tried/summary.json").read_text())
    assert (summary["model"].rpartition(".")[2], summary["steps"]) == (f"{family}{task}", 1)
    assert summary["test/loss"] > 0


@pytest.mark.parametrize(
    ("model", "backbone"),
    [
        ("CNNClassifier", "test_resnet"),
        ("CNNRegressor", "test_efficientnet"),
        ("TransformerClassifier", "test_vit"),
        ("TransformerRegressor", "test_vit"),
    ],
)
def test_any_backbone_of_timm_by_its_name(
    model: str, backbone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*words_of("image", model, tmp_path), "--model.backbone", backbone, "--data.image_size", "32"]
    assert main([*words, "--model.layer_decay", "0.7", "--unfreezing.enabled", "true"]) == 0
