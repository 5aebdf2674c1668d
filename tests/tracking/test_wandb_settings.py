"""Where a run goes in W&B: what is typed, then the environment, then what fits; what W&B would refuse is told at once."""

from typing import Any

import pytest

from zoo.errors import InputError
from zoo.tracking.wandb import artifact_name
from zoo.tracking.wandb_settings import WandbSettings


def test_typed_beats_environment_beats_default() -> None:
    told = {
        "WANDB_PROJECT": "p",
        "WANDB_RUN_GROUP": "g",
        "WANDB_TAGS": "a, b",
        "WANDB_JOB_TYPE": "j",
        "WANDB_NOTES": "n",
    }
    default = WandbSettings().place(group="mlp-1", tags=("MLP",), environment={})
    assert (default.project, default.entity, default.group, default.job_type) == ("zoo", None, "mlp-1", "fit")
    assert (default.tags, default.notes) == (("MLP",), None)
    known = WandbSettings().place(group="mlp-1", tags=("MLP",), environment={**told, "WANDB_ENTITY": "e"})
    assert (known.project, known.entity, known.group, known.job_type) == ("p", "e", "g", "j")
    assert (known.tags, known.notes) == (("a", "b"), "n")
    typed = WandbSettings(project="x", entity="y", group="z", job_type="w", tags=[], notes="v")
    place = typed.place(group="mlp-1", tags=("MLP",), environment=told)
    assert (place.project, place.entity, place.group, place.job_type) == ("x", "y", "z", "w")
    assert (place.tags, place.notes) == ((), "v")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"project": "a/b"}, "wandb.project must be a name"),
        ({"project": ""}, "wandb.project must be a name"),
        ({"project": "p" * 129}, "at most 128 characters"),
        ({"entity": "me/zoo"}, "goes to wandb.project"),
        ({"group": " "}, "wandb.group has 1 to 128 characters"),
        ({"tags": ["a", "t" * 65]}, "a tag has 1 to 64 characters"),
        ({"tags": [""]}, "a tag has 1 to 64 characters"),
    ],
)
def test_what_wandb_would_refuse_is_one_line(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        WandbSettings(**arguments)


def test_a_wrong_word_of_the_environment_is_told_too() -> None:
    with pytest.raises(InputError, match="WANDB_PROJECT must be a name"):
        WandbSettings().place(group="g", environment={"WANDB_PROJECT": "a:b"})
    with pytest.raises(InputError, match="WANDB_TAGS: a tag has"):
        WandbSettings().place(group="g", environment={"WANDB_TAGS": "t" * 65})


@pytest.mark.parametrize(
    ("folder", "name"),
    [("cnn-digits-2", "cnn-digits-2"), ("my run: 1", "my-run-1"), ("größe", "gr-e"), ("日本", "run")],
)
def test_a_run_folder_has_a_name_that_wandb_takes_for_an_artifact(folder: str, name: str) -> None:
    assert artifact_name(folder) == name
