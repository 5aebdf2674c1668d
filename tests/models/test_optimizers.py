"""Optimisers by name have the settings of plain torch, and keep the groups of weight decay."""

from typing import Any

import pytest
import torch
from torch import nn

from tests.networks.cases import CASES
from zoo.errors import InputError
from zoo.models.clipping import all_but
from zoo.models.optimizers import OF_MATRICES, build_optimizer, l1_norm
from zoo.models.parameter_groups import head_names, no_matrices, parameter_groups
from zoo.models.schedules import build_schedule
from zoo.networks import TabularMLP
from zoo.networks.tabm import TabM


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 2))


def plain_network() -> nn.Module:
    """Every parameter has a gradient; Adam would follow the rounding of one that has none."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "lamb", "lion", "rmsprop"])
def test_pitfall_10_any_optimiser_spares_biases_and_normalisation(name: str) -> None:
    module = network()
    optimizer = build_optimizer(module, name, lr=0.1, weight_decay=0.3)
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {key: decay[id(p)] for key, p in module.named_parameters()} == {
        key: 0.3 if p.ndim > 1 else 0.0 for key, p in module.named_parameters()
    }


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("adamw", lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.0)),
        ("adam", lambda p: torch.optim.Adam(p, lr=0.05)),
        ("sgd", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True)),
        ("momentum", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
        ("rmsprop", lambda p: torch.optim.RMSprop(p, lr=0.05, alpha=0.9, momentum=0.9)),
    ],
)
def test_settings_and_steps_are_those_of_plain_torch(name: str, plain: object) -> None:
    ours, theirs = plain_network(), plain_network()
    mine = build_optimizer(ours, name, lr=0.05, weight_decay=0.0)
    other = plain(theirs.parameters())  # type: ignore[operator]
    x = torch.randn(16, 4)
    for _ in range(5):
        for module, optimizer in ((ours, mine), (theirs, other)):
            optimizer.zero_grad()
            (module(x) ** 2).mean().backward()
            optimizer.step()
    assert type(mine) is type(other)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(p, q, atol=1e-6)


def test_five_steps_of_any_optimiser_are_those_of_timms_factory() -> None:
    """Weight decay included; those of matrices are told here which layers are none, see below."""
    from timm.optim import create_optimizer_v2, list_optimizers  # type: ignore[attr-defined]

    x, differ, n = torch.randn(16, 4), [], 0
    for name in map(str, list_optimizers()):
        if name in OF_MATRICES or name.startswith("kron"):  # kron compiles itself first
            continue
        ours, theirs = plain_network(), plain_network()
        try:
            mine = build_optimizer(ours, name, lr=0.01, weight_decay=0.1)
        except InputError:  # needs a GPU, or a package that is not here
            continue
        other = create_optimizer_v2(theirs, opt=name, lr=0.01, weight_decay=0.1)
        for module, optimizer in ((ours, mine), (theirs, other)):
            torch.manual_seed(0)  # some draw numbers
            for _ in range(5):
                optimizer.zero_grad()
                (module(x) ** 2).mean().backward()
                optimizer.step()
        pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
        if not all(torch.allclose(p, q, rtol=1e-4, atol=1e-6) for p, q in pairs):
            differ.append(name)
        n += 1
    assert not differ
    assert n > 60


@pytest.mark.parametrize(
    ("name", "shrunk"),
    [
        ("adamw", lambda w: w * (1 - 0.1 * 0.3) ** 3),
        ("lion", lambda w: w * (1 - 0.1 * 0.3) ** 3),
        ("muon", lambda w: w * (1 - 0.1 * 0.3) ** 3),
        ("lamb", lambda w: w * (1 - 0.1)),  # a step of the rate times the norm of the weights, whatever asks for it
        ("sgd", lambda w: w * (1 - 0.1 * 0.3 * 1.9)),
        ("adam", lambda w: w - 0.1 * w.sign()),
    ],
)
def test_what_weight_decay_does_where_the_loss_asks_for_nothing(name: str, shrunk: Any) -> None:
    """Decoupled it shrinks by rate x decay each step; through the gradient it has the optimiser's own size of a step."""
    module, steps = network(), 3 if name in ("adamw", "lion", "muon") else 1
    before = {key: p.detach().clone() for key, p in module.named_parameters()}
    optimizer = build_optimizer(module, name, lr=0.1, weight_decay=0.3)
    for _ in range(steps):
        for p in module.parameters():
            p.grad = torch.zeros_like(p)
        optimizer.step()
    for key, p in module.named_parameters():
        torch.testing.assert_close(p, shrunk(before[key]) if p.ndim > 1 else before[key], rtol=1e-5, atol=1e-6)


