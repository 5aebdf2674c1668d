"""Embeddings of numbers: the bins are the authors' own, and come with the weights."""

import pytest
import torch
from rtdl_num_embeddings import PiecewiseLinearEmbeddings, compute_bins  # type: ignore[import-untyped]

from zoo.networks.numeric_embedding import LEAF_ROWS, PiecewiseLinear, build_numeric_embedding


def table(n: int = 600) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    numeric = torch.randn(n, 3, generator=generator)
    numeric[:, 1] = numeric[:, 1].round()
    numeric[:, 2] = (numeric[:, 2] > 0).float()
    return numeric, (numeric[:, 0] > 0.5).long()


@pytest.mark.filterwarnings("ignore:.*just two bin edges.*")
@pytest.mark.parametrize("tree", [False, True])
def test_encoding_is_that_of_the_package_with_its_own_bins(tree: bool) -> None:
    numeric, target = table()
    module = PiecewiseLinear(3, 5, n_bins=8)
    module.fit(numeric, target if tree else None)
    if tree:
        kwargs = {"min_samples_leaf": 32, "min_impurity_decrease": 1e-6, "random_state": 0}
        bins = compute_bins(numeric, 8, tree_kwargs=kwargs, y=target, regression=False)
    else:
        bins = compute_bins(numeric, 8)
    theirs = PiecewiseLinearEmbeddings(bins, 5, activation=False, version="B").impl
    ours = module.embedding.impl
    wide = torch.linspace(-4, 4, 50).unsqueeze(1).expand(-1, 3)
    found, expected = ours(wide), theirs(wide)
    n = theirs.get_max_n_bins() - 1
    assert torch.allclose(found[..., :n], expected[..., :n], atol=1e-5)
    assert torch.allclose(found[..., -1], expected[..., -1], atol=1e-5)
    assert (found[..., n:-1] == 0).all()


def test_a_tree_cuts_where_the_target_changes() -> None:
    numeric, target = table()
    module = PiecewiseLinear(3, 2)
    module.fit(numeric, target)
    impl = module.embedding.impl
    used = impl.weight[0] != 0
    edges = -impl.bias[0][used] / impl.weight[0][used]
    assert (edges - 0.5).abs().min() < 0.02


def test_bins_come_with_the_weights() -> None:
    numeric, target = table()
    fitted, fresh = PiecewiseLinear(3, 4), PiecewiseLinear(3, 4)
    fitted.fit(numeric, target)
    assert not torch.allclose(fitted(numeric), fresh(numeric))
    fresh.load_state_dict(fitted.state_dict())
    assert torch.equal(fitted(numeric), fresh(numeric))


@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_few_rows_and_columns_of_one_value(n: int) -> None:
    numeric = torch.cat([torch.full((n, 1), 7.0), torch.arange(n).float().unsqueeze(1)], dim=1)
    module = PiecewiseLinear(2, 3)
    module.fit(numeric, torch.arange(n) % 2)
    assert module(numeric).isfinite().all()
    assert module(numeric * 1000).isfinite().all()


def test_no_bin_that_a_tree_cuts_off_holds_few_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    numeric = torch.rand(200, 1, generator=generator)
    module = PiecewiseLinear(1, 3)
    module.fit(numeric, torch.randint(0, 2, (200,), generator=generator))  # noise: all that a tree cuts is by chance
    encoded = module.embedding.impl(numeric)[:, 0]  # of each bin the share of it that lies below the number
    inside = (encoded > 0) & (encoded < 1)
    assert all(count >= LEAF_ROWS - 2 for count in inside.sum(dim=0).tolist() if count)  # the edges are numbers, too


def test_of_many_columns_fewer_rows_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    def spied(numeric: torch.Tensor, *args: object, **options: object) -> list[torch.Tensor]:
        seen.append(tuple(numeric.shape))
        found: list[torch.Tensor] = compute_bins(numeric, *args, **options)
        return found

    monkeypatch.setattr("rtdl_num_embeddings.compute_bins", spied)
    monkeypatch.setattr("zoo.networks.numeric_embedding.BIN_CELLS", 900)
    numeric, target = table()
    PiecewiseLinear(3, 2).fit(numeric, target)
    assert seen == [(300, 1)] * 3


def test_threads_give_the_bins_that_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    numeric, target = table()
    weights = []
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        module = PiecewiseLinear(3, 2)
        module.fit(numeric, target)
        weights.append(module.embedding.impl.weight)
    assert torch.equal(*weights)


def test_numbers_as_targets() -> None:
    numeric, _ = table()
    module = PiecewiseLinear(3, 3)
    module.fit(numeric, numeric[:, 0] ** 2, regression=True)
    assert int((module.embedding.impl.weight[0] != 0).sum()) > 8


def test_by_name() -> None:
    assert build_numeric_embedding("none", 3) is None
    assert build_numeric_embedding("periodic", 0) is None
    periodic = build_numeric_embedding("periodic", 3)
    assert periodic is not None
    assert periodic(torch.randn(4, 3)).shape == (4, 3, 16)
    with pytest.raises(ValueError, match="n_bins must be at least 2"):
        PiecewiseLinear(2, n_bins=1)
