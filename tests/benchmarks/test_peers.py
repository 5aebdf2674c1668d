"""The comparison with other libraries: the turns, zoo's way, and the others' where they are installed already."""

import ast
import sys
from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.peer_scripts import environment
from benchmarks.peer_scripts.task import Task
from benchmarks.peer_scripts.turns import scores

ENVIRONMENT = environment.default_folder()  # asked for here: a test has a cache folder of its own
SCRIPTS = sorted(Path(environment.__file__).parent.glob("with_*.py"))


@pytest.fixture
def small_task(shared_data: Path, tmp_path: Path) -> Task:
    return peers.write_task(shared_data / "adult", tmp_path, epochs=3, rows=1_000)


def train(pythons: dict[str, str | Path], task: Task) -> dict[str, dict[str, float]]:
    seconds, about = peers.train_in_turn(pythons, task)
    for name in pythons:
        assert len(seconds[name]) == task.epochs - 1
        assert all(value > 0 for value in seconds[name])
        assert about[name]["accuracy"] > 0.7
        assert 0.2 < about[name]["log_loss"] < 0.7
    return about


def test_zoo_trains_in_turns(small_task: Task) -> None:
    assert len(small_task.numbers) == 6
    assert len(small_task.widths) == 8
    assert train({"zoo": sys.executable}, small_task)["zoo"]["parameters"] > 20_000


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_parses_and_takes_turns(script: Path) -> None:
    tree = ast.parse(script.read_text())
    calls = {
        node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert {"next", "end"} <= calls


def test_every_peer_has_a_script() -> None:
    assert {script.stem for script in SCRIPTS} == {f"with_{name}" for name in ("zoo", *environment.PEERS)}


@pytest.mark.slow
@pytest.mark.parametrize("name", environment.PEERS)
def test_a_peer_trains_the_same_network(name: str, small_task: Task) -> None:
    if name not in environment.installed(ENVIRONMENT):
        pytest.skip(f"{name} is installed by python -m benchmarks.peers")
    about = train({"zoo": sys.executable, name: environment.python_of(ENVIRONMENT)}, small_task)
    assert about[name]["parameters"] == pytest.approx(about["zoo"]["parameters"], rel=0.01)


def test_a_way_that_breaks_says_why(tmp_path: Path) -> None:
    task = Task(str(tmp_path), "income", [], {}, 1)
    with pytest.raises(RuntimeError, match=r"(?s)nonsense ended early.*No module named"):
        peers.train_in_turn({"nonsense": sys.executable}, task)


def test_an_environment_of_another_python_is_not_taken(tmp_path: Path) -> None:
    assert environment.installed(tmp_path) == []
    (tmp_path / "made_from.json").write_text('{"from": {"python": "2.7"}, "peers": ["fastai"]}')
    assert environment.installed(tmp_path) == []


def test_scores() -> None:
    found = scores([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]], [0, 0, 0])
    assert found == {"accuracy": pytest.approx(2 / 3), "log_loss": pytest.approx(0.8026, abs=1e-3)}
