"""Dropout (Srivastava et al. 2014, JMLR 15) that draws sixteen random bits a unit on a CPU instead of a number.

On a CPU `torch.dropout` spends three times as long on its random numbers as a small layer on its product.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_VALUES = 1 << 16  # of sixteen bits


class Dropout(nn.Dropout):
    """`nn.Dropout`; on a CPU with a faster draw.

    NOTE[DIFF]: there the fraction is rounded to a multiple of 2^-16, and another mask comes of the same seed.

    Shape:
        any -> the same

    Example:
        >>> import torch
        >>> Dropout(0.5)(torch.ones(8, 4)).shape
        torch.Size([8, 4])
    """

    def forward(self, input: Tensor) -> Tensor:
        n_dropped = round(self.p * _VALUES)
        fast = self.training and input.device.type == "cpu" and 0 < n_dropped < _VALUES
        if not fast or torch.compiler.is_compiling():
            return F.dropout(input, self.p, self.training, self.inplace)
        kept = _random_int16(input.shape) >= n_dropped - _VALUES // 2
        return input * kept.to(input.dtype).mul_(_VALUES / (_VALUES - n_dropped))


def _random_int16(shape: torch.Size) -> Tensor:
    """Uniform over all values, from torch's generator: four at a draw."""
    n = shape.numel()
    draws = torch.empty((n + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    return draws.view(torch.int16)[:n].view(shape)
