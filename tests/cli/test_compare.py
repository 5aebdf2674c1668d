"""`zoo compare`: its table in a terminal and in a pipe, JSON, CSV, mistakes; no torch; and once on real fits."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import zoo
from tests.fake_runs import fake_run
from zoo.cli.compare_table import show
from zoo.cli.main import main

HEAVY = {"torch", "lightning", "wandb", "timm", "jsonargparse", "pandas", "matplotlib", "plotly", "sklearn", "optuna"}


class Terminal(io.StringIO):
    """What is printed, to a terminal of so many columns."""

    def isatty(self) -> bool:
        return True


def in_terminal(folder: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr("zoo.cli.terminal_table.terminal_width", lambda stream: width)
    stream = Terminal()
    show(zoo.compare(folder), stream)
    return stream.getvalue()


@pytest.fixture
def nine(tmp_path: Path) -> Path:
    """Three models by three seeds."""
    for seed in range(3):
        end = f"-breast_cancer-{seed + 1}"
        fake_run(tmp_path, f"mlp{end}", seed=seed, options={"hidden": [64, 64], "dropout": 0.1})
        fake_run(tmp_path, f"cnn{end}", seed=seed, skill=1.0, model="CNNClassifier", options={"dropout": 0.2})
        fake_run(tmp_path, f"transformer{end}", seed=seed, skill=3.0, model="TransformerClassifier", lr=1e-4)
    return tmp_path


def test_the_table_of_a_pipe_is_plain_and_whole(nine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(nine)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    lines = out.splitlines()
    assert lines[0] == "9 runs, best first by test/accuracy (higher is better)"
    head = lines[2].split()
    assert head[:2] == ["run", "model"]
    assert {"model_hidden", "test/loss", "best/val/loss", "seconds", "params"} <= set(head)
    rows = [line.split() for line in lines[3:12]]
    assert [len(row) for row in rows] == [len(head)] * 9
    assert [row[0][:5] for row in rows[:2]] == ["trans", "trans"]
    assert "transformer-breast_cancer-2" in out
    assert "Groups of runs: mean ± standard deviation" in out
    assert "better by more than chance? On the same 60 test rows" in out
    assert "corrected for 36 comparisons, all pairs of 9 runs" in out


@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_the_table_of_a_terminal_keeps_to_its_width(nine: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    out = in_terminal(nine, width, monkeypatch)
    assert max(map(len, out.splitlines())) <= width
    flat = " ".join(out.split())
    assert "accuracy" in flat
    assert ("No room for" in flat) == (width < 120)
    if width == 160:
        assert "transformer-breast_cancer-2  TransformerClassifier" in out
    assert "Only some models have" in flat


def test_states_stand_in_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake_run(tmp_path, "whole")
    fake_run(tmp_path, "cut", summary={"status": "interrupted"})
    (fake_run(tmp_path, "going") / "summary.json").unlink()
    fake_run(tmp_path, "quiet", summary={"test/accuracy": None, "test/loss": None})
    (fake_run(tmp_path, "broken") / "config.yaml").write_text("a: [")
    assert main(["compare", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    for name, word in (
        ("whole", "finished"),
        ("cut", "interrupted"),
        ("going", "unfinished"),
        ("quiet", "not tested"),
        ("broken", "unreadable"),
    ):
        assert any(line.startswith(name) and word in line for line in out.splitlines()), name
    assert "broken cannot be read: " in out


def test_json_has_the_keys_that_the_help_names(nine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake_run(nine, "odd", summary={"test/loss": float("nan")})
    assert main(["compare", f"{nine}/*", "--json", "--metric", "test/loss"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert list(found) == [
        *("metric", "higher_is_better", "differences", "metrics", "runs", "groups", "pairs", "notes"),
    ]
    assert (found["metric"], found["higher_is_better"]) == ("test/loss", False)
    assert list(found["runs"][0]) == ["name", "place", "group", "status", "tags", "config", "summary"]
    assert list(found["groups"][0]) == ["name", "runs", "mean", "std"]
    assert list(found["pairs"][0]) == [
        *("first", "second", "metric", "difference", "low", "high", "p_value", "test", "n_rows", "beyond_chance"),
    ]
    assert found["runs"][-1]["name"] == "odd"
    assert found["runs"][-1]["summary"]["test/loss"] is None


def test_csv_has_a_row_a_run(nine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--csv", str(nine), "--filter", "model!=CNNClassifier"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 6
    assert list(rows[0])[:5] == ["name", "group", "status", "place", "model"]
    assert rows[-1]["model_hidden"] == "[64, 64]"
    assert float(rows[0]["test/accuracy"]) >= float(rows[-1]["test/accuracy"])
    assert rows[0]["parameters"] == "67598"


def test_csv_begins_its_numbers_with_what_orders_the_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, memory in (("a", 300.5), ("b", 200.5)):
        fake_run(tmp_path, name, summary={"peak_memory_mb": memory})
    assert main(["compare", "--csv", str(tmp_path), "--metric", "peak_memory_mb"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["peak_memory_mb"] for row in rows] == ["200.5", "300.5"]
    assert list(rows[0])[4:6] == ["peak_memory_mb", "test/accuracy"]
    assert main(["compare", "--csv", str(tmp_path), "--metric", "seconds"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split(",").count("seconds") == 1


def test_the_page_is_written_whole(nine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = SimpleNamespace(page=lambda comparison: f"<html>{comparison.runs[0].name}</html>")
    monkeypatch.setitem(sys.modules, "zoo.comparing.page", made)
    file = tmp_path / "page.html"
    assert main(["compare", str(nine), "--html", str(file), "--json"]) == 0
    assert file.read_text().startswith("<html>transformer")
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "no run folder nowhere"),
        ([".", "--metric", "acuracy"], "did you mean 'accuracy'?"),
        ([".", "--filter", "sead=1"], "did you mean 'seed'?"),
        ([".", "--filter", "seed=77"], "9 are there, none passes seed=77"),
        ([".", "--metrik", "x"], "no option --metrik; did you mean '--metric'?"),
        ([".", "--json", "--csv"], "not allowed with argument"),
        ([".", "--metric"], "expected one argument"),
        ([".", "--html", "no/such/page.html"], "no folder no/such to write page.html into"),
        ([".", "--html", "."], ". is a folder: name a file in it, page.html (--html)"),
        (["--json"], "zoo compare needs runs"),
        (["wandb://me"], "wandb://entity/project"),
    ],
)
def test_mistakes_are_one_line(
    nine: Path,
    words: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(nine)
    assert main(["compare", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.strip().count("\n") == 0


@pytest.mark.parametrize("fails", ["write_text", "replace"])
def test_a_page_that_cannot_be_written_is_one_line_and_leaves_nothing(
    nine: Path, tmp_path: Path, fails: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(sys.modules, "zoo.comparing.page", SimpleNamespace(page=lambda comparison: "<html>"))
    monkeypatch.setattr(Path, fails, full)
    assert main(["compare", str(nine), "--html", str(tmp_path / "page.html"), "--json"]) == 2
    error = capsys.readouterr().err.strip()
    assert error == f"zoo: cannot write {tmp_path / 'page.html'} (--html): No space left on device"
    assert not list(tmp_path.glob("page*"))


def test_help_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "runs/", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: zoo compare RUN...")


def test_comparing_loads_nothing_heavy(nine: Path) -> None:
    program = f"""
