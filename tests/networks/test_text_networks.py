"""Padding is nothing: more of it, or other ids in it, changes no logit of a text network."""

import pytest
import torch
import torch.nn.functional as F

from .cases import TEXT_CASES, Case

every_text_network = pytest.mark.parametrize("case", TEXT_CASES.values(), ids=TEXT_CASES.keys())


@every_text_network
def test_more_padding_changes_no_logit(case: Case) -> None:
    network, (tokens, mask) = case.build().eval(), case.inputs()
    expected = network(tokens, mask)
    padded = network(F.pad(tokens, (0, 7)), F.pad(mask, (0, 7)))
    torch.testing.assert_close(padded, expected, rtol=0, atol=1e-6)


@every_text_network
def test_ids_under_the_mask_change_no_logit(case: Case) -> None:
    network, (tokens, mask) = case.build().eval(), case.inputs()
    other = torch.where(mask, tokens, 17)
    torch.testing.assert_close(network(other, mask), network(tokens, mask), rtol=0, atol=1e-6)


@every_text_network
def test_a_row_alone_gets_the_logits_it_gets_in_a_batch(case: Case) -> None:
    network, (tokens, mask) = case.build().eval(), case.inputs()
    length = int(mask[3].sum())
    alone = network(tokens[3:4, :length], mask[3:4, :length])
    torch.testing.assert_close(alone, network(tokens, mask)[3:4], rtol=0, atol=1e-6)


@every_text_network
def test_an_empty_text_gives_finite_logits_and_gradients(case: Case) -> None:
    network, (tokens, mask) = case.build(), case.inputs()
    mask = mask.clone()
    mask[0] = False
    logits = network(tokens, mask)
    logits.sum().backward()
    assert logits.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@every_text_network
def test_the_vector_of_the_padding_token_is_zero_and_never_trained(case: Case) -> None:
    network, (tokens, mask) = case.build(), case.inputs()
    network(tokens, torch.ones_like(mask)).sum().backward()
    weight = network.get_submodule("embedding").weight
    assert isinstance(weight, torch.nn.Parameter)
    assert weight.grad is not None
    assert not weight[0].any()
    assert not weight.grad[0].any()
