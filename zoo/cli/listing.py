"""`zoo list`: what there is, without importing any of it."""

from __future__ import annotations

import argparse
import fnmatch
import json
from collections.abc import Sequence

from zoo import registry
from zoo.cli.backbones import backbones
from zoo.cli.configs import shipped_configs

WHATS = ("models", "data", "callbacks", "backbones", "configs", "samples")
SAMPLES = {
    "digits": "1,797 handwritten digits, 8x8 grey (image)",
    "breast_cancer": "569 rows, 30 numbers, 2 classes (table)",
    "wine": "178 rows, 13 numbers, 3 classes (table)",
    "diabetes": "442 rows, 10 numbers, a number to predict (table)",
    "languages": "about 21,000 phrases in 24 languages (text)",
}


def run(command: str, argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="zoo list", description="What there is to use, by name.", allow_abbrev=False)
    parser.add_argument("what", nargs="?", choices=WHATS, help="one kind; left out, all but backbones")
    parser.add_argument(
        "pattern", nargs="?", default="*", metavar="PATTERN", help="only names like this, e.g. '*resnet*'"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    args = parser.parse_args(list(argv))
    kinds = [args.what] if args.what else [what for what in WHATS if what != "backbones"]
    found = {kind: {name: line for name, line in _names(kind).items() if _like(name, args.pattern)} for kind in kinds}
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    for kind, names in found.items():
        if len(kinds) > 1:
            print(f"{kind}:")
        width = max(map(len, names), default=0)
        for name, line in names.items():
            print(f"{'  ' if len(kinds) > 1 else ''}{name:<{width}}  {line}".rstrip())
    return 0


def _like(name: str, pattern: str) -> bool:
    wild = pattern if any(mark in pattern for mark in "*?[") else f"*{pattern}*"
    return fnmatch.fnmatchcase(name.lower(), wild.lower())


def _names(kind: str) -> dict[str, str]:
    if kind in registry.KINDS:
        return {
            name: entry.summary if entry.package == "zoo" else f"{entry.target} ({entry.package})"
            for name, entry in registry.entries(kind).items()
        }
    if kind == "configs":
        return shipped_configs()
    if kind == "samples":
        return {f"sample:{name}": line for name, line in SAMPLES.items()}
    return {name: "pretrained" if trained else "" for name, trained in backbones().items()}