import sys
from zoo.cli.main import main
code = main(["compare", {str(nine)!r}])
print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


FIT = "--data.path sample:breast_cancer --trainer.max_epochs 2 --trainer.accelerator cpu --figures.enabled false"
FAMILIES = {"MLPClassifier": "--model.hidden [8]", "TransformerClassifier": "--model.d_model 8 --model.n_layers 1"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_real_fits_are_compared_in_every_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    for model, options in FAMILIES.items():
        for seed in range(2):
            words = f"fit --config configs/mlp.yaml {FIT} --seed_everything {seed} --model {model} {options}"
            assert main(words.split()) == 0
    capsys.readouterr()
    assert main(["compare", "runs/", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {run["name"] for run in found["runs"]} == {
        f"{family}-breast_cancer{end}" for family in ("mlp", "transformer") for end in ("", "-2")
    }
    assert [len(group["runs"]) for group in found["groups"]] == [2, 2]
    assert found["metric"] == "test/accuracy"
    assert {pair["metric"] for pair in found["pairs"]} == {"accuracy", "log_loss"}
    assert len(found["pairs"]) == 6
    best = found["runs"][0]["summary"]
    for pair in found["pairs"]:
        other = next(run["summary"] for run in found["runs"] if run["name"] == pair["second"])
        name = {"accuracy": "test/accuracy", "log_loss": "test/log_loss"}[pair["metric"]]
        assert pair["difference"] == pytest.approx(best[name] - other[name], abs=1e-4)
        assert pair["n_rows"] == best["rows_test"]
    assert {"model", "seed"} <= set(found["differences"])
    assert main(["compare", "runs/*", "--csv", "--filter", "seed=0"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main(["compare", "runs"]) == 0
    out = capsys.readouterr().out
    assert out.count("breast_cancer") >= 4 + 2 + 6
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
