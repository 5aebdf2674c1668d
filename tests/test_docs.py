"""docs/recipe.md has a row for every word of the recipe, with its true default, and its commands are taken."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from jsonargparse import ArgumentError
from lightning.pytorch import Trainer

from zoo import registry
from zoo.cli.compare import _parser as compare_parser
from zoo.cli.fit_cli import FitCLI
from zoo.cli.main import main
from zoo.cli.mistakes import NAMED_CALLBACKS, class_of, explain
from zoo.cli.parser import TRAINER_DEFAULTS, namespace_dict, with_full_names
from zoo.data.augment import AUGMENTATIONS
from zoo.data.tabular import NUMERIC
from zoo.errors import InputError
from zoo.models.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from zoo.models.schedules import SCHEDULES
from zoo.networks import INITIALISATIONS, NORMS, POOLINGS, POSITIONS
from zoo.networks.activations import ACTIVATIONS
from zoo.networks.numeric_embedding import NUMERIC_EMBEDDINGS
from zoo.tracking.wandb_settings import WandbSettings

pytestmark = pytest.mark.filterwarnings("ignore")
PAGE = (Path(__file__).resolve().parents[1] / "docs" / "recipe.md").read_text()
COLUMNS = ["word", "what it does", "when it helps", "source", "default"]
FROM_DATA = ("inputs", "num_classes", "num_targets")  # nobody types them
# Key -> the names it takes; they stand in the section of the key.
NAMES: dict[str, Iterable[str]] = {
    "model.activation": ACTIVATIONS,
    "model.init": INITIALISATIONS,
    "model.loss": [*CLASSIFICATION_LOSSES, *REGRESSION_LOSSES],
    "model.norm": NORMS,
    "model.numeric_embedding": NUMERIC_EMBEDDINGS,
    "model.pooling": POOLINGS,
    "model.position": POSITIONS,
    "model.schedule": SCHEDULES,
    "data.augment": AUGMENTATIONS,
    "data.numeric": NUMERIC,
}
INPUTS: dict[str, dict[str, Any]] = {
    "tabular": {"n_numeric": 3, "cardinalities": [4]},
    "image": {"channels": 3, "height": 64, "width": 64},
    "text": {"vocab_size": 300, "max_length": 64, "pad_id": 0},
}


class Row:
    """A row of a table of words.

    Args:
        section: Its heading.
        cells: Of the row.
    """

    def __init__(self, section: str, cells: list[str]) -> None:
        self.section = section
        self.words = re.findall(r"`([^`]+)`", cells[0])
        self.meaning = cells[1]
        self.default = cells[-1]


def table_rows() -> list[Row]:
    found: list[Row] = []
    section, columns = "", list[str]()
    for line in PAGE.splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        if not line.startswith("|"):
            columns = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not columns:
            columns = cells
        elif columns == COLUMNS and set(line) - set("|-"):
            assert len(cells) == len(COLUMNS), f"docs/recipe.md: a row of {len(cells)} cells: {line}"
            found.append(Row(section, cells))
    return found


ROWS = table_rows()
ROW_OF = {word: row for row in ROWS for word in row.words}


def commands() -> list[str]:
    fences = re.findall(r"^```\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    lines = [line.partition("  #")[0].strip() for fence in fences for line in fence.splitlines()]
    return [line for line in lines if line.startswith("zoo ")]


def arguments(kind: Any) -> dict[str, Any]:
    """Name -> default of a constructor, `inspect.Parameter.empty` where it has none."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(kind.__init__).parameters.items()
        if name != "self" and name not in FROM_DATA
    }


def shipped(kind: str) -> list[Any]:
    return [registry.load_class(kind, name) for name, entry in registry.entries(kind).items() if entry.package == "zoo"]


def keys() -> dict[str, list[tuple[str, Any]]]:
    """Key as one types it -> (class, default) of everyone that takes it."""
    found: dict[str, list[tuple[str, Any]]] = {}
    owners = [("model", kind) for kind in shipped("models")] + [("data", kind) for kind in shipped("data")]
    for owner, kind in [*owners, *NAMED_CALLBACKS.items()]:
        for name, default in arguments(kind).items():
            found.setdefault(f"{owner}.{name}", []).append((kind.__name__, default))
    return found


