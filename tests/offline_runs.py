"""Read an offline W&B run that has just ended; W&B's service puts the end of it on disk some milliseconds later."""

import time
from pathlib import Path
from typing import Any

from tests.read_wandb_run import read_run

AT_MOST = 10.0  # seconds


def offline_run(run_folder: str | Path) -> Any:
    """The last offline part of a run, read when its end is there."""
    place = max((Path(run_folder) / "wandb").glob("offline-run-*"))
    started = time.monotonic()
    run: Any = read_run(place)
    while run.exit_code is None and time.monotonic() - started < AT_MOST:
        time.sleep(0.01)
        run = read_run(place)
    return run
