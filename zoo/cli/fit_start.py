"""`zoo fit` before torch is imported: a missing file is said at once; W&B takes half the time now of what it does later."""

from __future__ import annotations

import os
import re
import threading
import warnings
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

from zoo.cli.configs import existing_config
from zoo.cli.heavy import import_heavy
from zoo.messages import is_first_process

_OFF_IN_CONFIG = re.compile(r"^\s+logger\s*:|^wandb:\s*\n(\s+.*\n)*?\s+enabled:\s*false", re.MULTILINE)
_OFF_TYPED = re.compile(r"--(trainer\.logger|wandb\.enabled|help|print_config|(model|data)\.help)\b")


def run(command: str, argv: Sequence[str]) -> int:
    if list(argv) == ["--help", "all"]:
        argv = ["--help"]  # the parser's own; `--help` alone is zoo.cli.help
    configs = [existing_config(word) for flag, word in pairwise(argv) if flag == "--config"]
    if opens_wandb(argv, [config.read_text(errors="replace") for config in configs]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of wandb's own imports, nothing a user could mend
            # All that wandb.init imports in the end. Pydantic searches the loaded modules and the stack for each of
            # its classes, and both are small here.
            import_heavy("wandb.apis.public")
        start_service()
    return int(import_heavy("zoo.cli.fit").run(command, argv))


def opens_wandb(argv: Sequence[str], configs: Sequence[str]) -> bool:
    """Whether the run will most likely have the default loggers; a wrong guess costs time and nothing else.

    Args:
        argv: What the user typed after `zoo fit`.
        configs: The text of his config files.
    """
    if os.environ.get("WANDB_MODE") == "disabled" or not is_first_process():
        return False
    return bool(argv) and not any(map(_OFF_TYPED.match, argv)) and not any(map(_OFF_IN_CONFIG.search, configs))


def start_service() -> None:
    """Let W&B's service, a process of its own, start while torch is imported; the run waits for it otherwise."""

    def start() -> None:
        import wandb

        with suppress(Exception):  # what is wrong is said when the run is opened
            wandb.setup()

    threading.Thread(target=start, daemon=True).start()
