"""The front door: `zoo COMMAND ...`. Standard library only, so that help and mistakes cost nothing.

Exit codes: 0 success, 2 the user's input, 1 a fault of zoo, 130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from zoo import __version__
from zoo.cli.heavy import import_heavy
from zoo.cli.help import HELP
from zoo.errors import InputError, did_you_mean

COMMANDS = {
    "fit": ("zoo.cli.fit_start", "train a model, test it, write a run folder; --resume RUN goes on"),
    "validate": ("zoo.cli.evaluate", "metrics of a trained run on its validation split, or on --data.path"),
    "test": ("zoo.cli.evaluate", "metrics of a trained run on its test split, or on --data.path"),
    "predict": ("zoo.cli.predict", "predictions of a trained run for a file or folder"),
    "dashboard": ("zoo.cli.dashboard", "save a W&B workspace made for comparing runs"),
    "compare": ("zoo.cli.compare", "runs side by side, best first: settings, metrics, seeds, what is beyond chance"),
    "tune": ("zoo.cli.tune_start", "search for good settings; goes on after a stop, with several processes"),
    "list": ("zoo.cli.listing", "what there is: models, data, callbacks, backbones, configs, samples"),
}
NEED_RUN = ("validate", "test", "predict")
USAGE = """\
zoo: ready, strong MLP, CNN and Transformer models that train from one YAML

usage: zoo COMMAND [ARGUMENTS]

{commands}

  zoo fit --config configs/cnn.yaml                      train on a sample that needs no network
  zoo fit --config configs/mlp.yaml --data.path my.csv --data.target price --model MLPRegressor
  zoo test runs/cnn-digits                               test again, from the run alone
  zoo predict runs/cnn-digits photos/ -o predictions.csv

`zoo COMMAND --help` says what a command takes. `zoo --version` prints the version.
"""


def usage() -> str:
    width = max(map(len, COMMANDS))
    return USAGE.format(commands="\n".join(f"  {name:<{width}}  {line}" for name, (_, line) in COMMANDS.items()))


def asks_for_help(command: str, rest: Sequence[str]) -> bool:
    """`--help` anywhere; `zoo fit --help all` is the parser's."""
    if command == "fit":
        return list(rest) in (["-h"], ["--help"])
    return command in HELP and not {"-h", "--help"}.isdisjoint(rest)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage(), end="")
        return 0
    if arguments[0] in ("-V", "--version"):
        print(f"zoo {__version__}")
        return 0
    command, *rest = arguments
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # --model my_project.SoftCNN, from the project's own folder
    try:
        if command not in COMMANDS:
            raise InputError(f"no command {command!r}: {did_you_mean(command, COMMANDS)} (zoo --help lists them)")
        if asks_for_help(command, rest):
            print(HELP[command], end="")
            return 0
        if command in NEED_RUN and not rest:
            raise InputError(f"zoo {command} needs a run: zoo {command} runs/NAME (zoo {command} --help says more)")
        return int(import_heavy(COMMANDS[command][0]).run(command, rest))
    except InputError as error:
        print(f"zoo: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("zoo: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        import traceback

        traceback.print_exc()
        print("zoo: this is a fault of zoo, not of your input; please report the lines above", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
