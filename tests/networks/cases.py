"""One small instance of every network with a batch of inputs, shared by the tests of this folder."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.networks import (
    MLP,
    ImageMLP,
    NgramLinear,
    SmallResNet,
    SmallViT,
    TabularMLP,
    TabularTransformer,
    TextCNN,
    TextEnsemble,
    TextMLP,
    TextTransformer,
    TimmBackbone,
)

ROWS = 16
CLASSES = 3
LENGTH = 9
VOCABULARY = 50


@dataclass(frozen=True)
class Case:
    """How to build a network, and what it is fed with."""

    build: Callable[[], nn.Module]
    inputs: Callable[[], tuple[Tensor, ...]]


def features() -> tuple[Tensor]:
    return (torch.randn(ROWS, 5),)


def columns() -> tuple[Tensor, Tensor]:
    return torch.randn(ROWS, 5), torch.stack([torch.randint(0, n, (ROWS,)) for n in (2, 7, 2)], dim=1)


def numbers() -> tuple[Tensor, Tensor]:
    return torch.randn(ROWS, 5), torch.zeros(ROWS, 0, dtype=torch.long)


def categories() -> tuple[Tensor, Tensor]:
    return torch.zeros(ROWS, 0), torch.randint(0, 50, (ROWS, 2))


def image() -> tuple[Tensor]:
    return (torch.randn(ROWS, 1, 9, 11),)


def large_image() -> tuple[Tensor]:
    return (torch.randn(ROWS, 1, 32, 32),)


def text() -> tuple[Tensor, Tensor]:
    lengths = torch.randint(1, LENGTH + 1, (ROWS,))
    mask = torch.arange(LENGTH) < lengths[:, None]  # (batch, length)
    return torch.randint(1, VOCABULARY, (ROWS, LENGTH)) * mask, mask


def text_and_ngrams() -> tuple[Tensor, Tensor, Tensor]:
    return (*text(), torch.randint(0, 70, (ROWS, 12)))


def text_transformer(position: str, pooling: str) -> Callable[[], nn.Module]:
    return lambda: TextTransformer(
        VOCABULARY, CLASSES, max_length=20, d_model=32, n_heads=2, dropout=0.0, position=position, pooling=pooling
    )


def mixing_transformer() -> nn.Module:
    return TextTransformer(VOCABULARY, CLASSES, max_length=20, d_model=32, n_heads=2, dropout=0.0, window=3)


def text_ensemble() -> TextEnsemble:
    phrases = TextCNN(VOCABULARY, CLASSES, d_embedding=32, n_filters=32, dropout=0.0)
    return TextEnsemble(mixing_transformer(), phrases=phrases, linear=NgramLinear([40, 30], CLASSES, dropout=0.0))


TEXT_CASES = {
    "text_mlp": Case(lambda: TextMLP(VOCABULARY, CLASSES, d_embedding=32), text),
    "text_cnn": Case(lambda: TextCNN(VOCABULARY, CLASSES, d_embedding=32, n_filters=32, dropout=0.0), text),
    "text_transformer_mean": Case(text_transformer("learned", "mean"), text),
    "text_transformer_max": Case(text_transformer("sinusoidal", "max"), text),
    "text_transformer_cls": Case(text_transformer("rotary", "cls"), text),
    "text_transformer_attention": Case(text_transformer("rotary", "attention"), text),
    "text_transformer_window": Case(mixing_transformer, text),
}

CASES = TEXT_CASES | {
    "text_ensemble": Case(text_ensemble, text_and_ngrams),
    "mlp": Case(lambda: MLP(5, CLASSES), features),
    "tabular_mlp": Case(lambda: TabularMLP(5, [2, 7, 2], CLASSES), columns),
    "tabular_mlp_numbers": Case(lambda: TabularMLP(5, [], CLASSES), numbers),
    "tabular_mlp_categories": Case(lambda: TabularMLP(0, [50, 50], CLASSES, d_embedding=8), categories),
    "tabular_transformer": Case(lambda: TabularTransformer(5, [2, 7, 2], CLASSES, d_model=32, dropout=0.0), columns),
    "tabular_transformer_numbers": Case(lambda: TabularTransformer(5, [], CLASSES, d_model=32, dropout=0.0), numbers),
    "tabular_transformer_categories": Case(
        lambda: TabularTransformer(0, [50, 50], CLASSES, d_model=32, dropout=0.0), categories
    ),
    "image_mlp": Case(lambda: ImageMLP(1, 9, 11, CLASSES), image),
    "small_resnet": Case(lambda: SmallResNet(1, CLASSES, widths=(8, 16)), image),
    "small_vit": Case(lambda: SmallViT(1, 9, 11, CLASSES, d_model=32, n_layers=2, n_heads=2), image),
    "small_vit_cls": Case(lambda: SmallViT(1, 9, 11, CLASSES, d_model=32, n_layers=2, pooling="cls"), image),
    "timm_backbone": Case(lambda: TimmBackbone("test_resnet", CLASSES, channels=1, image_size=32), large_image),
}
