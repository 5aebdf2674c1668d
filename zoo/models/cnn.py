"""The CNN family: a small residual net or any timm backbone for images, 1-d convolutions over tokens for text."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from zoo.models.classifier import Classifier
from zoo.models.inputs import network_for
from zoo.models.mirrored import asks_mirror, mirrored_mean
from zoo.models.reads import check_names
from zoo.models.regressor import Regressor
from zoo.networks.backbone import TimmBackbone
from zoo.networks.pretrained import begin_from
from zoo.networks.resnet import SmallResNet
from zoo.networks.text_cnn import TextCNN
from zoo.networks.text_ensemble import with_members

IMAGE_WIDTHS = (64, 128, 128)  # channels
TEXT_WIDTHS = (3, 4, 5)  # tokens
IMAGE_ACTIVATION, TEXT_ACTIVATION = "silu", "relu"
RATE, RATES = 2e-3, {"muon": 0.02}  # learning rate where none is said; that of an optimiser
HALVED = 48  # pixels from which small_resnet starts at half of the size


def build_cnn(
    inputs: dict[str, Any],
    d_out: int,
    *,
    backbone: str,
    widths: list[int] | None,
    n_blocks: int,
    pretrained: bool | str,
    activation: str | None,
    dropout: float,
    drop_path: float,
    init: str,
    average: str,
) -> nn.Module:
    """The CNN for a kind of input."""
    check_names(activation=activation, init=init)

    def image() -> nn.Module:
        if backbone != "small_resnet":
            return TimmBackbone(
                backbone,
                d_out,
                channels=inputs["channels"],
                image_size=(inputs["height"], inputs["width"]),
                pretrained=pretrained,
                drop_rate=dropout,
                drop_path_rate=drop_path,
            )
        side = min(inputs["height"], inputs["width"])
        network = SmallResNet(
            inputs["channels"],
            d_out,
            widths=IMAGE_WIDTHS if widths is None else widths,
            n_blocks=n_blocks,
            stem_stride=2 if side >= HALVED else 1,
            activation=activation or IMAGE_ACTIVATION,
            dropout=dropout,
            drop_path=drop_path,
            init=init,
        )
        return begin_from(network, pretrained, channels=inputs["channels"], d_out=d_out)

    def text() -> nn.Module:
        deep = TextCNN(
            inputs["vocab_size"],
            d_out,
            widths=TEXT_WIDTHS if widths is None else widths,
            activation=activation or TEXT_ACTIVATION,
            dropout=dropout,
            pad_id=inputs["pad_id"],
            init=init,
        )
        return with_members(deep, inputs, d_out, average=average)

    return network_for("CNN", inputs, {"image": image, "text": text})


def fitting(
    inputs: dict[str, Any], backbone: str, lr: float | str | None, optimizer: str | None
) -> tuple[float | str, str]:
    """Rate and optimiser as told; where None, those that the network learns fastest with.

    Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) makes of a short training of small_resnet much more
    than AdamW; its rate is ten times as high, since each step has a size of its own.

    Example:
        >>> fitting({"modality": "image"}, "small_resnet", None, None), fitting({"modality": "text"}, "", None, None)
        ((0.02, 'muon'), (0.002, 'adamw'))
    """
    if optimizer is None:
        optimizer = "muon" if inputs.get("modality") == "image" and backbone == "small_resnet" else "adamw"
    return (RATES.get(optimizer.lower(), RATE) if lr is None else lr), optimizer


def settle(inputs: dict[str, Any], backbone: str) -> dict[str, Any]:
    """What arguments of the network that are None stand for."""
    if inputs.get("modality") == "text":
        return {"widths": list(TEXT_WIDTHS), "activation": TEXT_ACTIVATION}
    return {"widths": list(IMAGE_WIDTHS), "activation": IMAGE_ACTIVATION} if backbone == "small_resnet" else {}


class CNNClassifier(Classifier):
    """Convolutional network that chooses a class, on images or text.

    Args:
        inputs: What the data module says of its input.
        num_classes: Number of classes.
        backbone: Of images: small_resnet (made for low resolution), or any timm model by name (`zoo list backbones`).
        widths: Channels of each stage of small_resnet; for text the lengths of the filters, in tokens.
        n_blocks: Residual blocks a stage of small_resnet.
        pretrained: Of images: True loads a timm model's weights from the hub, a tag or hf-hub:OWNER/NAME others of
            them; a path or package:NAME a file. Of small_resnet a file of an earlier run. The head starts afresh.
        activation: relu, gelu, silu, ...; None takes silu for small_resnet, relu for text.
        dropout: Share of features dropped before the last layer, 0-1.
        drop_path: Stochastic depth of an image's network, 0-1.
        init: default (torch's), xavier, he, orthogonal or trunc_normal; not of backbones.
        flip_at_test: Outside training, answer with the mean over an image and its mirror image; None does so where
            training mirrors its images.
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
        lr: Highest learning rate, or "auto": found by a range test before the training; None takes what fits.
        optimizer: Name of an optimiser: adamw, sgd, ... (any of timm's); None takes muon for small_resnet, else adamw.
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
        backbone: str = "small_resnet",
        widths: list[int] | None = None,
        n_blocks: int = 1,
        pretrained: bool | str = False,
        activation: str | None = None,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        init: str = "he",
        flip_at_test: bool | None = None,
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
        optimizer: str | None = None,
        optimizer_options: dict[str, Any] | None = None,
        weight_decay: float = 0.05,
        schedule: str = "cosine",
        warmup: float = 0.1,
        l1: float = 0.0,
        agc: float = 0.0,
        layer_decay: float = 1.0,
    ) -> None:
        rate, optimizer = fitting(inputs, backbone, lr, optimizer)
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
            lr=rate,
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
        self.mirror = asks_mirror(flip_at_test, inputs)
        self.settled |= {"lr": rate, "optimizer": optimizer} | settle(inputs, backbone)
        if inputs.get("modality") == "image":
            self.settled["flip_at_test"] = self.mirror
        self.network = build_cnn(
            inputs,
            num_classes,
            backbone=backbone,
            widths=widths,
            n_blocks=n_blocks,
            pretrained=pretrained,
            activation=activation,
            dropout=dropout,
            drop_path=drop_path,
            init=init,
            average="sigmoid" if multilabel else "softmax",
        )

    def forward(self, **inputs: Tensor) -> Tensor:
        return mirrored_mean(self.network, inputs) if self.mirror and not self.training else super().forward(**inputs)


class CNNRegressor(Regressor):
    """Convolutional network that predicts numbers, from images or text.

    Args:
        inputs: What the data module says of its input.
        num_targets: Numbers a row.
        backbone: Of images: small_resnet (made for low resolution), or any timm model by name (`zoo list backbones`).
        widths: Channels of each stage of small_resnet; for text the lengths of the filters, in tokens.
        n_blocks: Residual blocks a stage of small_resnet.
        pretrained: Of images: True loads a timm model's weights from the hub, a tag or hf-hub:OWNER/NAME others of
            them; a path or package:NAME a file. Of small_resnet a file of an earlier run. The head starts afresh.
        activation: relu, gelu, silu, ...; None takes silu for small_resnet, relu for text.
        dropout: Share of features dropped before the last layer, 0-1.
        drop_path: Stochastic depth of an image's network, 0-1.
        init: default (torch's), xavier, he, orthogonal or trunc_normal; not of backbones.
        flip_at_test: Outside training, answer with the mean over an image and its mirror image; None does so where
            training mirrors its images.
        loss: mse, huber, mae, or a class path.
        lr: Highest learning rate, or "auto": found by a range test before the training; None takes what fits.
        optimizer: Name of an optimiser: adamw, sgd, ... (any of timm's); None takes muon for small_resnet, else adamw.
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
        backbone: str = "small_resnet",
        widths: list[int] | None = None,
        n_blocks: int = 1,
        pretrained: bool | str = False,
        activation: str | None = None,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        init: str = "he",
        flip_at_test: bool | None = None,
        loss: str = "mse",
        lr: float | str | None = None,
        optimizer: str | None = None,
        optimizer_options: dict[str, Any] | None = None,
        weight_decay: float = 0.05,
        schedule: str = "cosine",
        warmup: float = 0.1,
        l1: float = 0.0,
        agc: float = 0.0,
        layer_decay: float = 1.0,
    ) -> None:
        rate, optimizer = fitting(inputs, backbone, lr, optimizer)
        super().__init__(
            num_targets=num_targets,
            loss=loss,
            lr=rate,
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
        self.mirror = asks_mirror(flip_at_test, inputs)
        self.settled |= {"lr": rate, "optimizer": optimizer} | settle(inputs, backbone)
        if inputs.get("modality") == "image":
            self.settled["flip_at_test"] = self.mirror
        self.network = build_cnn(
            inputs,
            num_targets,
            backbone=backbone,
            widths=widths,
            n_blocks=n_blocks,
            pretrained=pretrained,
            activation=activation,
            dropout=dropout,
            drop_path=drop_path,
            init=init,
            average="mean",
        )

    def forward(self, **inputs: Tensor) -> Tensor:
        return mirrored_mean(self.network, inputs) if self.mirror and not self.training else super().forward(**inputs)
