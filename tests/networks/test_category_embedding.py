import pytest
import torch

from zoo.networks.category_embedding import CategoryEmbedding, SizedCategoryEmbedding, category_width


def test_category_embedding_equals_separate_tables() -> None:
    cardinalities = [3, 1, 5]
    embedding = CategoryEmbedding(cardinalities, 4)
    tables = torch.split(embedding.table.weight, cardinalities)
    ids = torch.stack([torch.randint(0, n, (20,)) for n in cardinalities], dim=1)  # (batch, n_categories)
    expected = torch.stack([table[ids[:, j]] for j, table in enumerate(tables)], dim=1)
    torch.testing.assert_close(embedding(ids), expected, rtol=0, atol=0)


def test_sized_embedding_equals_separate_tables() -> None:
    cardinalities = [3, 40, 3]  # columns 0 and 2 share a table
    embedding = SizedCategoryEmbedding(cardinalities)
    narrow, wide = (table.get_parameter("table.weight") for table in embedding.tables)
    ids = torch.stack([torch.randint(0, n, (20,)) for n in cardinalities], dim=1)  # (batch, n_categories)
    expected = torch.cat([narrow[:3][ids[:, 0]], narrow[3:][ids[:, 2]], wide[ids[:, 1]]], dim=1)
    torch.testing.assert_close(embedding(ids), expected, rtol=0, atol=0)
    assert expected.size(1) == embedding.d_out


def test_category_width_is_the_rule_of_fastai() -> None:
    assert [category_width(n) for n in (1, 2, 10, 1000, 10**9)] == [2, 2, 6, 77, 600]


@pytest.mark.parametrize(("column", "wrong"), [(0, 3), (1, -1)])
def test_an_id_out_of_range_is_an_error_not_the_next_columns_row(column: int, wrong: int) -> None:
    ids = torch.zeros(4, 2, dtype=torch.long)
    ids[2, column] = wrong
    with pytest.raises(ValueError, match=rf"ids of category column {column} must be in \[0, [35]\), got {wrong}"):
        CategoryEmbedding([3, 5], 4)(ids)


def test_a_column_of_any_table_is_looked_at_under_its_own_number() -> None:
    ids = torch.zeros(4, 3, dtype=torch.long)
    ids[1, 2] = 3  # the third column shares a table with the first
    with pytest.raises(ValueError, match=r"ids of category column 2 must be in \[0, 3\), got 3"):
        SizedCategoryEmbedding([3, 40, 3])(ids)
