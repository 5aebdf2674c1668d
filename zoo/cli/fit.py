"""`zoo fit`: a new run, or one that goes on."""

from __future__ import annotations

import os
from collections.abc import Sequence

from zoo.cli.fit_cli import RUN_FOLDER, FitCLI
from zoo.cli.quiet import quiet
from zoo.cli.resume import resume_run
from zoo.cli.training import train
from zoo.cli.words import take_option
from zoo.messages import is_first_process


def run(command: str, argv: Sequence[str]) -> int:
    words, resume = take_option(list(argv), "--resume")
    os.environ.pop(RUN_FOLDER, None) if is_first_process() else None
    with quiet():
        if resume is None:
            return train(FitCLI(words), checkpoint_file=None)
        return resume_run(resume, words)
