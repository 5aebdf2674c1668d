"""A run that is an artifact of W&B, through the real client and a stand-in of the server."""

from __future__ import annotations

import csv
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import zoo
from tests.wandb_standin import Standin
from zoo.cli.main import main
from zoo.errors import InputError
from zoo.tracking import wandb_api
from zoo.tracking.artifacts import Address, checkpoint_file, is_address, parse_address

pytestmark = pytest.mark.filterwarnings("ignore")
TINY = ["--trainer.max_epochs", "1", "--model.hidden", "[8]", "--trainer.logger", "false"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run, best.ckpt of it and another.ckpt like it, and a table to predict."""
    import torch
    from sklearn.datasets import load_wine

    folder = tmp_path_factory.mktemp("runs")
    wine = load_wine()
    with (folder / "new.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([wine.feature_names, *wine.data[::4].tolist()])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = ["fit", "--config", "configs/mlp.yaml", "--data.path", "sample:wine", "--name", "mlp-wine"]
        assert main([*words, *TINY]) == 0
    best = folder / "runs/mlp-wine/checkpoints/best.ckpt"
    shutil.copy(best, folder / "best.ckpt")
    torch.save({**torch.load(best, weights_only=True), "another": True}, folder / "another.ckpt")
    return folder


@pytest.fixture(scope="module")
def server(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server that holds mlp-wine:v0 (best), other artifacts with what they should not have, and an empty run."""
    import wandb

    best = runs / "best.ckpt"
    with Standin() as standin, pytest.MonkeyPatch.context() as patch:  # type: ignore[no-untyped-call]
        for name, value in standin.env(tmp_path_factory.mktemp("wandb")).items():
            patch.setenv(name, value)
        wandb.teardown()  # it reads the environment anew
        log("run0", {"mlp-wine": {"best.ckpt": best}}, ["best", "latest"])
        odd = {
            "notes": {"notes.txt": runs / "new.csv"},
            "two": {"a/best.ckpt": best, "last.ckpt": runs / "another.ckpt"},
            "several": {"x.ckpt": best, "y.ckpt": runs / "another.ckpt"},
            "words": {"best.ckpt": runs / "new.csv"},
        }
        log("run1", odd, ["latest"])
        log("empty", {}, [])
        yield standin
    wandb.teardown()


@pytest.fixture
def online(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client's environment and an empty cache, for one test."""
    for name, value in server.env(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    return server


def log(run_id: str, artifacts: dict[str, dict[str, Path]], aliases: list[str]) -> None:
    """Log models as `zoo fit` does, by the real client."""
    import wandb

    settings = wandb.Settings(silent=True, x_disable_stats=True, console="off")
    with wandb.init(entity="me", project="zoo", id=run_id, resume="allow", settings=settings) as run:
        for name, files in artifacts.items():
            artifact = wandb.Artifact(name, type="model")
            for path, file in files.items():
                artifact.add_file(str(file), name=path)
            run.log_artifact(artifact, aliases=aliases)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def downloads(standin: Any) -> int:
    return sum(method == "GET" and path.endswith(".ckpt") for method, path, _ in standin.requests)


def test_predict_from_an_artifact_gives_the_rows_of_the_folder(runs: Path, online: Any, tmp_path: Path) -> None:
    new = str(runs / "new.csv")
    assert main(["predict", str(runs / "runs/mlp-wine"), new, "-o", str(tmp_path / "folder.csv")]) == 0
    for address in ("wandb://me/zoo/mlp-wine:best", "wandb://me/zoo/mlp-wine:v0", "wandb://me/zoo/run0"):
        assert main(["predict", address, new, "-o", str(tmp_path / "artifact.csv")]) == 0
        assert rows(tmp_path / "artifact.csv") == rows(tmp_path / "folder.csv")
    assert len(rows(tmp_path / "folder.csv")) == 45
    assert online.unknown == []


def test_test_validate_load_and_predict_take_it_too(
    runs: Path, online: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = downloads(online)
    for command in ("test", "validate"):
        printed = []
        for run in (str(runs / "runs/mlp-wine"), "wandb://me/zoo/mlp-wine:best"):
            assert main([command, run]) == 0
            printed.append(capsys.readouterr().out)
        assert printed[0] == printed[1] != ""
    model, data = zoo.load("wandb://me/zoo/mlp-wine:best")
    assert (str(model.num_classes), data.class_names) == ("3", ["class_0", "class_1", "class_2"])
    table = zoo.predict(Path("wandb://me/zoo/mlp-wine:best"), runs / "new.csv")  # which drops a slash
    assert table.equals(zoo.predict(runs / "runs/mlp-wine", runs / "new.csv"))
    assert downloads(online) == before + 1


def test_it_is_downloaded_once_and_an_alias_that_moved_is_noticed(runs: Path, online: Any) -> None:
    before = downloads(online)
    log("mover", {"moving": {"best.ckpt": runs / "best.ckpt"}}, ["best"])
    first = checkpoint_file("wandb://me/zoo/moving:best")
    assert checkpoint_file("wandb://me/zoo/moving:best") == checkpoint_file("wandb://me/zoo/moving:v0") == first
    assert downloads(online) == before + 1
    log("mover", {"moving": {"best.ckpt": runs / "another.ckpt"}}, ["best"])
    online.artifacts[next(key for key, a in online.artifacts.items() if a["name"] == "moving")]["aliases"] = []
    second = checkpoint_file("wandb://me/zoo/moving:best")
    assert second != first
    assert second.read_bytes() == (runs / "another.ckpt").read_bytes()
    assert first.read_bytes() == (runs / "best.ckpt").read_bytes()
    assert downloads(online) == before + 2


def test_an_exact_version_in_the_cache_needs_no_server_and_an_alias_does(
    online: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = checkpoint_file("wandb://me/zoo/mlp-wine:best")
    asked = len(online.calls)
    monkeypatch.delenv("WANDB_API_KEY")
    assert checkpoint_file("wandb://me/zoo/mlp-wine:v0") == found
    assert len(online.calls) == asked
    with pytest.raises(InputError, match="W&B: no account here"):
        checkpoint_file("wandb://me/zoo/mlp-wine:best")


def test_a_project_that_was_made_anew_is_not_taken_from_the_cache(online: Any) -> None:
    found = checkpoint_file("wandb://me/zoo/mlp-wine:best")
    (found.parent / "digest").write_text("of another")
    found.write_bytes(b"stale")
    assert checkpoint_file("wandb://me/zoo/mlp-wine:best").stat().st_size > 1000


def test_a_best_checkpoint_in_a_folder_of_the_artifact_is_taken(online: Any) -> None:
    found = checkpoint_file("wandb://me/zoo/two:latest")
    assert found.name == "best.ckpt"
    assert sorted(path.name for path in found.parent.iterdir()) == ["best.ckpt", "digest", "made_from.json"]


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("wandb://me/zoo/mlp-wine:bset", "no me/zoo/mlp-wine:bset: there are v0 (best, latest)"),
        ("wandb://me/zoo/mlp-wine:v7", "no me/zoo/mlp-wine:v7: there are v0 (best, latest)"),
        ("wandb://me/zoo/mlp-wien:best", "no me/zoo/mlp-wien:best: did you mean 'mlp-wine'? (models of me/zoo)"),
        ("wandb://me/zooo/mlp-wine:best", "no project me/zooo at http://127.0.0.1:"),
        ("wandb://you/zoo/mlp-wine:best", "no project you/zoo at http://127.0.0.1:"),
        ("wandb://me/zoo/nothing", "no run with the id nothing in me/zoo; an artifact has its alias, wandb://me/zoo/"),
        ("wandb://me/zoo/empty", "the run wandb://me/zoo/empty logged no model"),
        ("wandb://me/zoo/notes:latest", "wandb://me/zoo/notes:v0 holds no .ckpt file, so no run of zoo; in it: notes"),
        ("wandb://me/zoo/several:latest", "wandb://me/zoo/several:v0 holds several .ckpt files"),
        ("wandb://me/zoo/words:latest", "best.ckpt is no checkpoint of zoo"),
        ("wandb://me/zoo", "wandb://me/zoo is no address of a run in W&B, which is wandb://ENTITY/PROJECT/NAME:best"),
        ("wandb://me/zoo/a/b:best", "is no address of a run in W&B"),
        ("wandb:me/zoo/a:best", "is no address of a run in W&B"),
        ("wandb://me/zoo/a:", "is no address of a run in W&B"),
    ],
)
def test_a_wrong_address_is_one_line(
    address: str, line: str, runs: Path, online: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", address, str(runs / "new.csv"), "-o", str(tmp_path / "out.csv")]
    assert main(words) == 2
    said = [text for text in capsys.readouterr().err.splitlines() if text.startswith("zoo: ")]
    assert len(said) == 1
    assert line in said[0]
    assert not (tmp_path / "out.csv").exists()


def test_a_run_in_wandb_cannot_be_resumed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--resume", "wandb://me/zoo/mlp-wine:best"]) == 2
    error = capsys.readouterr().err
    assert "wandb://me/zoo/mlp-wine:best cannot be resumed: only a run folder can" in error


def test_without_an_account_it_is_said_at_once(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "wandb://me/zoo/mlp-wine:best", str(runs / "new.csv")]) == 2
    assert "zoo: W&B: no account here; `wandb login` sets one up" in capsys.readouterr().err


def test_a_wrong_key_is_said(online: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(online, "refuse", True)
    with pytest.raises(InputError, match="does not take this key"):
        checkpoint_file("wandb://me/zoo/mlp-wine:best")


@pytest.mark.parametrize("kind", ["closed", "silent"])
def test_a_server_that_does_not_answer_is_waited_for_a_bounded_time(
    kind: str, online: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_api, "TIMEOUT", 2)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if kind == "silent":
            listener.listen()
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(InputError, match=r"W&B: http://127.0.0.1:\d+ did not answer in time"):
            checkpoint_file("wandb://me/zoo/mlp-wine:best")
        assert time.monotonic() - start < 20


def test_pitfall_16_a_downloaded_file_is_trusted_no_more_than_another(
    runs: Path, online: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    content = torch.load(runs / "best.ckpt", weights_only=True)
    content["zoo"]["model"]["class_path"] = "downloaded.Odd"
    torch.save(content, tmp_path / "best.ckpt")
    log("bad", {"stranger": {"best.ckpt": tmp_path / "best.ckpt"}}, ["best"])
    with pytest.raises(InputError, match="names the class downloaded.Odd, which is not registered: say --trust"):
        zoo.load("wandb://me/zoo/stranger:best")


def test_no_path_of_an_artifact_leads_out_of_the_cache(online: Any, tmp_path: Path) -> None:
    key = next(key for key, found in online.artifacts.items() if found["name"] == "mlp-wine")
    content = online.artifacts[key]["files"]["best.ckpt"]
    online.artifacts["evil"] = {**online.artifacts[key], "id": key, "name": "evil"}
    online.artifacts["evil"]["files"] = {"../../escaped/best.ckpt": content}
    online.blobs["escaped/best.ckpt"] = content  # to which the client shortens the address
    found = checkpoint_file("wandb://me/zoo/evil:best")
    assert (tmp_path / "cache").resolve() in found.resolve().parents
    assert [path.name for path in tmp_path.rglob("escaped")] == []
    del online.artifacts["evil"]


def test_an_artifact_that_came_incomplete_is_not_kept(online: Any, tmp_path: Path) -> None:
    key = next(key for key, found in online.artifacts.items() if found["name"] == "mlp-wine")
    whole = online.blobs[f"artifact/{key}/best.ckpt"]
    online.blobs[f"artifact/{key}/best.ckpt"] = whole[:100]
    try:
        with pytest.raises(InputError, match="wandb://me/zoo/mlp-wine:v0 came incomplete: 100 of"):
            checkpoint_file("wandb://me/zoo/mlp-wine:best")
    finally:
        online.blobs[f"artifact/{key}/best.ckpt"] = whole
    assert not list((tmp_path / "cache").rglob("*.ckpt"))
    assert checkpoint_file("wandb://me/zoo/mlp-wine:best").read_bytes() == whole


def test_addresses() -> None:
    assert parse_address("wandb://a/b/c:best") == Address("a", "b", "c", "best")
    assert parse_address("wandb://a/b/c") == Address("a", "b", "c")
    assert parse_address(Path("wandb://a/b/c:v12")).is_exact
    assert not parse_address("wandb://a/b/c:v12x").is_exact
    assert not parse_address("wandb://a/b/v1").is_exact
    assert is_address("wandb://a/b/c")
    assert is_address(Path("wandb://a/b/c"))
    assert not is_address("runs/wandb")
    assert str(parse_address("wandb://a/b/c:best")) == "wandb://a/b/c:best"
