"""The Transformer family: text tokens, image patches, table columns."""

from __future__ import annotations

from typing import Any

from torch import nn

from zoo.models.base import Model
from zoo.models.classifier import Classifier
from zoo.models.inputs import network_for
from zoo.models.reads import check_names
from zoo.models.regressor import Regressor
from zoo.networks.backbone import TimmBackbone
from zoo.networks.pretrained import begin_from
from zoo.networks.pretrained_encoder import PretrainedEncoder
from zoo.networks.tabular_transformer import TabularTransformer
from zoo.networks.text_ensemble import with_members
from zoo.networks.text_transformer import TextTransformer
from zoo.networks.vision_transformer import SmallViT


def build_transformer(
    inputs: dict[str, Any],
    d_out: int,
    *,
    backbone: str | None,
    backbone_config: dict[str, Any] | None,
    d_model: int,
    n_layers: int,
    n_heads: int,
    d_feedforward: int | None,
    dropout: float,
    token_dropout: float,
    head_dropout: float,
    drop_path: float,
    window: int,
    phrases: bool,
    position: str,
    pooling: str,
    activation: str,
    patch: int,
    pretrained: bool | str,
    init: str,
    numeric_embedding: str | None,
    average: str,
) -> nn.Module:
    """The Transformer for a kind of input."""
    check_names(
        activation=activation, position=position, pooling=pooling, init=init, numeric_embedding=numeric_embedding
    )
    encoder: dict[str, Any] = {
        "d_model": d_model,
        "n_layers": n_layers,
        "n_heads": n_heads,
        "d_feedforward": d_feedforward,
        "dropout": dropout,
        "drop_path": drop_path,
        "activation": activation,
        "init": init,
    }

    def text() -> nn.Module:
        if backbone is not None:
            return with_members(text_backbone(), inputs, d_out, average=average, phrases=phrases)
        if pretrained:
            raise ValueError("pretrained needs a backbone: the name or folder of the model that has the weights")
        deep = TextTransformer(
            inputs["vocab_size"],
            d_out,
            max_length=inputs["max_length"],
            pad_id=inputs["pad_id"],
            token_dropout=token_dropout,
            head_dropout=head_dropout,
            window=window,
            position=position,
            pooling=pooling,
            **encoder,
        )
        return with_members(deep, inputs, d_out, average=average, phrases=phrases)

    def text_backbone() -> nn.Module:
        if drop_path:
            raise ValueError(f"drop_path must be 0 for the text backbone {backbone}, got {drop_path}")
        if isinstance(pretrained, str):
            raise ValueError(f"pretrained must be True or False for text: give the folder {pretrained} as backbone")
        return PretrainedEncoder(
            str(backbone),
            d_out,
            config=backbone_config,
            pretrained=pretrained,
            vocab_size=inputs["vocab_size"],
            max_length=inputs["max_length"],
            pooling=pooling,
            dropout=dropout,
            token_dropout=token_dropout,
        )

    def image() -> nn.Module:
        height, width = inputs["height"], inputs["width"]
        if backbone is None:
            network = SmallViT(inputs["channels"], height, width, d_out, patch=patch, pooling=pooling, **encoder)
            return begin_from(network, pretrained, channels=inputs["channels"], d_out=d_out)
        return TimmBackbone(
            backbone,
            d_out,
            channels=inputs["channels"],
            image_size=(height, width),
            pretrained=pretrained,
            drop_rate=dropout,
            drop_path_rate=drop_path,
        )

    def tabular() -> nn.Module:
        if backbone is not None:
            raise ValueError(f"there is no backbone for tables: leave model.backbone out, got {backbone}")
        columns = inputs["n_numeric"], inputs["cardinalities"]
        return TabularTransformer(*columns, d_out, numeric_embedding=numeric_embedding or "none", **encoder)

    return network_for("Transformer", inputs, {"text": text, "image": image, "tabular": tabular})


def keep_backbone_config(model: Model) -> None:
    """Note the architecture of a text backbone among the arguments, also where other members stand beside it."""
    deep = getattr(model.network, "deep", model.network)
    if isinstance(deep, PretrainedEncoder):
        model.hparams["backbone_config"] = deep.config


