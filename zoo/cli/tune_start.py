"""`zoo tune` before torch is imported: its own options, and mistakes in them at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from zoo.cli.configs import existing_config
from zoo.cli.heavy import import_heavy
from zoo.cli.words import take_option
from zoo.errors import InputError, did_you_mean

PRUNERS = ("median", "hyperband", "none")
STORAGE = "ZOO_TUNE_STORAGE"  # instead of --storage: other users of the machine can read command lines
TRIALS = 20


@dataclass(frozen=True)
class TuneOptions:
    """What the user typed for `zoo tune` itself.

    Args:
        resume: Folder of the study that goes on.
        study: Name of the study.
        trials: That the study shall have; None is 20, or those it was begun with.
        space: A sweep file.
        metric: That trials are judged by.
        workers: Processes on this machine.
        timeout: Seconds after which no trial begins, or DD:HH:MM:SS.
        pruner: median, hyperband or none.
        storage: Address of a shared database.
        worker_of: Number of the process that started this one as one of its workers.
    """

    resume: Path | None
    study: str | None
    trials: int | None
    space: Path | None
    metric: str | None
    workers: int
    timeout: str | None
    pruner: str | None
    storage: str | None
    worker_of: int | None


def read_options(words: list[str]) -> tuple[TuneOptions, list[str]]:
    """The options, and the words that are for `zoo fit`.

    Raises:
        InputError: A value that cannot be.
    """
    found: dict[str, str | None] = {}
    for name in ("resume", "study", "trials", "space", "metric", "workers", "timeout", "pruner", "storage"):
        words, found[name] = take_option(words, f"--{name}")
    words, worker_of = take_option(words, "--worker_of")
    hide(found["storage"])
    pruner = found["pruner"]
    if pruner is not None and pruner not in PRUNERS:
        raise InputError(f"no pruner {pruner!r} (--pruner): {did_you_mean(pruner, PRUNERS)}")
    study = found["study"]
    if study is not None and (not study or "/" in study or study in (".", "..")):
        raise InputError(f"--study must be the name of a folder, got {study!r}")
    resume, space = found["resume"], found["space"]
    options = TuneOptions(
        resume=None if resume is None else Path(resume),
        study=study,
        trials=whole_number("--trials", found["trials"]),
        space=None if space is None else existing_config(space),
        metric=found["metric"],
        workers=whole_number("--workers", found["workers"]) or 1,
        timeout=found["timeout"],
        pruner=pruner,
        storage=found["storage"] or os.environ.get(STORAGE) or None,
        worker_of=None if worker_of is None else int(worker_of),
    )
    if options.resume is not None and (words or study or space or found["metric"]):
        extra = (words or [f"--{name}" for name in ("study", "space", "metric") if found[name]])[0]
        raise InputError(f"zoo tune --resume goes on with what {resume} was begun with: leave {extra} out")
    return options, words


def hide(secret: str | None) -> None:
    """Take a database's address, which may hold a password, out of the command line that W&B notes of each trial."""
    if secret:
        for words in (sys.argv, sys.orig_argv):
            words[:] = [word.replace(secret, "***") for word in words]


def whole_number(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdigit() or int(text) < 1:
        raise InputError(f"{name} must be a whole number above 0, got {text!r}")
    return int(text)


def run(command: str, argv: Sequence[str]) -> int:
    options, words = read_options(list(argv))
    for flag, word in pairwise(words):
        if flag == "--config":
            existing_config(word)
    if any(word.partition("=")[0] == "--name" for word in words):
        raise InputError("--name is of a run: the name of a study is --study")
    if options.resume is None and not words:
        raise InputError("zoo tune needs a config: zoo tune --config configs/mlp.yaml --trials 20")
    if options.resume is not None and not options.resume.is_dir():
        raise InputError(f"no study folder {options.resume}")
    return int(import_heavy("zoo.cli.tune").tune(options, words))
