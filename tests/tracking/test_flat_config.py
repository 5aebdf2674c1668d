"""Flat configs and the default group: runs of one group differ in their seed alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from zoo.tracking.flat_config import default_group, flat_config, settings_key

CONFIG: dict[str, Any] = {
    "seed_everything": 0,
    "trainer": {
        **{"accelerator": "auto", "max_epochs": 3, "max_steps": -1, "limit_train_batches": None, "callbacks": None},
        **{"logger": None, "default_root_dir": None, "enable_progress_bar": None, "fast_dev_run": False},
    },
    "model": {
        "class_path": "zoo.models.MLPClassifier",
        "init_args": {"lr": 0.001, "hidden": [8, 8], "extra": None, "inputs": {"modality": "tabular"}},
    },
    "data": {"class_path": "zoo.data.TabularDataModule", "init_args": {"path": "a.csv", "num_workers": None}},
    "early_stopping": {"enabled": True, "patience": 10, "monitor": None},
    "checkpoint": {"enabled": True, "monitor": None, "dirpath": None},
    "figures": {"enabled": True},
    "compile": {"enabled": False, "mode": "default"},
    "wandb": {"enabled": True, "project": None},
    "name": None,
}


def changed(dotted: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    *parts, last = dotted.split(".")
    inner = config
    for part in parts:
        inner = inner[part]
    inner[last] = value
    return config


def group(config: dict[str, Any]) -> str:
    return default_group("mlp-a", flat_config(config))


AVERAGING = {"class_path": "lightning.pytorch.callbacks.StochasticWeightAveraging", "init_args": {"swa_lrs": 0.1}}


@pytest.mark.parametrize(
    ("dotted", "value", "key"),
    [
        ("early_stopping.patience", 3, "early_stopping_patience"),
        ("checkpoint.monitor", "val/accuracy", "checkpoint_monitor"),
        ("trainer.limit_train_batches", 0.5, "limit_train_batches"),
        ("trainer.limit_val_batches", 0, "limit_val_batches"),
        ("compile.enabled", True, "compile_enabled"),
        ("trainer.callbacks", [AVERAGING], "callbacks"),
        ("trainer.callbacks", [AVERAGING], "callbacks_StochasticWeightAveraging_swa_lrs"),
        ("model.init_args.extra", {"beta": {"one": 0.9}}, "model_extra_beta_one"),
        ("model.init_args.extra", {"class_path": "torch.optim.SGD", "init_args": {"lr": 1}}, "model_extra_lr"),
        ("my_callback", {"every": 5}, "my_callback_every"),
        ("trainer.accelerator", "cpu", "accelerator"),
    ],
)
def test_what_bears_on_the_training_has_a_key_and_another_group(dotted: str, value: Any, key: str) -> None:
    other = changed(dotted, value)
    assert group(other) != group(CONFIG)
    assert flat_config(other)[key] != flat_config(CONFIG).get(key)
    assert not set("./") & set("".join(flat_config(other)))


@pytest.mark.parametrize(
    ("dotted", "value"),
    [
        ("seed_everything", 7),
        ("name", "mine"),
        ("wandb.project", "p"),
        ("trainer.logger", False),
        ("trainer.default_root_dir", "elsewhere"),
        ("trainer.enable_progress_bar", False),
        ("figures.enabled", False),
        ("data.init_args.num_workers", 2),
        ("checkpoint.dirpath", "there"),
    ],
)
def test_what_does_not_leaves_the_group_as_it_is(dotted: str, value: Any) -> None:
    assert group(changed(dotted, value)) == group(CONFIG)


def test_what_is_not_set_has_no_key() -> None:
    flat = flat_config(CONFIG)
    assert None not in flat.values()
    assert list(flat) == [
        *("model", "model_lr", "model_hidden", "data", "data_path", "seed", "max_epochs", "max_steps"),
        *("early_stopping_enabled", "early_stopping_patience", "checkpoint_enabled"),
        *("compile_enabled", "compile_mode"),
    ]


def test_two_callbacks_of_one_class_are_told_apart() -> None:
    second = {**AVERAGING, "init_args": {"swa_lrs": 0.2}}
    flat = flat_config(changed("trainer.callbacks", [AVERAGING, second]))
    assert flat["callbacks_StochasticWeightAveraging_swa_lrs"] == 0.1
    assert flat["callbacks_StochasticWeightAveraging_2_swa_lrs"] == 0.2


def test_a_number_that_went_through_json_is_the_same_setting() -> None:
    assert settings_key({"a": 1.0, "b": [2.0]}) == settings_key({"b": [2], "a": 1, "seed": 5})
    assert settings_key({"a": 1}) != settings_key({"a": 2})
