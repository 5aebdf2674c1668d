"""Metrics equal scikit-learn's, and the calibration error its formula."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch import Tensor

from zoo.models.metrics import ECE_BINS, binary_auroc, classification_metrics, multilabel_metrics, regression_metrics


def random_scores(n: int, classes: int, *, sharp: float = 2.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, classes, (n,), generator=generator)
    logits = torch.randn(n, classes, generator=generator) * sharp
    logits[torch.arange(n), target] += 1.0
    return logits.softmax(dim=1), target


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_classification_equals_scikit_learn(classes: int) -> None:
    p, target = random_scores(300, classes)
    found = classification_metrics(p, target)
    predicted = p.argmax(dim=1)
    wide = p.double().numpy() / p.double().numpy().sum(axis=1, keepdims=True)
    area = (
        sk.roc_auc_score(target, wide[:, 1])
        if classes == 2
        else sk.roc_auc_score(target, wide, multi_class="ovr", average="macro")
    )
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(target, predicted), abs=1e-6)
    assert found["f1_macro"] == pytest.approx(sk.f1_score(target, predicted, average="macro"), abs=1e-6)
    assert found["auroc"] == pytest.approx(area, abs=1e-5)
    assert found["log_loss"] == pytest.approx(sk.log_loss(target, wide), rel=1e-6)
    if classes == 2:
        assert found["brier"] == pytest.approx(sk.brier_score_loss(target, wide[:, 1]), rel=1e-6)
        assert found["average_precision"] == pytest.approx(sk.average_precision_score(target, wide[:, 1]), abs=1e-5)
    else:
        truth = np.eye(classes)[target.numpy()]
        assert found["brier"] == pytest.approx(((wide - truth) ** 2).sum(axis=1).mean(), rel=1e-6)
        assert "average_precision" not in found


def test_decisions_and_costs_count_where_they_are_given() -> None:
    p, target = random_scores(50, 3)
    decisions = torch.zeros(50, dtype=torch.long)
    costs = [[0.0, 1.0, 1.0], [5.0, 0.0, 1.0], [7.0, 1.0, 0.0]]
    found = classification_metrics(p, target, decisions, costs)
    assert found["accuracy"] == pytest.approx(float((target == 0).float().mean()))
    assert found["cost"] == pytest.approx(float(5 * (target == 1).sum() + 7 * (target == 2).sum()) / 50)
    plain = classification_metrics(p, target)
    assert {name: found[name] for name in ("log_loss", "brier", "ece", "auroc")} == {
        name: plain[name] for name in ("log_loss", "brier", "ece", "auroc")
    }


def test_certainty_that_is_wrong_costs_no_infinity() -> None:
    found = classification_metrics(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
    assert found["log_loss"] == pytest.approx(float(-np.log(np.finfo(np.float32).eps)), rel=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_calibration_error_equals_its_formula(classes: int) -> None:
    p, target = random_scores(500, classes, sharp=4.0)
    confidence, hit = p.max(dim=1).values.double().numpy(), (p.argmax(dim=1) == target).numpy()
    edges = np.linspace(0, 1, ECE_BINS + 1)
    expected = 0.0
    for low, high in pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            expected += inside.mean() * abs(hit[inside].mean() - confidence[inside].mean())
    assert expected > 0.05
    assert classification_metrics(p, target)["ece"] == pytest.approx(expected, abs=1e-5)


def test_two_classes_and_their_two_columns_of_three_agree() -> None:
    """The third class never occurs, so nothing may be averaged over it."""
    p, target = random_scores(200, 2)
    three = torch.cat([p, torch.zeros(200, 1)], dim=1)
    two, wide = classification_metrics(p, target), classification_metrics(three, target)
    assert wide["f1_macro"] == pytest.approx(two["f1_macro"])
    assert wide["auroc"] == pytest.approx(two["auroc"])
    assert wide["ece"] == pytest.approx(two["ece"])


def test_perfect_and_all_wrong() -> None:
    target = torch.tensor([0, 1, 2, 0])
    perfect = torch.nn.functional.one_hot(target, 3).float()
    assert classification_metrics(perfect, target) == {
        "accuracy": 1.0,
        "f1_macro": 1.0,
        "log_loss": 0.0,
        "brier": 0.0,
        "ece": 0.0,
        "auroc": 1.0,
    }
    wrong = classification_metrics(perfect.roll(1, dims=1), target)
    assert (wrong["accuracy"], wrong["f1_macro"], wrong["ece"]) == (0.0, 0.0, 1.0)


def test_auroc_is_left_out_where_one_class_occurs() -> None:
    p, _ = random_scores(10, 3)
    assert "auroc" not in classification_metrics(p, torch.zeros(10, dtype=torch.long))
    assert binary_auroc(torch.rand(4), torch.ones(4, dtype=torch.bool)) is None


def test_auroc_counts_ties_half() -> None:
    assert binary_auroc(torch.tensor([0.5, 0.5, 0.5, 0.5]), torch.tensor([True, False, True, False])) == 0.5


def test_multilabel_equals_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    target = (torch.rand(200, 4, generator=generator) < torch.tensor([0.5, 0.3, 0.1, 0.0])).float()
    p = (torch.rand(200, 4, generator=generator) + target * 0.4).clamp(max=1)
    found = multilabel_metrics(p, target)
    truth, predicted = target.bool().numpy(), (p > 0.5).numpy()
    assert found["accuracy"] == pytest.approx((truth == predicted).mean())
    assert found["f1_macro"] == pytest.approx(sk.f1_score(truth, predicted, average="macro", zero_division=0), abs=1e-6)
    known = truth[:, :3], p[:, :3].numpy()
    assert found["auroc"] == pytest.approx(sk.roc_auc_score(*known, average="macro"), abs=1e-5)
    assert found["average_precision"] == pytest.approx(sk.average_precision_score(*known, average="macro"), abs=1e-5)
    exact = p.double().numpy()
    losses = [sk.log_loss(truth[:, c], p[:, c].numpy(), labels=[False, True]) for c in range(4)]
    assert found["log_loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert found["brier"] == pytest.approx(((exact - truth) ** 2).mean(), rel=1e-6)
    flat = torch.stack([1 - p.flatten(), p.flatten()], dim=1)
    assert found["ece"] == pytest.approx(classification_metrics(flat, target.flatten().long())["ece"])


@pytest.mark.parametrize("targets", [1, 3])
def test_regression_equals_scikit_learn(targets: int) -> None:
    generator = torch.Generator().manual_seed(0)
    target = 3e5 + 1e5 * torch.randn(100, targets, generator=generator)
    prediction = target + 2e4 * torch.randn(100, targets, generator=generator)
    found = regression_metrics(prediction, target)
    truth, guess = target.double().numpy(), prediction.double().numpy()
    assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(truth, guess), rel=1e-9)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(truth, guess), rel=1e-9)
    assert found["r2"] == pytest.approx(sk.r2_score(truth, guess), rel=1e-9)


def test_r2_is_left_out_where_the_target_is_constant() -> None:
    assert regression_metrics(torch.zeros(3, 1), torch.ones(3, 1)) == {"rmse": 1.0, "mae": 1.0}
