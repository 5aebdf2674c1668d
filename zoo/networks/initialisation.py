"""Weight initialisation by name, with the gain matched to the activation.

Sources: Glorot & Bengio 2010 (`xavier`); He et al. 2015, arXiv:1502.01852 (`he`); Saxe et al. 2014, arXiv:1312.6120
(`orthogonal`); Devlin et al. 2019, arXiv:1810.04805 (`trunc_normal`).
"""

import math

from torch import Tensor, nn

from zoo.networks.activations import ACTIVATIONS
from zoo.networks.checks import check_choice

INITIALISATIONS = ("default", "xavier", "he", "orthogonal", "trunc_normal")
SMALL = 0.02  # standard deviation of `trunc_normal`, as in BERT and ViT

# torch.nn.init.calculate_gain knows neither GELU nor SiLU. The values follow He's rule, which gives sqrt(2) for ReLU:
# 1 / sqrt(E[f(z)^2]) for z ~ N(0, 1), so that the second moment stays the same from layer to layer.
_SMOOTH_GAINS = {"gelu": 1.5335, "silu": 1.6765}


def gain(activation: str) -> float:
    """Factor on the standard deviation that makes up for what `activation` takes away."""
    check_choice("activation", activation, list(ACTIVATIONS))
    if activation in _SMOOTH_GAINS:
        return _SMOOTH_GAINS[activation]
    if activation == "leaky_relu":
        return nn.init.calculate_gain("leaky_relu", nn.LeakyReLU().negative_slope)
    return nn.init.calculate_gain(activation)  # type: ignore[arg-type]  # torch types it as a Literal


def initialise(module: nn.Module, scheme: str, activation: str) -> None:
    """Initialise every linear and convolution layer inside `module`, in place; biases become zero.

    Args:
        module: any module; embeddings and norms inside it stay as they are.
        scheme: ``default`` leaves torch's values and draws no random number, ``xavier`` draws uniformly with variance
            ``2 gain^2 / (fan_in + fan_out)``, ``he`` normally with variance ``gain^2 / fan_in``, ``orthogonal`` a random
            rotation times the gain, ``trunc_normal`` normally with standard deviation 0.02, cut off at two of them.
        activation: the activation that follows the layers; sets the gain, but of ``trunc_normal``.

    Raises:
        ValueError: an unknown scheme or activation.

    Example:
        >>> import torch
        >>> layer = nn.Linear(64, 32)
        >>> initialise(layer, "he", "relu")
        >>> layer.weight.shape, layer.bias.count_nonzero().item()
        (torch.Size([32, 64]), 0)
    """
    check_choice("init", scheme, INITIALISATIONS)
    factor = gain(activation)
    if scheme == "default":
        return
    for layer in module.modules():
        if not isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            continue
        _draw(layer.weight, scheme, factor)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _draw(weight: Tensor, scheme: str, factor: float) -> None:
    if scheme == "xavier":
        nn.init.xavier_uniform_(weight, gain=factor)
    elif scheme == "he":
        nn.init.normal_(weight, std=factor / math.sqrt(weight[0].numel()))
    elif scheme == "orthogonal":
        nn.init.orthogonal_(weight, gain=factor)
    else:
        nn.init.trunc_normal_(weight, std=SMALL, a=-2 * SMALL, b=2 * SMALL)
