"""Every network can be exported with a free batch size, which `zoo export` needs."""

import pytest
import torch
from torch import Tensor

from .cases import CASES, ROWS, Case


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_exported_network_takes_another_batch_size(case: Case) -> None:
    network, inputs = case.build().eval(), case.inputs()
    batch = torch.export.Dim("batch", min=2)
    exported = torch.export.export(network, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs), strict=False)
    fewer: tuple[Tensor, ...] = tuple(tensor[: ROWS // 3] for tensor in inputs)
    torch.testing.assert_close(exported.module()(*fewer), network(*fewer))
