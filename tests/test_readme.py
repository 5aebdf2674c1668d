"""What the README shows is true: its commands parse and run, its Python runs, its tables name what exists."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tests.pretrained import save_encoder
from zoo import registry
from zoo.cli.configs import shipped_configs
from zoo.cli.main import COMMANDS, main

pytestmark = pytest.mark.filterwarnings("ignore")
ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
FEW = ["--trainer.max_epochs", "1", "--trainer.limit_train_batches", "2", "--trainer.logger", "false"]
SEARCH = ["--space", "space.yaml", "--figures.enabled", "false"]
SPACE = "parameters:\n  model.lr: {values: [0.001, 0.01]}\n"


def blocks(language: str) -> list[str]:
    fences = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    return [content for found, content in fences if found == language]


def shell_lines(commands: str = "fit|test|predict|tune|compare") -> list[str]:
    """The README's lines of these commands, but those that need an account."""
    lines = [line.partition("#")[0].strip() for block in blocks("") for line in block.splitlines()]
    lines = [line.split(" && ")[-1] for line in lines if re.match(rf"(\w+=\S+ )?zoo ({commands})\b", line)]
    return [line for line in lines if "wandb://" not in line]


def redirects(line: str) -> list[str]:
    """What a shell would take for a redirection: a < or > outside of quotes."""
    return [word for word in shlex.shlex(line, punctuation_chars="<>") if set(word) <= set("<>")]


def write_files(folder: Path) -> None:
    """The files that the README's commands name."""
    rows = range(80)
    (folder / "sales.csv").write_text(
        "a,b,churned\n" + "".join(f"{i % 9},{'xy'[i % 2]},{'no' if i % 3 else 'yes'}\n" for i in rows)
    )
    text = "review,stars\n" + "".join(f"{'good' if i % 2 else 'bad'} thing {i},{1 + i % 2}\n" for i in rows)
    (folder / "reviews.csv").write_text(text)
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"size": list(rows), "price": [i * 1.5 for i in rows]}), folder / "houses.parquet")
    for where in ("photos", "more"):
        for name, shade in (("0", 0), ("1", 200)):
            (folder / where / name).mkdir(parents=True)
            for i in range(12):
                Image.new("L", (8, 8), shade + i).save(folder / where / name / f"{i}.png")
    save_encoder(folder / "encoder", max_length=256)
    (folder / "my_project.py").write_text(next(block for block in blocks("python") if "my_project.py" in block))


@pytest.mark.slow
def test_every_command_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    write_files(tmp_path)
    lines = shell_lines()
    assert len(lines) >= 20
    Path("space.yaml").write_text(SPACE)
    assert main(["fit", "--config", "configs/cnn.yaml", *FEW]) == 0  # what `make demo` leaves: runs/cnn-digits
    for line in lines:
        # A study of two trials, then three, in this process.
        line = (
            line.replace("--trials 30", "--trials 2").replace("--trials 60", "--trials 3").replace(" --workers 2", "")
        )
        words = [word for word in shlex.split(line) if "=" not in word or word.startswith("-")][1:]
        if "ddp" in words or words[:2] == ["fit", "--resume"]:
            continue  # in processes of their own, and longer: tests/cli/test_fit.py
        more = {"fit": FEW, "tune": [*FEW, *SEARCH]}.get(words[0], []) if "--resume" not in words else []
        assert main([*words, *([] if "--help" in words else more)]) == 0, line
    sys.modules.pop("my_project", None)


def test_no_line_of_the_readme_redirects_unawares() -> None:
    assert redirects("zoo compare runs/ --filter model_lr>1e-3") == [">"]
    assert redirects("zoo compare runs/ --filter 'model_lr>1e-3'") == []
    for block in blocks(""):
        for line in block.splitlines():
            if re.match(r"(zoo|make|wandb|source) ", line):
                assert redirects(line.partition("  #")[0]) == [], line


@pytest.mark.slow
def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    assert main(["fit", "--config", "configs/cnn.yaml", *FEW]) == 0
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    assert Path("lightning_logs").exists()  # of the last block's own Trainer


@pytest.mark.parametrize("name", [name for name in shipped_configs() if name.count("/") == 1])
def test_every_shipped_config_names_what_exists(name: str) -> None:
    config = yaml.safe_load((ROOT / name).read_text())
    assert config["model"]["class_path"] in registry.entries("models")
    assert config["data"]["class_path"] in registry.entries("data")


def test_the_readme_names_every_command_and_model() -> None:
    assert all(f"zoo {command}" in README or command == "validate" for command in COMMANDS)
    assert all(name in README for name in registry.entries("models"))
