"""`zoo fit` before torch is imported: a help that takes no time, and W&B, which is imported faster now than later."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from zoo.cli.configs import find_config
from zoo.cli.heavy import import_heavy
from zoo.messages import is_first_process

_LOGGER_IN_CONFIG = re.compile(r"^\s+logger\s*:", re.MULTILINE)


def run(command: str, argv: Sequence[str]) -> int:
    if opens_wandb(argv):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of wandb's own imports, nothing a user could mend
            # What wandb.init imports in the end. Pydantic searches all loaded modules for each of its classes, and all
            # frames of the stack, so it takes half the time here, where both are few.
            import_heavy("wandb.apis.public")
    return int(import_heavy("zoo.cli.fit").run(command, argv))


def opens_wandb(argv: Sequence[str]) -> bool:
    """Whether the run will most likely have the default loggers; a wrong guess costs time and nothing else."""
    if os.environ.get("WANDB_MODE") == "disabled" or not is_first_process():
        return False
    if any(re.match(r"--(trainer\.logger|help|print_config)\b", word) for word in argv):
        return False
    files = [find_config(after) for word, after in zip(argv, argv[1:], strict=False) if word == "--config"]
    return bool(argv) and not any(_names_logger(Path(file)) for file in files)


def _names_logger(config: Path) -> bool:
    return not config.is_file() or bool(_LOGGER_IN_CONFIG.search(config.read_text(errors="replace")))
