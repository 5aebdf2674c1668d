"""The MLP family: tables, flattened images, averaged token embeddings."""

from __future__ import annotations

from typing import Any

from torch import nn

from zoo.errors import InputError
from zoo.models.classifier import Classifier
from zoo.models.inputs import network_for
from zoo.models.reads import check_names
from zoo.models.regressor import Regressor
from zoo.models.sized import sized
from zoo.networks.mlp import ImageMLP, TabularMLP, TextMLP
from zoo.networks.text_ensemble import with_members

MEMBERS = 8  # of an ensemble


def build_mlp(
    inputs: dict[str, Any],
    d_out: int,
    *,
    ensemble: int,
    numeric_embedding: str,
    hidden: list[int],
    activation: str,
    dropout: float,
    norm: str,
    init: str,
    average: str,
) -> nn.Module:
    """The MLP for a kind of input; for a table an ensemble of them, unless it is told to be one."""
    options: dict[str, Any] = {
        "hidden": hidden,
        "activation": activation,
        "dropout": dropout,
        "norm": norm,
        "init": init,
    }
    check_names(activation=activation, norm=norm, init=init, numeric_embedding=numeric_embedding)
    if ensemble < 1:
        raise InputError(f"model.ensemble must be at least 1, got {ensemble}")

    def tabular() -> nn.Module:
        columns = inputs["n_numeric"], inputs["cardinalities"]
        if ensemble == 1:
            return TabularMLP(*columns, d_out, numeric_embedding=numeric_embedding, **options)
        from zoo.networks.tabm import TabM  # a second to import, for the sake of scikit-learn

        return TabM(*columns, d_out, k=ensemble, numeric_embedding=numeric_embedding, average=average, **options)

    def text() -> nn.Module:
        deep = TextMLP(inputs["vocab_size"], d_out, pad_id=inputs["pad_id"], **options)
        return with_members(deep, inputs, d_out, average=average)

    makers = {
        "tabular": tabular,
        "image": lambda: ImageMLP(inputs["channels"], inputs["height"], inputs["width"], d_out, **options),
        "text": text,
    }
    return network_for("MLP", inputs, makers)


def settle(inputs: dict[str, Any], *, ensemble: int | None, numeric_embedding: str | None) -> dict[str, Any]:
    """The arguments as told, and as they are chosen where they are None.

    Example:
        >>> settle({"modality": "text"}, ensemble=None, numeric_embedding=None)
        {'ensemble': 1, 'numeric_embedding': 'none'}
    """
    if ensemble is None:
        ensemble = 1 if inputs.get("modality") in ("image", "text") else MEMBERS
    if numeric_embedding is None:
        numeric_embedding = "none" if ensemble == 1 else "piecewise_linear"
    return {"ensemble": ensemble, "numeric_embedding": numeric_embedding}


class MLPClassifier(Classifier):
    """Multi-layer perceptron that chooses a class, on tables, images or text.

    Args:
        inputs: What the data module says of its input.
        num_classes: Number of classes.
        ensemble: On tables, members of a TabM ensemble, whose losses and answers are averaged; None is 8, 1 one MLP.
        numeric_embedding: Of a table's numbers: none, piecewise_linear or periodic; None is piecewise_linear in an
            ensemble, else none.
        hidden: Width of each hidden layer; None goes by the number of train rows, [] is a linear model.
        activation: relu, leaky_relu, gelu, silu, sigmoid or tanh.
        dropout: Share of hidden units dropped in training, 0-1; None goes by the number of train rows.
        norm: none, batch or layer.
        init: default (torch's), xavier, he, orthogonal or trunc_normal.
        multilabel: Whether a row may have several labels.
        loss: cross_entropy, focal, bce, or a class path; None takes what fits.
        label_smoothing: Share of the target spread over all classes, 0-1.
        class_weights: One number a class, or "balanced".
        focal_gamma: How much less `focal` counts easy rows; 0 is cross-entropy.
        mixup: Strength (alpha) with which two images of a batch are blended; 0 is off.
        cutmix: Strength (alpha) with which a box of one image is pasted into another; 0 is off.
        threshold: Of two classes, the probability of the second from which it is chosen; None is 0.5.
        costs: Cost of each decision, one row a true class: the cheapest expected one is chosen.
        calibrate: Fit a temperature to the validation rows, so that probabilities are as sure as they are right.
        lr: Highest learning rate; None goes by the number of train rows, "auto" is found by a range test before the
            training.
        optimizer: Name of an optimiser: adamw, sgd, ... (any of timm's).
        optimizer_options: Further settings of the optimiser by name, as `{betas: [0.9, 0.98]}`.
        weight_decay: L2: decoupled for adamw, lion and muon, part of its scaled step for lamb, through the gradient for
            sgd and adam; biases and normalisation are spared.
        schedule: cosine, linear, step, one_cycle, plateau or constant.
        warmup: Share of the training in which the rate rises, 0-1.
        l1: Weight of the L1 penalty.
        agc: Adaptive clipping: largest gradient as a share of its weights' norm; 0 clips as the trainer says.
        layer_decay: Factor of the rate from each layer to the one below it, 0-1; 1 is the same rate for all.

    Raises:
        InputError: A value that cannot be, or an input that the family does not take.
    """

    def __init__(
        self,
        inputs: dict[str, Any],
        num_classes: int,
        *,
        ensemble: int | None = None,
        numeric_embedding: str | None = None,
        hidden: list[int] | None = None,
        activation: str = "relu",
        dropout: float | None = None,
        norm: str = "none",
        init: str = "default",
        multilabel: bool = False,
        loss: str | None = None,
        label_smoothing: float = 0.0,
        class_weights: str | list[float] | None = None,
        focal_gamma: float = 2.0,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        threshold: float | None = None,
        costs: list[list[float]] | None = None,
        calibrate: bool = True,
        lr: float | str | None = None,
        optimizer: str = "adamw",
        optimizer_options: dict[str, Any] | None = None,
        weight_decay: float = 0.01,
        schedule: str = "cosine",
        warmup: float = 0.05,
        l1: float = 0.0,
        agc: float = 0.0,
        layer_decay: float = 1.0,
    ) -> None:
        hidden, dropout, lr = sized(inputs, hidden, dropout, lr)  # so that a checkpoint tells them
        super().__init__(
            num_classes=num_classes,
            multilabel=multilabel,
            loss=loss,
            label_smoothing=label_smoothing,
            class_weights=class_weights,
            focal_gamma=focal_gamma,
            mixup=mixup,
            cutmix=cutmix,
            threshold=threshold,
            costs=costs,
            calibrate=calibrate,
            lr=lr,
            optimizer=optimizer,
            optimizer_options=optimizer_options,
            weight_decay=weight_decay,
            schedule=schedule,
            warmup=warmup,
            l1=l1,
            agc=agc,
            layer_decay=layer_decay,
        )
        self.save_hyperparameters()
        chosen = settle(inputs, ensemble=ensemble, numeric_embedding=numeric_embedding)
        self.settled |= {"hidden": hidden, "dropout": dropout, "lr": lr}
        if inputs.get("modality") == "tabular":
            self.settled |= chosen
        self.network = build_mlp(
            inputs,
            num_classes,
            **chosen,
            hidden=hidden,
            activation=activation,
            dropout=dropout,
            norm=norm,
            init=init,
            average="sigmoid" if multilabel else "softmax",
        )


