"""Run one of the benchmarks of strength: python -m benchmarks.strength NAME [ITS ARGUMENTS]."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

NAMES = sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py"))


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        print(f"usage: python -m benchmarks.strength {{{','.join(NAMES)}}} ...", file=sys.stderr)
        return 2
    result: int = import_module(f"benchmarks.strength.{sys.argv[1]}").main(sys.argv[2:])
    return result


if __name__ == "__main__":
    sys.exit(main())
