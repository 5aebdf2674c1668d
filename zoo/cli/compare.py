"""`zoo compare RUN...`: runs side by side, best first. No torch: what runs left behind is read, nothing is computed anew."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from zoo.comparing.compare import compare
from zoo.comparing.comparison import Comparison
from zoo.errors import InputError, did_you_mean
from zoo.messages import say

OPTIONS = ("--metric", "--filter", "--json", "--csv", "--html")


def run(command: str, argv: Sequence[str]) -> int:
    args = _parser().parse_intermixed_args(list(argv))
    if not args.runs:
        raise InputError("zoo compare needs runs: zoo compare runs/, or runs/mlp-*, or wandb://entity/project")
    if args.html is not None and Path(args.html).is_dir():
        raise InputError(f"{args.html} is a folder: name a file in it, {Path(args.html) / 'page.html'} (--html)")
    if args.html is not None and not Path(args.html).parent.is_dir():
        raise InputError(f"no folder {Path(args.html).parent} to write {Path(args.html).name} into (--html)")
    comparison = compare(args.runs, metric=args.metric, filters=args.filter)
    if args.json:
        from zoo.comparing.comparison_files import as_json

        print(as_json(comparison))
    elif args.csv:
        from zoo.comparing.comparison_files import as_csv

        print(as_csv(comparison), end="")
    else:
        from zoo.cli.compare_table import show

        show(comparison, sys.stdout)
    if args.html is not None:
        write_page(comparison, Path(args.html))
    return 0


def write_page(comparison: Comparison, file: Path) -> None:
    """Write the page whole or not at all.

    Raises:
        InputError: A folder is there, or one may not write.
    """
    from zoo.comparing.page import page

    text = page(comparison)
    part = file.with_name(file.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InputError(f"cannot write {file} (--html): {error.strerror or error}") from error
    say(f"page: {file} (one file, no network needed)")


class Parser(argparse.ArgumentParser):
    """One that says a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        words = message.removeprefix("unrecognized arguments: ").split()
        if message.startswith("unrecognized arguments: --"):
            message = f"no option {words[0]}; {did_you_mean(words[0], OPTIONS)}"
        raise InputError(f"{self.prog}: {message}")


def _parser() -> Parser:
    parser = Parser(prog="zoo compare", add_help=False, allow_abbrev=False)
    parser.add_argument("runs", nargs="*", metavar="RUN")
    parser.add_argument("--metric", metavar="NAME")
    parser.add_argument("--filter", action="append", default=[], metavar="KEY=VALUE")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--csv", action="store_true")
    parser.add_argument("--html", metavar="FILE")
    return parser