def typed(value: Any) -> str:
    """A default as one would type it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, int | float) else str(value)


@pytest.mark.parametrize("key", keys())
def test_every_key_has_a_row(key: str) -> None:
    assert key in ROW_OF, (
        f"docs/recipe.md: no row for `{key}`. Write one in the table of its topic: the word, what it does in one line, "
        "when it helps, the paper, the default"
    )


@pytest.mark.parametrize("key", NAMES)
def test_every_name_has_a_row_in_the_section_of_its_key(key: str) -> None:
    here = {word for row in ROWS if row.section == ROW_OF[key].section for word in row.words}
    missing = sorted(set(NAMES[key]) - here)
    assert not missing, f"docs/recipe.md, section {ROW_OF[key].section!r}: no row for {missing}, which {key} takes"


def test_every_row_is_of_a_word_that_is_there() -> None:
    known = set(keys()) | {f"wandb.{name}" for name in arguments(WandbSettings)} | {"seed_everything"}
    known |= {f"trainer.{name}" for name in inspect.signature(Trainer.__init__).parameters}
    wrong = [word for word in ROW_OF if ("." in word or "_everything" in word) and word not in known]
    assert not wrong, f"docs/recipe.md: rows for {wrong}, which zoo does not take"
    assert not [row.words for row in ROWS if not row.words or not row.meaning]


@pytest.mark.parametrize("key", keys())
def test_the_default_of_a_row_is_that_of_every_class(key: str) -> None:
    told = set(re.findall(r"`([^`]+)`", ROW_OF[key].default)) if key in ROW_OF else set()
    for owner, default in keys()[key]:
        if key in ROW_OF and default is not inspect.Parameter.empty:
            assert typed(default) in told, (
                f"docs/recipe.md: the default of `{key}` is `{typed(default)}` in {owner}, "
                f"and its row says {ROW_OF[key].default!r}"
            )


@pytest.mark.parametrize("word", [word for word in ROW_OF if word.startswith(("trainer.", "wandb."))])
def test_the_default_of_trainer_and_wandb_is_theirs(word: str) -> None:
    owner, _, name = word.partition(".")
    theirs = inspect.signature(Trainer.__init__ if owner == "trainer" else WandbSettings.__init__).parameters[name]
    default = TRAINER_DEFAULTS.get(name, theirs.default) if owner == "trainer" else theirs.default
    if (owner, name) == ("trainer", "accumulate_grad_batches"):
        default = 1
    assert f"`{typed(default)}`" in ROW_OF[word].default, f"docs/recipe.md: {word} is {default!r} by default"


# ---- commands --------------------------------------------------------------------------------------------------------


class Parsed(FitCLI):
    """The parser of `zoo fit`, and nothing of what comes after."""

    def before_instantiate_classes(self) -> None:
        pass

    def instantiate_classes(self) -> None:
        pass


@pytest.fixture(scope="module")
def parser() -> Any:
    return Parsed(["--config", "configs/mlp.yaml"]).parser


@pytest.mark.parametrize("line", [line for line in commands() if line.startswith("zoo fit ")])
def test_a_fit_of_the_page_is_taken(line: str, parser: Any) -> None:
    """By the parser, and by the constructors of what it names; nothing is read."""
    words = [word for word in shlex.split(line)[2:] if word != "--print_config"]
    try:
        config = parser.parse_args([*with_full_names(words)])
    except InputError as error:
        pytest.fail(f"docs/recipe.md: {line}: {error}", pytrace=False)
    except ArgumentError as error:
        pytest.fail(f"docs/recipe.md: {line}: {explain(str(error), words)}", pytrace=False)
    data = class_of(config.data.class_path)(**namespace_dict(config.data.init_args))
    options = {name: value for name, value in namespace_dict(config.model.init_args).items() if name not in FROM_DATA}
    options |= {"pretrained": False} if "pretrained" in options else {}
    if data.modality == "text" and options.get("backbone") is not None:
        return  # a model of the hub
    class_of(config.model.class_path)({"modality": data.modality} | INPUTS[data.modality], 2, **options)


def test_the_other_commands_of_the_page_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    for line in commands():
        command, *words = shlex.split(line)[1:]
        if command == "list":
            assert main([command, *words]) == 0, line
        elif command == "compare":
            assert compare_parser().parse_intermixed_args(words).runs, line
        else:
            assert command == "fit", f"{line}: say here how such a command is checked"
    assert capsys.readouterr().out


def test_the_sections_are_all_there() -> None:
    headings = " ".join(re.findall(r"^## (.*)$", PAGE, flags=re.MULTILINE)).lower()
    for topic in (
        "neuron", "activation", "initialisation", "loss", "backpropagation", "optimiser", "learning rate",
        "regularisation", "normalisation", "clipping", "augmentation", "imbalance", "calibration", "convolution",
        "attention", "table", "fine-tuning", "split", "precision", "watching", "pitfall",
    ):  # fmt: skip
        assert topic in headings, topic
