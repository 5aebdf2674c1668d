"""Run one of the benchmarks of strength: python -m benchmarks.strength NAME [ITS ARGUMENTS]."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks.strength import ingredients, results

USAGE = "usage: python -m benchmarks.strength NAME ...   (NAME --help: its arguments)"
OTHERS = {"results": results, "ingredients": ingredients}


def listing() -> str:
    """Each benchmark in a line, and how long it takes."""
    lines = [
        f"  {one.name:<12}{one.about.splitlines()[0]}\n{'':14}{one.time}, on two cores" for one in results.BENCHMARKS
    ]
    others = [f"  {name:<14}{(one.__doc__ or '').splitlines()[0]}" for name, one in OTHERS.items()]
    return "\n".join([USAGE, "", *lines, *others])


def main(argv: list[str]) -> int:
    commands: Mapping[str, Callable[[Sequence[str]], int]] = {
        **{one.name: one.main for one in results.BENCHMARKS},
        **{name: one.main for name, one in OTHERS.items()},
    }
    if argv and argv[0] in ("-h", "--help"):
        print(listing())
        return 0
    if not argv or argv[0] not in commands:
        print(listing(), file=sys.stderr)
        return 2
    return commands[argv[0]](argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
