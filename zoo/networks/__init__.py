"""Networks: plain ``nn.Module`` classes that need torch alone, timm or transformers only where a backbone of theirs is built."""

from zoo.networks.activations import ACTIVATIONS, build_activation
from zoo.networks.attention import MultiHeadSelfAttention
from zoo.networks.backbone import TimmBackbone
from zoo.networks.category_embedding import CategoryEmbedding, SizedCategoryEmbedding
from zoo.networks.embeddings import ClassToken, LearnedPositions, RotaryPositions, SinusoidalPositions
from zoo.networks.hub import data_settings
from zoo.networks.initialisation import INITIALISATIONS, initialise
from zoo.networks.mlp import MLP, NORMS, ImageMLP, TabularMLP, TextMLP
from zoo.networks.ngram_linear import NgramLinear
from zoo.networks.pooling import POOLINGS, build_pooling
from zoo.networks.pretrained_encoder import PretrainedEncoder
from zoo.networks.resnet import HaarStem, ResidualLayer, SmallResNet
from zoo.networks.stochastic_depth import StochasticDepth
from zoo.networks.tabular_transformer import FeatureTokenizer, TabularTransformer
from zoo.networks.text_cnn import TextCNN
from zoo.networks.text_ensemble import TextEnsemble
from zoo.networks.text_transformer import POSITIONS, TextTransformer
from zoo.networks.token_dropout import TokenDropout
from zoo.networks.transformer import TransformerBlock, TransformerEncoder
from zoo.networks.vision_transformer import SmallViT

__all__ = [
    "ACTIVATIONS",
    "INITIALISATIONS",
    "MLP",
    "NORMS",
    "POOLINGS",
    "POSITIONS",
    "CategoryEmbedding",
    "ClassToken",
    "FeatureTokenizer",
    "HaarStem",
    "ImageMLP",
    "LearnedPositions",
    "MultiHeadSelfAttention",
    "NgramLinear",
    "PretrainedEncoder",
    "ResidualLayer",
    "RotaryPositions",
    "SinusoidalPositions",
    "SizedCategoryEmbedding",
    "SmallResNet",
    "SmallViT",
    "StochasticDepth",
    "TabularMLP",
    "TabularTransformer",
    "TextCNN",
    "TextEnsemble",
    "TextMLP",
    "TextTransformer",
    "TimmBackbone",
    "TokenDropout",
    "TransformerBlock",
    "TransformerEncoder",
    "build_activation",
    "build_pooling",
    "data_settings",
    "initialise",
]