class TransformerClassifier(Classifier):
    """Self-attention over tokens that chooses a class, on text, images or tables.

    Args:
        inputs: What the data module says of its input.
        num_classes: Number of classes.
        backbone: None is a small encoder of the sizes below, as tables always have. For text: a model of the
            transformers library, by its name on the Hugging Face hub or its folder; for images: any timm model by name.
        backbone_config: Architecture of a text backbone. Filled from the backbone, so that a checkpoint needs neither
            hub nor folder; where it is given, no weights are read.
        d_model: Width of a token.
        n_layers: Blocks.
        n_heads: Attention heads; divides d_model.
        d_feedforward: Width inside the feed-forward part; None is what the kind of input usually has.
        dropout: Share of activations dropped in training, 0-1.
        token_dropout: Share of a text's tokens hidden in training, 0-1.
        head_dropout: Share of a text's pooled features dropped before the last layer, 0-1.
        drop_path: Stochastic depth, 0-1.
        window: Tokens of a text (odd) that a convolution before the blocks sees at once; 1 is no convolution.
        phrases: Of a text: a convolution over its tokens (`TextCNN`) learns and answers beside the encoder.
        position: Of text tokens: learned, sinusoidal or rotary.
        pooling: Of text and patches: mean, max, cls or attention.
        activation: Of the feed-forward part.
        patch: Side of an image patch, in pixels.
        pretrained: Of a backbone: True loads its weights, False takes its architecture alone; for a timm model also
            a file of weights.
        init: default (torch's), xavier, he, orthogonal or trunc_normal; not of backbones.
        numeric_embedding: Of a table's numbers: none, piecewise_linear or periodic; None is none.
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
        lr: Highest learning rate, or "auto": found by a range test before the training.
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
        backbone: str | None = None,
        backbone_config: dict[str, Any] | None = None,
        d_model: int = 128,
        n_layers: int = 2,
        n_heads: int = 4,
        d_feedforward: int | None = None,
        dropout: float = 0.1,
        token_dropout: float = 0.0,
        head_dropout: float = 0.0,
        drop_path: float = 0.0,
        window: int = 1,
        phrases: bool = False,
        position: str = "learned",
        pooling: str = "mean",
        activation: str = "gelu",
        patch: int = 4,
        pretrained: bool | str = False,
        init: str = "default",
        numeric_embedding: str | None = None,
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
        lr: float | str = 1e-3,
        optimizer: str = "adamw",
        optimizer_options: dict[str, Any] | None = None,
        weight_decay: float = 0.05,
        schedule: str = "cosine",
        warmup: float = 0.1,
        l1: float = 0.0,
        agc: float = 0.0,
        layer_decay: float = 1.0,
    ) -> None:
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
        self.network = build_transformer(
            inputs,
            num_classes,
            backbone=backbone,
            backbone_config=backbone_config,
            d_model=d_model,
            n_layers=n_layers,
            n_heads=n_heads,
            d_feedforward=d_feedforward,
            dropout=dropout,
            token_dropout=token_dropout,
            head_dropout=head_dropout,
            drop_path=drop_path,
            window=window,
            phrases=phrases,
            position=position,
            pooling=pooling,
            activation=activation,
            patch=patch,
            pretrained=pretrained,
            init=init,
            numeric_embedding=numeric_embedding,
            average="sigmoid" if multilabel else "softmax",
        )
        tabular = inputs.get("modality") == "tabular"
        if backbone is None:
            self.settled["d_feedforward"] = (2 if tabular else 4) * d_model
        if tabular:
            self.settled["numeric_embedding"] = "none"
        keep_backbone_config(self)


class TransformerRegressor(Regressor):
    """Self-attention over tokens that predicts numbers, from text, images or tables.

    Args:
        inputs: What the data module says of its input.
        num_targets: Numbers a row.
        backbone: None is a small encoder of the sizes below, as tables always have. For text: a model of the
            transformers library, by its name on the Hugging Face hub or its folder; for images: any timm model by name.
        backbone_config: Architecture of a text backbone. Filled from the backbone, so that a checkpoint needs neither
            hub nor folder; where it is given, no weights are read.
        d_model: Width of a token.
        n_layers: Blocks.
        n_heads: Attention heads; divides d_model.
        d_feedforward: Width inside the feed-forward part; None is what the kind of input usually has.
        dropout: Share of activations dropped in training, 0-1.
        token_dropout: Share of a text's tokens hidden in training, 0-1.
        head_dropout: Share of a text's pooled features dropped before the last layer, 0-1.
        drop_path: Stochastic depth, 0-1.
        window: Tokens of a text (odd) that a convolution before the blocks sees at once; 1 is no convolution.
        phrases: Of a text: a convolution over its tokens (`TextCNN`) learns and answers beside the encoder.
        position: Of text tokens: learned, sinusoidal or rotary.
        pooling: Of text and patches: mean, max, cls or attention.
        activation: Of the feed-forward part.
        patch: Side of an image patch, in pixels.
        pretrained: Of a backbone: True loads its weights, False takes its architecture alone; for a timm model also
            a file of weights.
        init: default (torch's), xavier, he, orthogonal or trunc_normal; not of backbones.
        numeric_embedding: Of a table's numbers: none, piecewise_linear or periodic; None is none.
        loss: mse, huber, mae, or a class path.
        lr: Highest learning rate, or "auto": found by a range test before the training.
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
        backbone: str | None = None,
        backbone_config: dict[str, Any] | None = None,
        d_model: int = 128,
        n_layers: int = 2,
        n_heads: int = 4,
        d_feedforward: int | None = None,
        dropout: float = 0.1,
        token_dropout: float = 0.0,
        head_dropout: float = 0.0,
        drop_path: float = 0.0,
        window: int = 1,
        phrases: bool = False,
        position: str = "learned",
        pooling: str = "mean",
        activation: str = "gelu",
        patch: int = 4,
        pretrained: bool | str = False,
        init: str = "default",
        numeric_embedding: str | None = None,
        loss: str = "mse",
        lr: float | str = 1e-3,
        optimizer: str = "adamw",
        optimizer_options: dict[str, Any] | None = None,
        weight_decay: float = 0.05,
        schedule: str = "cosine",
        warmup: float = 0.1,
        l1: float = 0.0,
        agc: float = 0.0,
        layer_decay: float = 1.0,
    ) -> None:
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
        self.network = build_transformer(
            inputs,
            num_targets,
            backbone=backbone,
            backbone_config=backbone_config,
            d_model=d_model,
            n_layers=n_layers,
            n_heads=n_heads,
            d_feedforward=d_feedforward,
            dropout=dropout,
            token_dropout=token_dropout,
            head_dropout=head_dropout,
            drop_path=drop_path,
            window=window,
            phrases=phrases,
            position=position,
            pooling=pooling,
            activation=activation,
            patch=patch,
            pretrained=pretrained,
            init=init,
            numeric_embedding=numeric_embedding,
            average="mean",
        )
        tabular = inputs.get("modality") == "tabular"
        if backbone is None:
            self.settled["d_feedforward"] = (2 if tabular else 4) * d_model
        if tabular:
            self.settled["numeric_embedding"] = "none"
        keep_backbone_config(self)
