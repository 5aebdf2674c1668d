import pytest
import torch

from zoo.networks import FeatureTokenizer, TabularTransformer


def test_tokens_equal_the_papers_formula() -> None:
    tokenizer = FeatureTokenizer(2, [3, 4], 6)
    numeric, categorical = torch.randn(5, 2), torch.tensor([[0, 3], [1, 2], [2, 1], [0, 0], [1, 3]])
    tokens = tokenizer(numeric, categorical)
    assert tokenizer.categories is not None
    tables = torch.split(tokenizer.categories.table.weight, [3, 4])
    for row in range(5):
        for j in range(2):
            torch.testing.assert_close(tokens[row, j], numeric[row, j] * tokenizer.weight[j] + tokenizer.bias[j])
            expected = tables[j][categorical[row, j]] + tokenizer.bias[2 + j]
            torch.testing.assert_close(tokens[row, 2 + j], expected)


def test_weight_decay_spares_the_tokenizer_as_in_the_paper() -> None:
    network = TabularTransformer(2, [3], 1, d_model=16)
    names = {name for name, _ in network.named_parameters()}
    assert network.no_weight_decay() <= names
    assert "tokenizer.categories.table.weight" in network.no_weight_decay()


def test_a_table_without_columns_is_an_error() -> None:
    with pytest.raises(ValueError, match="must name at least one column, got none of either"):
        TabularTransformer(0, [], 1)
