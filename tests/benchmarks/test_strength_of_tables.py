"""The peers of the tables leave a line of JSON each, of the test rows; one that fails is a line too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("pandas", reason="pandas, which the peers of tables read with, is not installed")


def test_a_line_a_peer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks.peer_scripts.strength_of_tables import main

    for part in ("train", "test"):
        rows = [f"{row % 7},{'uv'[row % 2]},{['no', 'yes'][row % 2]}" for row in range(120)]
        (tmp_path / f"{part}.csv").write_text("number,word,answer\n" + "\n".join(rows) + "\n")
    main(str(tmp_path), "answer", "tiny", "skmlp", "hgb", "nobody")
    net, trees, failed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["peer"] for line in (net, trees, failed)] == ["skmlp", "hgb", "nobody"]
    assert {line["set"] for line in (net, trees, failed)} == {"tiny"}
    assert trees["accuracy"] == trees["auroc"] == 1.0
    assert min(net["log_loss"], trees["log_loss"], trees["seconds"]) >= 0
    assert "KeyError" in failed["error"]


def test_numbers_have_a_root_mean_squared_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks.peer_scripts.strength_of_tables import main

    for part in ("train", "test"):
        (tmp_path / f"{part}.csv").write_text("x,y\n" + "".join(f"{row % 5},{row % 5}\n" for row in range(200)))
    main(str(tmp_path), "y", "tiny", "hgb_number")
    assert json.loads(capsys.readouterr().out)["rmse"] == pytest.approx(0, abs=0.01)
