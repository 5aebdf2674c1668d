import pytest
import torch
from torch import nn

from zoo.networks import HaarStem, ResidualLayer, SmallResNet, SmallViT, StochasticDepth
from zoo.networks.resnet import haar_basis


def test_channels_last_resnet_equals_contiguous() -> None:
    network, image = SmallResNet(3, 10).eval(), torch.randn(4, 3, 16, 16)
    expected = network(image)
    network.to(memory_format=torch.channels_last)
    actual = network(image.to(memory_format=torch.channels_last))
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(8, 8), (8, 13), (28, 28), (33, 9), (50, 96)])
@pytest.mark.parametrize("stem_stride", [1, 2])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_resnet_takes_any_size_from_8_pixels(size: tuple[int, int], stem_stride: int, channels: int) -> None:
    network = SmallResNet(channels, 10, widths=(8, 8, 8), stem_stride=stem_stride, n_blocks=2)
    assert network(torch.randn(2, channels, *size)).shape == (2, 10)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_basis_of_the_stem_is_orthonormal(channels: int) -> None:
    filters = haar_basis(channels).flatten(1)
    torch.testing.assert_close(filters @ filters.T, torch.eye(4 * channels))


def test_the_stem_loses_nothing_at_half_of_the_size() -> None:
    stem, image = HaarStem(3, stride=2).eval(), torch.randn(2, 3, 6, 10)
    both_signs = stem(image)  # (batch, 24, 3, 5); silu(x) - silu(-x) is x
    axes = (both_signs[:, :12] - both_signs[:, 12:]) * (stem.norm.eps + 1) ** 0.5
    torch.testing.assert_close(nn.functional.conv_transpose2d(axes, stem.basis, stride=2), image)


def test_the_stem_whitens_patches_of_the_colours_of_photographs() -> None:
    grey = torch.randn(64, 1, 12, 12)
    smooth = nn.functional.avg_pool2d(grey, 3, stride=1)  # neighbours are alike, as in photographs
    image = smooth + 0.1 * torch.randn(64, 3, 10, 10)  # and so are colours
    stem = HaarStem(3)
    stem.norm.eps = 1e-12
    both_signs = stem(image)
    axes = (both_signs[:, :12] - both_signs[:, 12:]).transpose(0, 1).flatten(1)
    torch.testing.assert_close(torch.cov(axes), torch.eye(12), rtol=0, atol=0.1)


def test_the_stem_answers_negative_images_with_the_other_half() -> None:
    stem, image = HaarStem(1).eval(), torch.randn(2, 1, 8, 8)
    upper, lower = stem(image).chunk(2, dim=1)
    torch.testing.assert_close(stem(-image), torch.cat([lower, upper], dim=1))


def test_the_fixed_basis_is_neither_trained_nor_stored() -> None:
    network = SmallResNet(3, 10)
    assert not any("basis" in name for name, _ in [*network.named_parameters(), *network.state_dict().items()])


def test_a_residual_layer_is_its_formula() -> None:
    layer, x = ResidualLayer(4, activation="relu").eval(), torch.randn(2, 4, 8, 8)
    added = nn.functional.conv2d(x, layer.convolution.weight, padding=1) / (1 + layer.norm.eps) ** 0.5
    torch.testing.assert_close(layer(x), (x + added).relu())


def test_stochastic_depth_rises_to_the_last_residual_layer() -> None:
    network = SmallResNet(3, 10, widths=(8, 8), n_blocks=2, drop_path=0.2)
    rates = [module.rate for module in network.modules() if isinstance(module, StochasticDepth)]
    assert rates == pytest.approx([0.05, 0.1, 0.15, 0.2])


def test_stochastic_depth_leaves_the_shortcut_of_some_rows_alone() -> None:
    layer, x = ResidualLayer(4, activation="relu", drop_path=0.25), torch.randn(64, 4, 5, 5)
    branch = layer.norm(layer.convolution(x))
    output = layer(x)
    alone = torch.isclose(output, x.relu()).flatten(1).all(dim=1)
    assert 4 < int(alone.sum()) < 32
    torch.testing.assert_close(output[~alone], (x + branch / 0.75).relu()[~alone])
    plain = ResidualLayer(4, activation="relu").eval()
    plain.load_state_dict(layer.state_dict())
    assert torch.equal(layer.eval()(x), plain(x))


def test_he_initialisation_reaches_the_convolutions() -> None:
    convolution = SmallResNet(3, 10, widths=[128], activation="relu").get_submodule("stages.0.0")
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.weight.var().item() == pytest.approx(2 / (24 * 9), rel=0.05)


def test_wrong_resnet_arguments_say_what_was_expected() -> None:
    with pytest.raises(ValueError, match="widths must name at least one stage, got none"):
        SmallResNet(1, 10, widths=[])
    with pytest.raises(ValueError, match="stem_stride must be 1 or 2, got 3"):
        SmallResNet(1, 10, stem_stride=3)
    with pytest.raises(ValueError, match="n_blocks must be a positive integer, got 0"):
        SmallResNet(1, 10, n_blocks=0)


def test_vit_pads_to_whole_patches_with_zeros() -> None:
    network = SmallViT(1, 9, 11, 3, patch=4, d_model=16, n_layers=1).eval()
    whole = SmallViT(1, 12, 12, 3, patch=4, d_model=16, n_layers=1).eval()
    whole.load_state_dict(network.state_dict())
    image, padded = torch.randn(2, 1, 9, 11), torch.zeros(2, 1, 12, 12)
    padded[:, :, :9, :11] = image
    torch.testing.assert_close(network(image), whole(padded))


def test_a_patch_token_is_a_linear_map_of_its_pixels() -> None:
    network, image = SmallViT(2, 8, 8, 3, patch=4, d_model=16), torch.randn(1, 2, 8, 8)
    grid = network.patches(image)  # (1, d_model, 2, 2)
    pixels = image[0, :, 4:8, 0:4].flatten()
    assert network.patches.bias is not None
    expected = network.patches.weight.flatten(1) @ pixels + network.patches.bias
    torch.testing.assert_close(grid[0, :, 1, 0], expected)


def test_vit_refuses_another_size() -> None:
    with pytest.raises(ValueError, match=r"image must be \(batch, 1, 8, 8\), got \(2, 1, 9, 9\)"):
        SmallViT(1, 8, 8, 3)(torch.zeros(2, 1, 9, 9))