class MLPRegressor(Regressor):
    """Multi-layer perceptron that predicts numbers, from tables, images or text.

    Args:
        inputs: What the data module says of its input.
        num_targets: Numbers a row.
        ensemble: On tables, members of a TabM ensemble, whose losses and answers are averaged; None is 8, 1 one MLP.
        numeric_embedding: Of a table's numbers: none, piecewise_linear or periodic; None is piecewise_linear in an
            ensemble, else none.
        hidden: Width of each hidden layer; None goes by the number of train rows, [] is a linear model.
        activation: relu, leaky_relu, gelu, silu, sigmoid or tanh.
        dropout: Share of hidden units dropped in training, 0-1; None goes by the number of train rows.
        norm: none, batch or layer.
        init: default (torch's), xavier, he, orthogonal or trunc_normal.
        loss: mse, huber, mae, or a class path.
        lr: Highest learning rate; None goes by the number of train rows, "auto" is found by a range test before the
            training.
        optimizer: Name of an optimiser: adamw, sgd, ... (any of timm's).
        optimizer_options: Further settings of the optimiser by name, as `{betas: [0.9, 0.98]}`.
        weight_decay: L2: decoupled for adamw, lion and muon, part of its scaled step for lamb, through the gradient for
            sgd and adam; biases and normalisation are spared.
        schedule: cosine, linear, step, one_cycle, plateau or constant.
        warmup: Share of the training in which the rate rises, 0-1.
        l1: Weight of the L1 penalty.
        agc: Adaptive clipping: largest gradient as a share of its weights' norm; 0 clips as the trainer says.
        layer_decay: Factor of the rate from each layer to the one below it, 0-1; 1 is the same rate for all.

    Raises:
        InputError: A value that cannot be, or an input that the family does not take.
    """

    def __init__(
        self,
        inputs: dict[str, Any],
        num_targets: int = 1,
        *,
        ensemble: int | None = None,
        numeric_embedding: str | None = None,
        hidden: list[int] | None = None,
        activation: str = "relu",
        dropout: float | None = None,
        norm: str = "none",
        init: str = "default",
        loss: str = "mse",
        lr: float | str | None = None,
        optimizer: str = "adamw",
        optimizer_options: dict[str, Any] | None = None,
        weight_decay: float = 0.01,
        schedule: str = "cosine",
        warmup: float = 0.05,
        l1: float = 0.0,
        agc: float = 0.0,
        layer_decay: float = 1.0,
    ) -> None:
        hidden, dropout, lr = sized(inputs, hidden, dropout, lr)  # so that a checkpoint tells them
        super().__init__(
            num_targets=num_targets,
            loss=loss,
            lr=lr,
            optimizer=optimizer,
            optimizer_options=optimizer_options,
            weight_decay=weight_decay,
            schedule=schedule,
            warmup=warmup,
            l1=l1,
            agc=agc,
            layer_decay=layer_decay,
        )
        self.save_hyperparameters()
        chosen = settle(inputs, ensemble=ensemble, numeric_embedding=numeric_embedding)
        self.settled |= {"hidden": hidden, "dropout": dropout, "lr": lr}
        if inputs.get("modality") == "tabular":
            self.settled |= chosen
        self.network = build_mlp(
            inputs,
            num_targets,
            **chosen,
            hidden=hidden,
            activation=activation,
            dropout=dropout,
            norm=norm,
            init=init,
            average="mean",
        )