def test_frozen_parameters_are_left_out() -> None:
    module = network()
    next(module.parameters()).requires_grad = False
    optimizer = build_optimizer(module, "adamw", lr=0.1, weight_decay=0.1)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(module.parameters())) - 1


def test_wrong_names_and_rates() -> None:
    with pytest.raises(InputError, match=r"no optimiser named 'adamww' \(model.optimizer\): did you mean 'adamw'\?"):
        build_optimizer(network(), "adamww", lr=0.1, weight_decay=0.0)
    for lr in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match=r"model.lr must be above 0"):
            build_optimizer(network(), "adamw", lr=lr, weight_decay=0.0)


def test_l1_is_the_sum_of_absolute_weights_without_biases() -> None:
    module = network()
    weights = [p for p in module.parameters() if p.ndim > 1]
    assert l1_norm(module).item() == pytest.approx(sum(w.abs().sum().item() for w in weights))
    assert len(weights) == 2


class NamesItsOwn(nn.Module):
    """Two weights of two dimensions, one of which asks to be spared."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.places = nn.Parameter(torch.ones(3, 4))

    def no_weight_decay(self) -> set[str]:
        return {"pla*"}


@pytest.mark.parametrize("make", [NamesItsOwn, *(case.build for case in CASES.values())])
def test_l1_and_l2_make_the_same_weights_smaller(make: Any) -> None:
    """The slope of the L1 penalty is the sign of a weight; it is zero where weight decay is."""
    module: nn.Module = make()
    names = {id(p): name for name, p in module.named_parameters()}
    decayed = {names[id(p)] for g in parameter_groups(module, 0.1) if g["weight_decay"] for p in g["params"]}
    penalty: Any = l1_norm(module)
    penalty.backward()
    for name, p in module.named_parameters():
        if name in decayed:
            assert p.grad is not None
            assert torch.equal(p.grad, p.detach().sign()), name
        else:
            assert p.grad is None, name
    assert decayed


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "nesterov", "momentum", "AdamW"])
def test_without_timm_the_groups_and_settings_are_those_of_its_factory(name: str, weight_decay: float) -> None:
    from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]

    module = NamesItsOwn()
    ours = build_optimizer(module, name, lr=0.05, weight_decay=weight_decay)
    theirs = create_optimizer_v2(module, opt=name, lr=0.05, weight_decay=weight_decay)
    fused = {"fused": name != "momentum" or None}
    assert type(ours) is type(theirs)
    assert ours.defaults == theirs.defaults | fused
    assert len(ours.param_groups) == len(theirs.param_groups)
    for mine, other in zip(ours.param_groups, theirs.param_groups, strict=True):
        assert [id(p) for p in mine["params"]] == [id(p) for p in other["params"]]
        assert {k: v for k, v in mine.items() if k != "params"} == {
            k: v for k, v in other.items() if k != "params"
        } | fused


# ---- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adamw", {"betas": (0.8, 0.9), "eps": 1e-5}),
        ("sgd", {"momentum": 0.5, "nesterov": False}),
        ("lion", {"betas": [0.5, 0.6]}),
    ],
)
def test_options_reach_the_optimiser(name: str, options: dict[str, Any]) -> None:
    optimizer = build_optimizer(network(), name, lr=0.1, weight_decay=0.1, options=options)
    for group in optimizer.param_groups:
        assert {key: group[key] for key in options} == options


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("adamw", {"beta": 1}, "adamw takes no 'beta' (model.optimizer_options): did you mean 'betas'?"),
        ("sgd", {"eps": 1}, "sgd takes no 'eps' (model.optimizer_options): valid: "),
        ("lion", {"eps": 1}, "lion takes no 'eps' (model.optimizer_options): valid: "),
        ("adamw", {"lr": 1}, "model.optimizer_options holds lr: give model.lr"),
        ("adamw", {"betas": [0.9, 2.0]}, "model.optimizer adamw with model.optimizer_options {'betas': [0.9, 2.0]}: "),
        ("adan", {"betas": [2, 1, 1]}, "model.optimizer adan with model.optimizer_options {'betas': [2, 1, 1]}: "),
    ],
)
def test_wrong_options_are_one_line(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        build_optimizer(network(), name, lr=0.1, weight_decay=0.0, options=options).step()
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_an_optimiser_that_cannot_be_used_here_says_why() -> None:
    with pytest.raises(InputError, match=r"model\.optimizer adahessian needs the gradients of gradients"):
        build_optimizer(network(), "adahessian", lr=0.1, weight_decay=0.0)
    with pytest.raises(InputError, match=r"model\.optimizer fusedadam cannot be used here: "):
        build_optimizer(network(), "fusedadam", lr=0.1, weight_decay=0.0)


# ---- groups ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "lamb", "muon"])
def test_layer_decay_scales_the_rate_of_each_layer_and_spares_biases_in_it(optimizer: str) -> None:
    module = network()
    layers = [["0.weight", "0.bias", "1.weight", "1.bias"], ["3.weight", "3.bias"], ["4.weight", "4.bias"]]
    built = build_optimizer(module, optimizer, lr=0.1, weight_decay=0.3, layers=layers, layer_decay=0.5)
    found = {id(p): (group["lr"], group["weight_decay"]) for group in built.param_groups for p in group["params"]}
    for depth, names in enumerate(layers):
        for name in names:
            parameter = module.get_parameter(name)
            assert found[id(parameter)] == (pytest.approx(0.1 * 0.5 ** (2 - depth)), 0.3 if parameter.ndim > 1 else 0.0)
    assert built.param_groups[0]["lr"] == 0.1  # the one that is shown


def test_layer_decay_is_that_of_timm() -> None:
    import timm
    from timm.optim import param_groups_layer_decay  # type: ignore[attr-defined]

    model = timm.create_model("test_vit", num_classes=3)
    theirs = param_groups_layer_decay(model, weight_decay=0.05, layer_decay=0.75)
    names = {id(p): name for name, p in model.named_parameters()}
    scales = {names[id(p)]: group["lr_scale"] for group in theirs for p in group["params"]}
    layers = [[n for n in scales if scales[n] == scale] for scale in sorted(set(scales.values()))]
    ours = parameter_groups(model, 0.05, lr=0.2, layers=layers, layer_decay=0.75)
    assert {names[id(p)]: g["lr"] for g in ours for p in g["params"]} == pytest.approx(
        {name: 0.2 * scale for name, scale in scales.items()}
    )


def test_a_schedule_scales_the_rate_of_each_layer() -> None:
    module = network()
    layers = [["0.weight", "0.bias"], ["4.weight", "4.bias"]]
    optimizer = build_optimizer(module, "adamw", lr=0.1, weight_decay=0.0, layers=layers, layer_decay=0.1)
    schedule, _ = build_schedule(optimizer, "linear", total_steps=4, warmup=0.0, mode="min")
    optimizer.step()
    schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.075, 0.0075])


@pytest.mark.parametrize("name", [name for name in CASES if name != "timm_backbone"])
def test_every_network_names_each_parameter_in_one_layer_and_the_head_last(name: str) -> None:
    module: Any = CASES[name].build()
    layers = module.layer_groups()
    named = [parameter for names in layers for parameter in names]
    assert sorted(named) == sorted(name for name, _ in module.named_parameters())
    assert len(layers) > 1
    head = head_names(module, layers)
    if name == "text_ensemble":  # each of its members has a head
        head = {one.removeprefix("deep.") for one in head if one.startswith("deep.")}
    assert head == head_names(getattr(module, "deep", module), [])


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_muon_turns_matrices_only(weight_decay: float) -> None:
    """As timm's factory does for a module when it is told which parameters to leave to AdamW."""
    from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]

    results = []
    for ours in (True, False):
        torch.manual_seed(0)
        case = CASES["text_transformer_cls"]
        module, inputs = case.build(), case.inputs()
        if ours:
            optimizer = build_optimizer(module, "muon", lr=0.01, weight_decay=weight_decay)
        else:
            left = ["embedding.weight", "class_token.weight", "positions.weight", "head.*"]
            optimizer = create_optimizer_v2(module, opt="muon", lr=0.01, weight_decay=weight_decay, fallback_list=left)
        for _ in range(3):
            optimizer.zero_grad()
            module(*inputs).square().sum().backward()
            optimizer.step()
        results.append(dict(module.named_parameters()))
        turned = {n for n, p in module.named_parameters() if optimizer.state[p].get("use_muon")}
        assert turned == {n for n, p in module.named_parameters() if n.startswith("encoder.blocks") and p.ndim > 1}
    for name, parameter in results[0].items():
        assert torch.equal(parameter, results[1][name]), name


