"""`wandb:` in a config, `--wandb.KEY` on the command line: where a run goes in W&B and how it is found again there."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from zoo.errors import InputError

DEFAULT_PROJECT = "zoo"
SCHEME = "wandb:"  # begins the address of a run, an artifact or a project
PREFIX = SCHEME + "//"
STEP = "trainer/global_step"  # the optimiser's step in W&B's rows
LONGEST_PROJECT, LONGEST_TAG = 128, 64  # characters; W&B refuses longer ones when the run has begun
_FORBIDDEN_IN_PROJECT = re.compile(r"[/\\#?%:]")


@dataclass(frozen=True)
class Place:
    """Where a run stands in W&B: the settings, the environment and the defaults put together."""

    project: str
    entity: str | None
    group: str
    job_type: str
    tags: tuple[str, ...]
    notes: str | None


class WandbSettings:
    """How a run is tracked in W&B. What is left out comes from the environment (WANDB_PROJECT, ...), else a default.

    With an account these go to W&B: all settings and metrics, what a test says of whole classes (`--figures.enabled
    false` leaves it out), the best checkpoint (`log_model`), and of the test rows predictions.csv and the rows the model
    got most wrong: their picture, text or first columns, of those that the model reads (`log_rows`). W&B itself notes the
    command with its arguments, what it prints, the host's name, its load, the installed packages and the commit. Code is
    sent only with `save_code`. `enabled` switches all of it off, and so do `wandb disabled` and WANDB_MODE=disabled;
    `wandb offline` and WANDB_MODE=offline keep it in the run folder.

    Args:
        enabled: False switches W&B off; metrics.csv and TensorBoard stay.
        project: Of W&B; WANDB_PROJECT, else `zoo`.
        entity: User or team; WANDB_ENTITY, else that of the account.
        group: Runs that differ in their seed alone; WANDB_RUN_GROUP, else made of all other settings.
        job_type: What the run does; WANDB_JOB_TYPE, else `fit`.
        tags: A few words to filter by; WANDB_TAGS (a,b), else the model's class and the name of the data.
        notes: What the run is about; WANDB_NOTES.
        log_model: Whether the best checkpoint becomes an artifact of the run. Offline it takes no room: the file is
            linked, and `wandb sync` sends it.
        log_rows: Whether rows of the test are sent: predictions.csv, the examples the model got most wrong, and of numbers
            the points of prediction and truth.
        save_code: Whether the uncommitted changes of the working folder's git repository are sent. The commit and the
            remote's address are sent in any case, no code.

    Raises:
        InputError: Something that W&B would refuse.
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        project: str | None = None,
        entity: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        tags: list[str] | None = None,
        notes: str | None = None,
        log_model: bool = True,
        log_rows: bool = True,
        save_code: bool = False,
    ) -> None:
        check_project(project, "wandb.project")
        check_tags(tags or [], "wandb.tags")
        for name, value in (("entity", entity), ("group", group), ("job_type", job_type)):
            if value is not None and not 0 < len(value.strip()) <= LONGEST_PROJECT:
                raise InputError(f"wandb.{name} has 1 to {LONGEST_PROJECT} characters, got {value[:80]!r}")
        if entity is not None and "/" in entity:
            raise InputError(f"wandb.entity is a user or a team, and the project goes to wandb.project; got {entity!r}")
        self.enabled = enabled
        self.project = project
        self.entity = entity
        self.group = group
        self.job_type = job_type
        self.tags = tags
        self.notes = notes
        self.log_model = log_model
        self.log_rows = log_rows
        self.save_code = save_code

    def place(self, *, group: str, tags: tuple[str, ...] = (), environment: Mapping[str, str] | None = None) -> Place:
        """Settings over environment over defaults.

        Args:
            group: The default of runs that differ in their seed alone.
            tags: The default tags.
            environment: None takes that of the process.

        Raises:
            InputError: A variable of the environment holds what W&B would refuse.

        Example:
            >>> WandbSettings(tags=["a"]).place(group="g", environment={"WANDB_PROJECT": "p", "WANDB_TAGS": "b"})
            Place(project='p', entity=None, group='g', job_type='fit', tags=('a',), notes=None)
        """
        known = os.environ if environment is None else environment
        told = {name: known.get(f"WANDB_{name}") or None for name in ("PROJECT", "ENTITY", "NOTES", "JOB_TYPE")}
        words = tuple(word.strip() for word in known.get("WANDB_TAGS", "").split(",") if word.strip())
        check_project(told["PROJECT"], "WANDB_PROJECT")
        check_tags(words, "WANDB_TAGS")
        return Place(
            project=self.project or told["PROJECT"] or DEFAULT_PROJECT,
            entity=self.entity or told["ENTITY"],
            group=self.group or known.get("WANDB_RUN_GROUP") or group,
            job_type=self.job_type or told["JOB_TYPE"] or "fit",
            tags=tuple(self.tags) if self.tags is not None else words or tags,
            notes=self.notes or told["NOTES"],
        )


def check_project(project: str | None, where: str) -> None:
    """Raise where W&B would refuse the name of a project."""
    if project is None:
        return
    if not project.strip() or len(project) > LONGEST_PROJECT or _FORBIDDEN_IN_PROJECT.search(project):
        raise InputError(
            f"{where} must be a name of at most {LONGEST_PROJECT} characters without / \\ # ? % :, got {project[:80]!r}"
        )


def check_tags(tags: list[str] | tuple[str, ...], where: str) -> None:
    """Raise where W&B would refuse a tag."""
    for tag in tags:
        if not 0 < len(tag) <= LONGEST_TAG:
            raise InputError(f"{where}: a tag has 1 to {LONGEST_TAG} characters, got {tag[:80]!r}")
