"""Who may import whom, that public names and registry agree, and what a fresh interpreter does not load."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo.registry import KINDS, entries, load_class

ROOT = Path(zoo.__file__).parent

# Folder -> parts of zoo that it may not import, also not inside a function. `if TYPE_CHECKING:` counts for nothing.
FORBIDDEN = {
    "networks": ("models", "data", "callbacks", "cli", "tracking"),
    "models": ("data", "callbacks", "cli"),
    "data": ("models", "callbacks", "cli", "networks"),
    "callbacks": ("models", "data", "cli"),
    "tracking": ("cli", "comparing", "tuning"),
    "comparing": ("cli", "models", "callbacks", "networks", "tuning"),
    "tuning": ("cli", "models", "data", "callbacks"),
    "": ("cli",),
}


def imported(file: Path) -> set[str]:
    """Dotted names that a file imports at any depth, relative ones resolved, types left out."""
    names: set[str] = set()
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):  # take the types-only imports out
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = ["zoo", *file.relative_to(ROOT).parent.parts]
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).glob("*.py" if folder == "" else "**/*.py"))


@pytest.mark.parametrize("folder", sorted(FORBIDDEN))
def test_no_part_imports_what_it_may_not_know(folder: str) -> None:
    assert files(folder)
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files(folder)
        for name in imported(file)
        for part in FORBIDDEN[folder]
        if name == f"zoo.{part}" or name.startswith(f"zoo.{part}.")
        if file.name != "__main__.py"
    ]
    assert wrong == []


def test_networks_need_torch_and_the_libraries_of_layers_and_backbones_only() -> None:
    known = {"torch", "timm", "transformers", "tabm", "rtdl_num_embeddings", "zoo", *sys.stdlib_module_names}
    assert {name.split(".")[0] for file in files("networks") for name in imported(file)} <= known


def test_the_reader_of_imports_reads() -> None:
    assert "zoo.data.base" in imported(ROOT / "data" / "tabular.py")
    assert "zoo.models.base" in imported(ROOT / "checkpoint.py")


@pytest.mark.parametrize("kind", KINDS)
def test_public_names_are_those_of_the_registry(kind: str) -> None:
    package = importlib.import_module(f"zoo.{kind}")
    shipped = {name: entry for name, entry in entries(kind).items() if entry.package == "zoo"}
    assert set(shipped) <= set(package.__all__)
    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    for name, entry in shipped.items():
        assert load_class(kind, name) is getattr(package, name)
        assert entry.class_path == f"{getattr(package, name).__module__}.{name}"
        assert entry.summary
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = package.Nothing


def test_networks_are_public_by_name() -> None:
    package = importlib.import_module("zoo.networks")
    assert all(hasattr(package, name) for name in package.__all__)


def test_zoo_names() -> None:
    assert set(dir(zoo)) == set(zoo.__all__)
    assert all(getattr(zoo, name) is not None for name in zoo.__all__)


HEAVY = {"torch", "lightning", "optuna", "numpy", "jsonargparse", "wandb", "timm", "yaml"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("", 0),
        ("--help", 0),
        ("--version", 0),
        ("list", 0),
        ("list models --json", 0),
        ("list configs", 0),
        ("list samples", 0),
        ("list backbones *resnet*", 0),
        ("fit --help", 0),
        ("test --help", 0),
        ("validate --help", 0),
        ("predict --help", 0),
        ("dashboard --help", 0),
        ("dashboard --tsak regression", 2),
        ("compare --help", 0),
        ("tune --help", 0),
        ("tset", 2),
        ("test", 2),
        ("predict", 2),
        ("list modles", 2),
        ("fit --config nowhere.yaml", 2),
        ("tune --config nowhere.yaml", 2),
        ("tune --config configs/mlp.yaml --workers none", 2),
    ],
)
def test_pitfall_13_help_list_and_mistakes_load_nothing_heavy(words: str, code: int) -> None:
    assert heavy_after(f"from zoo.cli.main import main; sys.exit(main({words.split()}))", code) == "[]"


def test_importing_zoo_loads_nothing_heavy() -> None:
    assert heavy_after("import zoo, zoo.models, zoo.data, zoo.callbacks", 0) == "[]"


def heavy_after(statement: str, code: int) -> str:
    """Which large libraries a fresh interpreter holds after a statement that ends with an exit code."""
    program = (
        "import sys\n"
        f"try:\n    {statement}\nexcept SystemExit as stop:\n    assert (stop.code or 0) == {code}, stop.code\n"
        f"print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return done.stderr.splitlines()[-1]
