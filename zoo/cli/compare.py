"""`zoo compare RUN...`: runs side by side, best first. No torch: what runs left behind is read, nothing is computed anew."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from zoo.errors import InputError
from zoo.messages import say
from zoo.tracking.compare import compare
from zoo.tracking.comparison import Comparison


def run(command: str, argv: Sequence[str]) -> int:
    args = _parser().parse_args(list(argv))
    if not args.runs:
        raise InputError("zoo compare needs runs: zoo compare runs/, or runs/mlp-*, or wandb://entity/project")
    if args.html is not None and not Path(args.html).parent.is_dir():
        raise InputError(f"no folder {Path(args.html).parent} to write {Path(args.html).name} into (--html)")
    comparison = compare(args.runs, metric=args.metric, filters=args.filter)
    if args.json:
        from zoo.tracking.comparison_files import as_json

        print(as_json(comparison))
    elif args.csv:
        from zoo.tracking.comparison_files import as_csv

        print(as_csv(comparison), end="")
    else:
        from zoo.cli.compare_table import show

        show(comparison, sys.stdout)
    if args.html is not None:
        write_page(comparison, Path(args.html))
    return 0


def write_page(comparison: Comparison, file: Path) -> None:
    """Write the page whole or not at all."""
    text = import_module("zoo.tracking.page").page(comparison)
    part = file.with_name(file.name + ".part")
    part.write_text(text)
    part.replace(file)
    say(f"page: {file} (one file, no network needed)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="zoo compare", add_help=False, allow_abbrev=False)
    parser.add_argument("runs", nargs="*", metavar="RUN")
    parser.add_argument("--metric", metavar="NAME")
    parser.add_argument("--filter", action="append", default=[], metavar="KEY=VALUE")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--csv", action="store_true")
    parser.add_argument("--html", metavar="FILE")
    return parser
