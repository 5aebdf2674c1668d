"""`zoo dashboard`: save a W&B workspace made for comparing runs, or write what it would be."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from zoo.errors import InputError, did_you_mean
from zoo.messages import say
from zoo.tracking.dashboard import NAME, TASKS, find_task, save, specification, workspace
from zoo.tracking.wandb_api import open_api
from zoo.tracking.wandb_settings import DEFAULT_PROJECT


class _Parser(argparse.ArgumentParser):
    """Mistakes are one line."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"zoo dashboard: {message} (zoo dashboard --help)")


def run(command: str, argv: Sequence[str]) -> int:
    options = parse(argv)
    if options.dry_run is None:
        options.entity = account_of(options.entity)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages' own imports, nothing a user could mend
        view = workspace(options.entity or "", options.project, task=options.task, name=options.name)
        if options.dry_run is None:
            print(save(view))
            return 0
        write(specification(view), options.dry_run)
    return 0


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """What was typed, with the environment's WANDB_ENTITY and WANDB_PROJECT behind it.

    Raises:
        InputError: An option that there is not, or a value missing.
    """
    parser = _Parser(prog="zoo dashboard", allow_abbrev=False, add_help=False)
    flags = ("--entity", "--project", "--task", "--name", "--dry-run")
    parser.add_argument("--entity", default=os.environ.get("WANDB_ENTITY") or None)
    parser.add_argument("--project", default=os.environ.get("WANDB_PROJECT") or DEFAULT_PROJECT)
    parser.add_argument("--task", default=next(iter(TASKS)))
    parser.add_argument("--name", default=NAME)
    parser.add_argument("--dry-run", metavar="FILE")
    options, unknown = parser.parse_known_args(list(argv))
    if unknown:
        raise InputError(f"zoo dashboard: no option {unknown[0]}: {did_you_mean(unknown[0], flags)}")
    find_task(options.task)
    return options


def account_of(entity: str | None) -> str:
    """The user or team to whom the key belongs, where none was named; a good key in any case."""
    api = open_api()
    found = entity or api.default_entity
    if not found:
        raise InputError("zoo dashboard: say --entity, the user or team of the project (or set WANDB_ENTITY)")
    return str(found)


def write(text: str, file: str) -> None:
    """To a file, or for `-` to standard output."""
    if file == "-":
        sys.stdout.write(text)
        return
    target = Path(file)
    if not target.parent.is_dir():
        raise InputError(f"no folder {target.parent} to write {target.name} into (--dry-run)")
    try:
        target.write_text(text)
    except OSError as error:
        raise InputError(f"cannot write {target} (--dry-run): {error.strerror or error}") from error
    say(f"the workspace's specification is in {target}")
