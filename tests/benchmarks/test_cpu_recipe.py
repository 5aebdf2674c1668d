"""The choices of arithmetic compute the same loss, and each has its line; never a time."""

import pytest
import torch

from benchmarks.cpu_recipe import IMAGE_CHOICES, NETWORKS, Choice, prepare, run

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", ["MLP", "thin SmallResNet"])
def test_all_choices_compute_the_same_loss(name: str) -> None:
    losses = {}
    for label, choice in IMAGE_CHOICES.items():
        if choice.compiled or (choice.channels_last and name == "MLP"):
            continue
        torch.manual_seed(0)
        torch.set_num_threads(choice.threads or 1)
        model, batch = NETWORKS[name][0](8)
        model.eval()  # dropout draws its own numbers
        step = prepare(model, batch, choice)
        step()
        losses[label] = float(step())
    plain = losses["plain"]
    for label, loss in losses.items():
        assert loss == pytest.approx(plain, rel=3e-2 if IMAGE_CHOICES[label].bf16 else 1e-4), label


def test_compiled_steps_go_through_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[torch.nn.Module] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: compiled.append(module))
    model, batch = NETWORKS["MLP"][0](4)
    prepare(model, batch, Choice(compiled=True))()
    assert compiled == [model.network]


def test_every_choice_has_its_line() -> None:
    lines = [result.line() for result in run(True)]
    wanted = [label for label, choice in IMAGE_CHOICES.items() if not choice.compiled and label != "plain"]
    assert [line.split(":")[1].split(",")[0].strip() for line in lines] == wanted
