"""The notebooks run to the end, say what they promise, and are committed without outputs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.wandb_standin import Standin

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SECONDS = 300  # a notebook takes about one minute on two cores; other work may share them


def read(file: Path) -> Any:
    return nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Execute a notebook in an empty folder, without an account; return it with its outputs."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def execute(name: str) -> Any:
        notebook = read(FOLDER / name)
        resources = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=resources).execute()
        assert all(cell.execution_count for cell in code_cells(notebook))
        return notebook

    return execute


def printed(notebook: Any) -> str:
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")


def n_pictures(notebook: Any) -> int:
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def accuracies_of(text: str) -> dict[str, float]:
    """Run -> accuracy of the printed table, the first number in a run's line."""
    return {name: float(value) for name, value in re.findall(r"^(\w+-digits(?:-2)?) +([.\d]+)", text, re.MULTILINE)}


def number_after(text: str, words: str) -> float:
    found = re.search(re.escape(words) + r"\s*([-+.\de]+)", text)
    assert found is not None, f"{words!r} is not printed:\n{text}"
    return float(found[1])


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_committed_without_outputs(file: Path) -> None:
    notebook = read(file)
    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(notebook))
    assert all(not cell.metadata for cell in notebook.cells)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert not re.search(r"/(home|work|tmp|root|Users)/", file.read_text()), "a path of somebody's machine"


def test_both_notebooks_are_there() -> None:
    assert [file.stem for file in NOTEBOOKS] == ["compare", "fundamentals"]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the Jupyter client's own
def test_fundamentals(run: Any) -> None:
    notebook = run("fundamentals.ipynb")
    text = printed(notebook)
    assert number_after(text, "largest difference from finite differences:") < 1e-8
    assert number_after(text, "largest difference from autograd:") < 1e-12
    assert number_after(text, "weights moved by up to") > 0.01
    assert number_after(text, "largest weight difference:") <= 1e-6
    assert number_after(text, "largest difference from F.conv2d:") < 1e-12
    assert number_after(text, "largest difference from F.scaled_dot_product_attention:") < 1e-12
    assert n_pictures(notebook) >= 15
    # Each pitfall shows a gap between the wrong and the right number.
    assert number_after(text, "scaled with test statistics") > number_after(text, "scaled with train statistics") + 5
    assert number_after(text, "on the rows it has seen") == 100
    assert number_after(text, "on unseen rows") < 65
    assert number_after(text, "balanced accuracy") == 50


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_compare(run: Any) -> None:
    notebook = run("compare.ipynb")
    text = printed(notebook)
    accuracies = accuracies_of(text)
    assert set(accuracies) == {"mlp-digits", "mlp-digits-2", "cnn-digits", "transformer-digits"}
    assert min(accuracies.values()) > 0.85
    assert list(accuracies.values()) == sorted(accuracies.values(), reverse=True)
    mean, std = re.findall(r"test/accuracy +([.\d]+) \+- ([.\d]+) over 2 seeds", text)[0]
    both = [accuracies["mlp-digits"], accuracies["mlp-digits-2"]]
    assert float(mean) == pytest.approx(sum(both) / 2, abs=2e-4)
    assert float(std) == pytest.approx(abs(both[0] - both[1]) / 2**0.5, abs=2e-4)
    for metric in ("accuracy", "log_loss"):  # the best with each other one
        assert len(re.findall(rf"^{metric} .* p [.\d]+, (?:more than|may be) chance", text, re.MULTILINE)) == 3
    assert n_pictures(notebook) == 3
    assert re.search(r"compare.html: \d+\.\d MB", text)
    assert "W&B: no account" in text


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_compare_with_an_account(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Standin() as server:  # type: ignore[no-untyped-call]
        for name, value in server.env(tmp_path).items():
            monkeypatch.setenv(name, value)
        cells = code_cells(run("compare.ipynb"))
    # wandb 0.31 also posts its own telemetry, which is not part of a run
    assert [asked for asked in server.unknown if "otel" not in asked] == []
    from_folders, from_wandb = (
        accuracies_of("".join(output.get("text", "") for output in cell.outputs)) for cell in (cells[2], cells[-1])
    )
    assert len(from_folders) == 4
    assert from_wandb == from_folders
