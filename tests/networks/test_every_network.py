"""What holds for every network: the shape of its answer, finite gradients, and that it can learn 16 rows by heart."""

import pytest
import torch
import torch.nn.functional as F

from zoo.models.losses import members_as_rows

from .cases import CASES, CLASSES, ROWS, Case

every_network = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@every_network
def test_answers_one_row_of_logits_per_input(case: Case) -> None:
    logits = case.build().eval()(*case.inputs())
    assert logits.shape == (ROWS, CLASSES)
    assert logits.dtype == torch.float32


@every_network
def test_every_parameter_gets_a_finite_gradient(case: Case) -> None:
    network = case.build()
    network(*case.inputs()).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@every_network
def test_overfits_16_random_rows(case: Case) -> None:
    network, inputs, target = case.build(), case.inputs(), torch.randint(0, CLASSES, (ROWS,))
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(60):
        optimiser.zero_grad()
        loss = F.cross_entropy(*members_as_rows(network(*inputs), target))
        torch.autograd.backward(loss)
        optimiser.step()
    assert F.cross_entropy(*members_as_rows(network(*inputs), target)) < 0.1


@every_network
def test_weights_survive_a_state_dict(case: Case) -> None:
    inputs, first, second = case.inputs(), case.build().eval(), case.build().eval()
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(second(*inputs), first(*inputs), rtol=0, atol=0)


@every_network
def test_runs_in_bfloat16_autocast(case: Case) -> None:
    network, inputs = case.build(), case.inputs()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(*inputs)
    assert logits.isfinite().all()


@every_network
def test_names_what_weight_decay_spares(case: Case) -> None:
    network = case.build()
    spared: set[str] = getattr(network, "no_weight_decay", set)()
    optional = {f"{part}{name}" for part in ("", "deep.") for name in ("positions.weight", "class_token.weight")}
    assert spared - optional <= {name for name, _ in network.named_parameters()}
