"""One answer of several: the mean of what each says, in probabilities where they are probabilities."""

import torch

from zoo.networks.members import averaged


def test_classes_are_averaged_as_probabilities() -> None:
    members = torch.randn(5, 4, 3)
    assert torch.allclose(averaged(members, "softmax").exp(), members.softmax(dim=2).mean(dim=1), atol=1e-6)


def test_labels_and_numbers_are_averaged_as_such() -> None:
    members = torch.randn(5, 4, 2)
    assert torch.allclose(averaged(members, "sigmoid").sigmoid(), members.sigmoid().mean(dim=1), atol=1e-6)
    assert torch.equal(averaged(members, "mean"), members.mean(dim=1))


def test_half_precision_is_averaged_in_single() -> None:
    members = torch.randn(5, 4, 2, dtype=torch.bfloat16)
    assert averaged(members, "softmax").dtype == torch.float32
