"""Each loss equals its formula."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo.errors import InputError
from zoo.models import MLPClassifier, MLPRegressor
from zoo.models.losses import (
    CLASSIFICATION_LOSSES,
    FocalLoss,
    balanced_label_weights,
    balanced_weights,
    check_loss,
    classification_loss,
    regression_loss,
)

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3], [-3.0, 4.0, 0.0], [1.0, 1.0, 1.0]])
TARGET = torch.tensor([0, 2, 1, 0])
WEIGHT = torch.tensor([0.5, 2.0, 1.5])


INPUTS = {"modality": "tabular", "n_numeric": 2, "cardinalities": []}


def probabilities(logits: Tensor) -> list[list[float]]:
    rows = [[math.exp(value) for value in row] for row in logits.tolist()]
    return [[value / sum(row) for value in row] for row in rows]


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_cross_entropy(weight: Tensor | None) -> None:
    w = [1.0, 1.0, 1.0] if weight is None else weight.tolist()
    p, targets = probabilities(LOGITS), TARGET.tolist()
    expected = sum(-w[t] * math.log(p[i][t]) for i, t in enumerate(targets)) / sum(w[t] for t in targets)
    found = classification_loss("cross_entropy", LOGITS, TARGET, label_smoothing=0.0, weight=weight)
    assert float(found) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_cross_entropy_with_label_smoothing(weight: Tensor | None) -> None:
    w = [1.0, 1.0, 1.0] if weight is None else weight.tolist()
    p, targets, smooth = probabilities(LOGITS), TARGET.tolist(), 0.2
    total = 0.0
    for i, t in enumerate(targets):
        for c in range(3):
            share = (1 - smooth) * (c == t) + smooth / 3
            total -= share * w[c] * math.log(p[i][c])
    expected = total / sum(w[t] for t in targets)
    found = classification_loss("cross_entropy", LOGITS, TARGET, label_smoothing=smooth, weight=weight)
    assert float(found) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_focal(weight: Tensor | None) -> None:
    w = [1.0, 1.0, 1.0] if weight is None else weight.tolist()
    p, targets = probabilities(LOGITS), TARGET.tolist()
    rows = [-w[t] * (1 - p[i][t]) ** 2 * math.log(p[i][t]) for i, t in enumerate(targets)]
    found = classification_loss("focal", LOGITS, TARGET, label_smoothing=0.0, weight=weight)
    assert float(found) == pytest.approx(sum(rows) / sum(w[t] for t in targets), rel=1e-5)


SHARES = torch.tensor([[0.7, 0.3, 0.0], [0.0, 0.0, 1.0], [0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("smooth", [0.0, 0.2])
def test_targets_spread_over_classes(name: str, weight: Tensor | None, smooth: float) -> None:
    w, gamma = [1.0, 1.0, 1.0] if weight is None else weight.tolist(), 1.5 if name == "focal" else 0.0
    p, total, norm = probabilities(LOGITS), 0.0, 0.0
    for i, shares in enumerate(SHARES.tolist()):
        for c, share in enumerate(shares):
            smoothed = (1 - smooth) * share + smooth / 3
            total -= smoothed * w[c] * (1 - p[i][c]) ** gamma * math.log(p[i][c])
            norm += share * w[c]
    found = classification_loss(name, LOGITS, SHARES, label_smoothing=smooth, weight=weight, focal_gamma=1.5)
    assert float(found) == pytest.approx(total / norm, rel=1e-5)


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("smooth", [0.0, 0.2])
def test_a_target_of_one_class_is_that_class(name: str, weight: Tensor | None, smooth: float) -> None:
    hard, soft = (
        classification_loss(name, LOGITS, target, label_smoothing=smooth, weight=weight)
        for target in (TARGET, torch.eye(3)[TARGET])
    )
    assert float(hard) == pytest.approx(float(soft), rel=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_has_a_gradient_where_a_row_is_certain(gamma: float) -> None:
    logits = torch.tensor([[200.0, 0.0, -200.0]], requires_grad=True)
    for target in (0, 2):
        (gradient,) = torch.autograd.grad(FocalLoss(gamma)(logits, torch.tensor([target])), logits)
        assert gradient.isfinite().all()


def test_focal_of_gamma_0_is_cross_entropy() -> None:
    plain = classification_loss("cross_entropy", LOGITS, TARGET, label_smoothing=0.0, weight=WEIGHT)
    assert float(FocalLoss(gamma=0.0, weight=WEIGHT)(LOGITS, TARGET)) == pytest.approx(float(plain), rel=1e-6)


@pytest.mark.parametrize("smooth", [0.0, 0.1])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_bce(weight: Tensor | None, smooth: float) -> None:
    target = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
    w = [1.0, 1.0, 1.0] if weight is None else weight.tolist()
    total = 0.0
    for row, wanted in zip(LOGITS.tolist(), target.tolist(), strict=True):
        for c in range(3):
            p, t = 1 / (1 + math.exp(-row[c])), wanted[c] * (1 - smooth) + smooth / 2
            total -= w[c] * t * math.log(p) + (1 - t) * math.log(1 - p)
    found = classification_loss("bce", LOGITS, target, label_smoothing=smooth, weight=weight)
    assert float(found) == pytest.approx(total / 12, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mse", (0.25 + 9.0 + 0.0 + 1.0) / 4),
        ("mae", (0.5 + 3.0 + 0.0 + 1.0) / 4),
        ("huber", (0.5 * 0.25 + (3.0 - 0.5) + 0.0 + 0.5) / 4),
    ],
)
def test_regression_losses(name: str, expected: float) -> None:
    prediction, target = torch.tensor([[1.0], [2.0], [3.0], [4.0]]), torch.tensor([[1.5], [5.0], [3.0], [3.0]])
    assert float(regression_loss(name, prediction, target)) == pytest.approx(expected)


class Twice(nn.Module):
    """A loss of the user's own."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return 2 * logits.sum()


