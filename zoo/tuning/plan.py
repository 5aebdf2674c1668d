"""What a study is: written into its folder when it begins, and read to go on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from zoo.errors import InputError

PLAN, BASE, BEST, STORE = "study.yaml", "base.yaml", "best.yaml", "study.db"
PLACES = (("data", "path"), ("data", "val_path"), ("data", "test_path"))  # may differ from machine to machine


@dataclass(frozen=True)
class Plan:
    """What all workers of a study must agree on.

    Args:
        name: Of the study.
        base: The resolved config that every trial begins from.
        parameters: The space, as in a W&B sweep.
        metric: What trials are judged by, e.g. `val/loss`; of the epoch that the checkpoint keeps.
        mode: min or max.
        pruner: median, hyperband or none.
        seed: Of the search.
        storage: Address of a shared database without its password; None is a file in the study's folder.
        own_space: Whether the user gave the space: it is searched as it is, and not widened to the config's values.
    """

    name: str
    base: dict[str, Any]
    parameters: dict[str, Any]
    metric: str
    mode: str
    pruner: str
    seed: int
    storage: str | None = None
    own_space: bool = False

    def digest(self) -> str:
        """A short digest of what decides over the trials; where files lie does not."""
        base = json.loads(json.dumps(self.base, default=str))
        for part, key in PLACES:
            base[part]["init_args"].pop(key, None)
        for key in ("default_root_dir", "precision"):  # auto is settled by a measurement
            base["trainer"].pop(key, None)
        told = [base, self.parameters, self.metric, self.mode, self.seed]
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def write(self, folder: Path) -> None:
        """Write study.yaml and base.yaml."""
        content = asdict(self)
        base = content.pop("base")
        (folder / BASE).write_text(yaml.safe_dump(base, sort_keys=False))
        (folder / PLAN).write_text(yaml.safe_dump(content, sort_keys=False))


def read_plan(folder: Path) -> Plan:
    """The plan of a study that was begun.

    Raises:
        InputError: The folder holds none.
    """
    if not (folder / PLAN).is_file() or not (folder / BASE).is_file():
        raise InputError(f"{folder} is no study: it holds no {PLAN} (a study is begun by zoo tune --config FILE)")
    try:
        content = yaml.safe_load((folder / PLAN).read_text())
        return Plan(base=yaml.safe_load((folder / BASE).read_text()), **content)
    except (yaml.YAMLError, TypeError) as error:
        raise InputError(f"{folder / PLAN} is damaged: {' '.join(str(error).split())[:200]}") from error
