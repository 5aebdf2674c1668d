import pytest
import torch
from torch import nn

from zoo.networks import ResidualBlock, SmallResNet, SmallViT


def test_channels_last_resnet_equals_contiguous() -> None:
    network, image = SmallResNet(3, 10).eval(), torch.randn(4, 3, 16, 16)
    expected = network(image)
    network.to(memory_format=torch.channels_last)
    actual = network(image.to(memory_format=torch.channels_last))
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(8, 8), (8, 13), (28, 28), (33, 9)])
@pytest.mark.parametrize("first_stride", [1, 2])
def test_resnet_takes_any_size_from_8_pixels(size: tuple[int, int], first_stride: int) -> None:
    assert SmallResNet(1, 10, first_stride=first_stride, n_blocks=2)(torch.randn(2, 1, *size)).shape == (2, 10)


def test_a_fresh_block_is_its_shortcut() -> None:
    network, x = SmallResNet(1, 10, widths=[4, 4], n_blocks=2), torch.rand(2, 4, 8, 8)
    same_size = network.blocks[1]
    assert isinstance(same_size, ResidualBlock)
    torch.testing.assert_close(same_size(x), x)  # relu(0 + x), x >= 0


def test_he_initialisation_reaches_the_convolutions() -> None:
    convolution = SmallResNet(3, 10, widths=[128]).get_submodule("blocks.0.branch.0")
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.weight.var().item() == pytest.approx(2 / (128 * 9), rel=0.03)


def test_wrong_resnet_arguments_say_what_was_expected() -> None:
    with pytest.raises(ValueError, match="widths must name at least one stage, got none"):
        SmallResNet(1, 10, widths=[])
    with pytest.raises(ValueError, match="first_stride must be 1 or 2, got 3"):
        SmallResNet(1, 10, first_stride=3)
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
