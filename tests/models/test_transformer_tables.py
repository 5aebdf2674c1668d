"""The Transformer on tables: tokens of numbers may be piecewise linear, in bins of the train rows."""

from pathlib import Path

import torch

from tests.fits import QUIET, short_trainer, tabular
from zoo.models import TransformerClassifier
from zoo.models.reads import without_effect
from zoo.networks.numeric_embedding import PiecewiseLinear
from zoo.networks.tabular_transformer import TabularTransformer

pytestmark = QUIET


def test_bins_of_the_tokens_are_placed_by_train_rows(tmp_path: Path) -> None:
    data = tabular(tmp_path, n=200)
    model = TransformerClassifier(data.inputs, 2, d_model=8, n_heads=2, numeric_embedding="piecewise_linear")
    short_trainer(tmp_path).fit(model, datamodule=data)
    found = next(module for module in model.modules() if isinstance(module, PiecewiseLinear))
    expected = PiecewiseLinear(data.inputs["n_numeric"], 8)
    arrays = data.dataset("train").arrays
    expected.fit(arrays["numeric"], arrays["target"])
    for name, edges in expected.embedding.impl.named_buffers():
        assert torch.equal(dict(found.embedding.impl.named_buffers())[name], edges)


def test_every_number_has_a_token_of_its_own(tmp_path: Path) -> None:
    data = tabular(tmp_path)
    plain = TransformerClassifier(data.inputs, 2, d_model=8, n_heads=2).network
    network = TransformerClassifier(data.inputs, 2, d_model=8, n_heads=2, numeric_embedding="periodic").network
    assert isinstance(plain, TabularTransformer)
    assert isinstance(network, TabularTransformer)
    arrays = data.dataset("train").arrays
    numeric, categorical = arrays["numeric"][:5], arrays["categorical"][:5]
    tokens = network.tokenizer(numeric, categorical)
    assert tokens.shape == plain.tokenizer(numeric, categorical).shape
    changed = numeric.clone()
    changed[:, 0] += 1
    moved = (network.tokenizer(changed, categorical) != tokens).any(dim=2).any(dim=0)
    assert moved.tolist() == [True] + [False] * (tokens.shape[1] - 1)


def test_numeric_embeddings_are_for_tables() -> None:
    inputs = {"modality": "image", "channels": 1, "height": 4, "width": 4}
    model = TransformerClassifier(inputs, 2, numeric_embedding="periodic")
    assert without_effect(model) == "model: numeric_embedding has no effect on images without a backbone"
