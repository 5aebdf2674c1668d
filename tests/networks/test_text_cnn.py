import pytest
import torch

from zoo.networks import TextCNN


def test_a_feature_is_the_highest_window_over_the_text() -> None:
    network = TextCNN(30, 2, d_embedding=4, widths=[3], n_filters=5).eval()
    tokens = torch.randint(1, 30, (1, 6))
    vectors = torch.zeros(8, 4)  # one zero row on either side
    vectors[1:7] = network.embedding(tokens)[0]
    convolution = network.convolutions[0]
    weight, bias = convolution.get_parameter("weight"), convolution.get_parameter("bias")
    windows = [torch.einsum("fdk,kd->f", weight, vectors[i : i + 3]) + bias for i in range(6)]
    expected = network.head(torch.stack(windows).relu().amax(dim=0))
    torch.testing.assert_close(network(tokens, tokens > 0)[0], expected)


def test_a_text_shorter_than_the_windows_works() -> None:
    assert TextCNN(30, 2, widths=[2, 7])(torch.ones(3, 1, dtype=torch.long), torch.ones(3, 1) > 0).shape == (3, 2)


def test_wrong_arguments_say_what_was_expected() -> None:
    with pytest.raises(ValueError, match=r"widths must hold positive integers, got \[3, 0\]"):
        TextCNN(30, 2, widths=[3, 0])
    with pytest.raises(ValueError, match="widths must name at least one window, got none"):
        TextCNN(30, 2, widths=[])
