"""The parameters of a W&B sweep as Optuna draws them, and as words of a command line."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from zoo.errors import InputError
from zoo.tuning.space import Parameter, corners, read_space, space_of


def drawn(about: dict[str, Any], seed: int = 0) -> tuple[BaseDistribution, str]:
    """What Optuna was asked for, and the text of what it drew."""
    [parameter] = space_of({"a": about}, "s.yaml")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    text = parameter.text(parameter.draw(trial))
    return trial.distributions["a"], text


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({"values": [1, 2.5, "x", True, None]}, CategoricalDistribution([1, 2.5, "x", True, None])),
        ({"values": [[64], [64, 64]]}, CategoricalDistribution(["[64]", "[64, 64]"])),
        ({"distribution": "categorical", "values": [1, 2]}, CategoricalDistribution([1, 2])),
        ({"min": 1, "max": 8}, IntDistribution(1, 8)),
        ({"min": 1, "max": 8, "distribution": "int_uniform"}, IntDistribution(1, 8)),
        ({"min": 0.0, "max": 1.0}, FloatDistribution(0.0, 1.0)),
        ({"min": 0, "max": 1.0}, FloatDistribution(0.0, 1.0)),
        ({"min": 0, "max": 1, "distribution": "uniform"}, FloatDistribution(0.0, 1.0)),
        ({"min": 0.001, "max": 0.1, "distribution": "log_uniform_values"}, FloatDistribution(0.001, 0.1, log=True)),
        ({"min": 0.0, "max": 1.0, "distribution": "log_uniform"}, FloatDistribution(1.0, math.e, log=True)),
        ({"min": 0.001, "max": 0.1, "distribution": "inv_log_uniform_values"}, FloatDistribution(0.001, 0.1, log=True)),
        ({"min": 0.0, "max": 1.0, "distribution": "inv_log_uniform"}, FloatDistribution(1 / math.e, 1.0, log=True)),
        ({"min": 16, "max": 128, "q": 16, "distribution": "q_uniform"}, IntDistribution(16, 128, step=16)),
        ({"min": 1, "max": 9, "distribution": "q_uniform"}, IntDistribution(1, 9)),
        ({"min": 0.0, "max": 0.5, "q": 0.1, "distribution": "q_uniform"}, FloatDistribution(0.0, 0.5, step=0.1)),
        ({"min": 8, "max": 256, "q": 8, "distribution": "q_log_uniform_values"}, FloatDistribution(8, 256, log=True)),
        (
            {"min": 0.0, "max": 5.0, "q": 1, "distribution": "q_log_uniform"},
            FloatDistribution(1, math.exp(5), log=True),
        ),
    ],
)
def test_each_distribution_of_wandb_is_that_of_optuna(about: dict[str, Any], expected: BaseDistribution) -> None:
    assert drawn(about)[0] == expected


@pytest.mark.parametrize("kind", ["q_uniform", "q_log_uniform_values"])
@pytest.mark.parametrize("q", [8, 0.5])
def test_values_with_a_quantum_are_its_multiples_and_whole_where_it_is_whole(kind: str, q: float) -> None:
    for seed in range(20):
        text = drawn({"min": 8, "max": 64, "q": q, "distribution": kind}, seed)[1]
        assert float(text) % q == 0
        assert ("." in text) is (q == 0.5)


def test_texts_are_what_the_command_line_reads() -> None:
    assert drawn({"value": [8, 8]})[1] == "[8, 8]"
    assert drawn({"value": None})[1] == "null"
    assert drawn({"value": False})[1] == "false"
    assert drawn({"value": "relu"})[1] == "relu"
    assert Parameter("a", low=0, high=1).text(1e-05) == "1e-05"


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (5, "must have value, values, or min and max, got 5"),
        ({"max": 3}, "min is None"),
        ({"min": "1e-4", "max": 0.1}, "YAML reads 1e-4 as text"),
        ({"min": 2, "max": 1}, "min 2 is above max 1"),
        ({"vlaues": [1]}, "did you mean 'values'?"),
        ({"values": []}, "values must be a list"),
        ({"min": 0, "max": 1, "distribution": "log_uniform_values"}, "must be above 0"),
        ({"min": 0.5, "max": 2.5, "distribution": "int_uniform"}, "must be whole numbers"),
        ({"min": 0, "max": 1, "distribution": "normal"}, "no distribution 'normal' here"),
        ({"min": 0, "max": 1, "q": 0, "distribution": "q_uniform"}, "q must be above 0"),
        ({"values": [1, 2], "probabilities": [0.1, 0.9]}, "values have no probabilities here"),
        ({"values": [1, 2], "distribution": "categorical_w_probabilities"}, "values have no probabilities here"),
        ({"parameters": {"lr": {"value": 1}}}, "write nested parameters with dots, model.lr"),
    ],
)
def test_mistakes_say_where_and_what(about: Any, said: str) -> None:
    with pytest.raises(InputError, match="s.yaml: model") as caught:
        space_of({"model": about}, "s.yaml")
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["", "a: 1", "parameters: {}", "parameters: [1]", "a: [", "- 1"])
def test_a_file_that_is_no_sweep(text: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(InputError, match="s.yaml"):
        read_space(tmp_path / "s.yaml")


def test_corners_hold_every_choice_and_end() -> None:
    space = space_of({"a": {"values": ["x", "y", "z"]}, "b": {"min": 0.0, "max": 1.0}, "c": {"value": 7}}, "s")
    found = corners(space)
    assert {point["a"] for point in found} == {"x", "y", "z"}
    assert {point["b"] for point in found} == {"0.0", "1.0"}
    assert {point["c"] for point in found} == {"7"}


def test_a_space_reaches_to_the_configs_own_value() -> None:
    choice, whole, log, step = space_of(
        {
            "a": {"values": [[8], [16]]},
            "b": {"min": 1, "max": 4},
            "c": {"min": 0.001, "max": 0.1, "distribution": "log_uniform_values"},
            "d": {"min": 16, "max": 64, "q": 16, "distribution": "q_uniform"},
        },
        "s",
    )
    assert choice.including(None).choices == ([8], [16], None)
    assert choice.including([8]) == choice
    assert (whole.including(9).low, whole.including(9).high) == (1, 9)
    assert whole.including(2.5) == whole.including(None) == whole.including(True) == whole
    assert log.including(0.5).high == 0.5
    assert log.including(0.0) == log
    assert step.including(100) == step
    assert [step.holds(value) for value in (16, 24, 64, 80, None)] == [True, False, True, False, False]
    assert choice.including(None).holds(None)
    assert not log.holds(0.0)