def test_a_loss_by_class_path() -> None:
    model = MLPClassifier(INPUTS, 3, ensemble=1, loss=f"{Twice.__module__}.Twice")
    assert float(model.loss(LOGITS, TARGET)) == pytest.approx(12.2)
    other = MLPRegressor(INPUTS, loss="torch.nn.SmoothL1Loss")
    assert float(other.loss(torch.ones(2, 1), torch.zeros(2, 1))) == 0.5
    assert set(other.state_dict()) == set(MLPRegressor(INPUTS).state_dict())


class Counting(Twice):
    """A loss with a memory, a buffer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()))
        self.calls = 0

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        self.calls += 1
        return self.calls * logits.mean() * self.get_buffer("scale")


class Learning(Twice):
    """A loss that would have to be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))


class Asking(Twice):
    """A loss that cannot be made without arguments."""

    def __init__(self, needed: int) -> None:
        super().__init__()


def test_a_loss_of_the_users_own_is_made_once_and_stays_out_of_the_checkpoint() -> None:
    model = MLPClassifier(INPUTS, 3, loss=f"{__name__}.Counting")
    first = float(model.loss(torch.ones(2, 3), torch.zeros(2, dtype=torch.long)))
    assert (first, float(model.loss(torch.ones(2, 3), torch.zeros(2, dtype=torch.long)))) == (1.0, 2.0)
    assert set(model.state_dict()) == set(MLPClassifier(INPUTS, 3).state_dict())
    copied = copy.deepcopy(model)
    copied.loss(torch.ones(2, 3), torch.zeros(2, dtype=torch.long))
    assert float(model.loss(torch.ones(2, 3), torch.zeros(2, dtype=torch.long))) == 3.0


@pytest.mark.parametrize(
    "make", [lambda loss: MLPClassifier(INPUTS, 3, loss=loss), lambda loss: MLPRegressor(INPUTS, loss=loss)]
)
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no.such.Loss", "model.loss no.such.Loss cannot be imported: No module named 'no'"),
        ("torch.nn.NoLoss", "model.loss torch.nn.NoLoss cannot be imported: module 'torch.nn' has no attribute 'NoLoss'"),
        ("torch.nn.functional.mse_loss", "model.loss torch.nn.functional.mse_loss is no class of torch.nn.Module"),
        ("collections.OrderedDict", "model.loss collections.OrderedDict is no class of torch.nn.Module"),
        (f"{__name__}.Asking", f"model.loss {__name__}.Asking must be made without arguments: "),
        (f"{__name__}.Learning", f"model.loss {__name__}.Learning has parameters of its own, which nothing would train"),
    ],
)  # fmt: skip
def test_a_class_path_that_is_no_loss_is_one_line_at_once(make: Any, path: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        make(path)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("options", [{"label_smoothing": 0.1}, {"class_weights": "balanced"}])
def test_what_a_loss_of_the_users_own_does_not_take_is_an_error(options: dict[str, Any]) -> None:
    (word,) = options
    with pytest.raises(
        InputError, match=rf"^model.{word} has no effect on a loss of your own, {__name__}.Twice: leave"
    ):
        MLPClassifier(INPUTS, 3, loss=f"{__name__}.Twice", **options)


def test_an_unknown_loss_names_the_nearest() -> None:
    with pytest.raises(
        InputError, match=r"no loss named 'crossentropy' \(model.loss\): did you mean 'cross_entropy'\?"
    ):
        check_loss("crossentropy", CLASSIFICATION_LOSSES)


def test_balanced_weights_let_each_class_count_the_same() -> None:
    counts = torch.tensor([90, 9, 1])
    weights = balanced_weights(counts)
    assert weights.tolist() == pytest.approx([100 / 270, 100 / 27, 100 / 3])
    assert (weights * counts).tolist() == pytest.approx([100 / 3] * 3)
    assert torch.isfinite(balanced_weights(torch.tensor([5, 0]))).all()


def test_balanced_label_weights_let_presence_and_absence_count_the_same() -> None:
    target = torch.zeros(40, 2)
    target[:30, 0], target[:10, 1] = 1, 1
    weight = balanced_label_weights(target.sum(dim=0).long(), len(target))
    present, absent = weight * target.sum(dim=0), (1 - target).sum(dim=0)
    torch.testing.assert_close(present, absent)
