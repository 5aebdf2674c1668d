"""`zoo predict RUN PATH`: predictions for a file or folder; nothing but the run and the file is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zoo import checkpoint
from zoo.cli.evaluate import RunCLI
from zoo.cli.quiet import quiet
from zoo.cli.words import take_flag, take_option
from zoo.errors import InputError
from zoo.messages import say
from zoo.networks.pretrained import without_pretrained
from zoo.prediction import predict_table
from zoo.tracking.predictions import write_predictions
from zoo.tracking.run_folder import PREDICTIONS


def run(command: str, argv: Sequence[str]) -> int:
    words, trust = take_flag(list(argv), "--trust")
    words, output = take_option(words, "-o", "--output")
    if len(words) < 2 or any(word.startswith("-") for word in words[:2]):
        raise InputError("zoo predict needs a run and a file: zoo predict runs/NAME FILE")
    run_path, path, *rest = words
    target = Path(output or PREDICTIONS)
    if not target.parent.is_dir():
        raise InputError(f"no folder {target.parent} to write {target.name} into (-o)")
    content = checkpoint.read_checkpoint(run_path)
    with quiet():
        with without_pretrained():
            cli = RunCLI("zoo predict", content, rest, trust=trust)
        table = predict_table(cli.model, cli.datamodule, path, cli.trainer)
    write_predictions(table, target)
    say(f"{table.num_rows} predictions in {target}")
    return 0
