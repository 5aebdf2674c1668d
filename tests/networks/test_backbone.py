import subprocess
import sys
from pathlib import Path

import pytest
import torch

from zoo.networks import TimmBackbone


def test_importing_the_networks_leaves_timm_out() -> None:
    code = "import sys, zoo.networks; sys.exit('timm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "name",
    [
        "test_resnet",
        "test_vit",
        "test_convnext",
        "densenet121",
        "vit_tiny_patch16_224",
        "mixer_s32_224",
        "hrnet_w18_small",
    ],
)
def test_any_model_by_name_takes_small_grey_images(name: str) -> None:
    network = TimmBackbone(name, 5, channels=1, image_size=32).eval()
    assert network(torch.randn(2, 1, 32, 32)).shape == (2, 5)


def test_a_vit_takes_an_oblong_image() -> None:
    network = TimmBackbone("test_vit", 5, channels=3, image_size=[32, 64], drop_rate=0.1, drop_path_rate=0.1)
    assert network(torch.randn(2, 3, 32, 64)).shape == (2, 5)


def test_it_computes_channels_last_with_the_same_numbers() -> None:
    torch.manual_seed(0)
    network = TimmBackbone("test_efficientnet", 5, channels=3, image_size=32).eval()
    image, seen = torch.randn(2, 3, 32, 32), []
    network.model.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    logits = network(image)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
    kernels = [parameter for parameter in network.parameters() if parameter.ndim == 4 and parameter.size(1) > 1]
    assert kernels
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    network.to(memory_format=torch.contiguous_format)
    assert torch.allclose(network.model(image), logits, atol=1e-5)


def test_an_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(ValueError, match="timm has no model 'resnet_18'; nearest: resnet18, "):
        TimmBackbone("resnet_18", 5, channels=1, image_size=32)
    with pytest.raises(ValueError, match=r"timm has no weights 'nope' for resnet18; it has: .*resnet18.a1_in1k"):
        TimmBackbone("resnet18.nope", 5, channels=1, image_size=32)


def test_a_rate_that_the_model_cannot_honour_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"vgg11 takes no drop_path_rate: expected 0, got 0.1"):
        TimmBackbone("vgg11", 5, channels=1, image_size=32, drop_path_rate=0.1)


@pytest.mark.parametrize(
    ("name", "side", "reason"), [("test_vit", 40, "should be divisible by patch size"), ("vgg11", 8, "size")]
)
def test_a_size_that_a_model_does_not_take_is_told_when_it_is_built(name: str, side: int, reason: str) -> None:
    with pytest.raises(
        ValueError, match=rf"{name} does not take images of {side}x{side} pixels \(.*{reason}.*\): choose"
    ):
        TimmBackbone(name, 5, channels=3, image_size=side)


def test_a_local_file_fills_all_but_the_head(tmp_path: Path) -> None:
    source = TimmBackbone("test_resnet", 7, channels=3, image_size=32)
    torch.save(source.model.state_dict(), tmp_path / "weights.pth")
    network = TimmBackbone("test_resnet", 5, channels=3, image_size=32, pretrained=str(tmp_path / "weights.pth"))
    assert network.left_keys == ("fc.weight", "fc.bias")
    weights = network.model.state_dict()
    for key, value in source.model.state_dict().items():
        assert key in network.left_keys or torch.equal(weights[key], value), key


def test_a_file_may_be_a_checkpoint_of_a_run_of_another_size(tmp_path: Path) -> None:
    source = TimmBackbone("test_vit", 7, channels=3, image_size=64)
    weights = {f"network.{key}": value for key, value in source.state_dict().items()}
    torch.save({"state_dict": weights, "epoch": 3}, tmp_path / "run.ckpt")
    network = TimmBackbone("test_vit", 5, channels=1, image_size=32, pretrained=tmp_path / "run.ckpt")
    assert network.left_keys == ("head.weight", "head.bias")
    colour, grey = (model.state_dict()["model.patch_embed.proj.weight"] for model in (source, network))
    torch.testing.assert_close(grey, colour.sum(dim=1, keepdim=True))  # timm adds the colour filters up


def test_a_file_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    weights = TimmBackbone("test_resnet", 7, channels=3, image_size=32).model.state_dict()
    torch.save({key: value for key, value in weights.items() if key != "bn1.weight"} | {"odd": torch.ones(1)}, path)
    with pytest.raises(ValueError, match=r"do not fit: 1 keys missing \['bn1.weight'\], 1 unexpected \['odd'\]"):
        TimmBackbone("test_resnet", 7, channels=3, image_size=32, pretrained=path)
    torch.save(weights | {"bn1.weight": torch.ones(3)}, path)
    with pytest.raises(ValueError, match=r"do not fit: .*size mismatch for bn1.weight"):
        TimmBackbone("test_resnet", 7, channels=3, image_size=32, pretrained=path)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_efficientnet", "test_convnext", "densenet121"])
def test_layer_groups_hold_every_parameter_once_and_end_with_the_head(name: str) -> None:
    network = TimmBackbone(name, 5, channels=3, image_size=32)
    groups = network.layer_groups()
    assert len(groups) > 3
    named = [parameter for group in groups for parameter in group]
    assert sorted(named) == sorted(dict(network.named_parameters()))
    head = {id(parameter) for parameter in network.model.get_classifier().parameters()}  # type: ignore[operator]
    assert head <= {id(dict(network.named_parameters())[parameter]) for parameter in groups[-1]}
    first = next(iter(dict(network.named_parameters())))
    assert first in groups[0]