def test_what_is_no_matrix() -> None:
    module: Any = CASES["tabular_transformer"].build()
    assert no_matrices(module, []) == {
        "tokenizer.weight", "tokenizer.bias", "class_token.weight", "head.weight", "head.bias",
        *(n for n, _ in module.named_parameters() if n.startswith("tokenizer.categories")),
    }  # fmt: skip


@pytest.mark.parametrize("embedding", ["piecewise_linear", "periodic"])
@pytest.mark.parametrize("ensemble", [False, True])
def test_tables_of_a_column_each_are_no_matrices(embedding: str, ensemble: bool) -> None:
    kind: Any = TabM if ensemble else TabularMLP
    module = kind(
        6, [2, 70], 2, numeric_embedding=embedding, hidden=[8, 8], dropout=0.0, **({"k": 4} if ensemble else {})
    )
    optimizer = build_optimizer(module, "muon", lr=0.01, weight_decay=0.0, layers=module.layer_groups())
    module(torch.randn(5, 6), torch.zeros(5, 2, dtype=torch.long)).square().sum().backward()
    optimizer.step()
    turned = {n for n, p in module.named_parameters() if optimizer.state[p].get("use_muon")}
    depth = "layers." if ensemble else "mlp.layers."
    head = head_names(module, module.layer_groups())
    weights = {n for n, _ in module.named_parameters() if n.startswith(depth) and n.endswith("weight")}
    assert turned == weights - head


def test_the_heads_of_all_members_of_a_text_are_head() -> None:
    module: Any = CASES["text_ensemble"].build()
    layers = module.layer_groups()
    head = {"deep.head.weight", "deep.head.bias", "phrases.head.weight", "phrases.head.bias", "linear.weight"}
    assert head_names(module, layers) == head
    assert head <= no_matrices(module, layers)
    assert {id(p) for p in all_but(module, head)} == {id(p) for n, p in module.named_parameters() if n not in head}
    optimizer = build_optimizer(module, "muon", lr=0.01, weight_decay=0.1, layers=layers)
    fallback = {id(p) for group in optimizer.param_groups if group.get("use_fallback") for p in group["params"]}
    assert {id(module.get_parameter(name)) for name in head} <= fallback
