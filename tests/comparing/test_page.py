"""The page of a comparison: one file, nothing from any network, and any name or number in it."""

import base64
import gzip
import hashlib
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import zoo.comparing.page
from tests.comparing.comparisons import compared, history, predictions, run, three_groups, write_rows
from tests.fake_runs import fake_run
from zoo.comparing.compare import compare
from zoo.comparing.page import SCRIPTS, page, part
from zoo.comparing.page.curves import MAX_IN_ALL, MAX_POINTS, curves, thin
from zoo.comparing.page.embed import number, setting
from zoo.comparing.page.mistakes import MAX_DOTS, MAX_KINDS, mistakes
from zoo.comparing.runs import Run

EVIL = "</script><script>alert(1)</script><!--\"'& 🦓 {{library}} {{script}} \u2028"


def scripts(text: str) -> dict[str, str]:
    """The script elements of a page, as an HTML parser cuts them, by their id."""
    found = re.findall(r"<script([^>]*)>(.*?)</script", text, flags=re.DOTALL | re.IGNORECASE)
    return {(re.findall('id="(.*?)"', attributes) or [""])[0]: content for attributes, content in found}


def facts(text: str) -> Any:
    return json.loads(scripts(text)["data"])


def test_one_file_holds_everything(tmp_path: Path) -> None:
    text = page(three_groups(tmp_path))
    assert set(scripts(text)) == {"data", "library", ""}
    assert "plotly.js" in gzip.decompress(base64.b64decode(scripts(text)["library"])).decode()[:200]
    assert not re.search(r"""(?:src|href)=["'](?!data:)|@import|url\(""", text)
    assert "{{" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert len(text) < 2.5e6
    assert text == page(three_groups(tmp_path))


def test_the_browser_may_run_these_scripts_and_reach_nothing(tmp_path: Path) -> None:
    text = page(three_groups(tmp_path))
    policy = re.findall(r'Content-Security-Policy" content="(.*?)"', text)[0]
    library = gzip.decompress(base64.b64decode(scripts(text)["library"]))
    for script in (scripts(text)[""].encode(), library):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "http" not in policy
    assert "unsafe" not in policy.split("style-src")[0]


def test_every_script_is_part_of_the_page() -> None:
    folder = Path(zoo.comparing.page.__file__).parent
    assert sorted(SCRIPTS) == sorted(file.name for file in (folder / "js").iterdir())
    together = "".join(part(f"js/{name}") for name in SCRIPTS)
    assert "</script" not in together
    assert "<!--" not in together
    assert "innerHTML" not in together


def test_any_name_stays_data(tmp_path: Path) -> None:
    classes = (EVIL, "dog", "owl")
    write_rows(tmp_path / "r" / "predictions.csv", predictions(3, classes=classes))
    write_rows(tmp_path / "r" / "metrics.csv", [{"step": 1, EVIL: 0.5}])
    one = Run(EVIL, EVIL, EVIL, {EVIL: EVIL}, {"test/accuracy": 0.9}, tmp_path / "r")
    text = page(compared([one], notes=[EVIL]))
    assert set(scripts(text)) == {"data", "library", ""}
    assert "alert" not in re.sub(r'id="data">.*?</script>', "", text, flags=re.DOTALL)
    assert scripts(text)["data"].isascii()
    data = facts(text)
    assert data["runs"][0]["name"] == data["notes"][0] == data["groups"][0]["name"] == EVIL
    assert data["runs"][0]["config"] == {EVIL: EVIL}
    assert data["runs"][0]["mistakes"]["confusion"]["classes"][0] == EVIL
    assert EVIL in data["runs"][0]["curves"]["metrics"]


def test_a_name_that_is_no_unicode_can_be_written(tmp_path: Path) -> None:
    assert page(compared([run(tmp_path / "broken\udcff", "g", 0.5, {})])).encode("utf-8")


@pytest.mark.parametrize("value", ["word", 3, 0.001, True, None, [1, "a", [None]], {"a": 1}])
def test_settings_of_every_kind(value: Any) -> None:
    assert setting(value) == value


def test_settings_that_json_lacks() -> None:
    assert setting([float("nan"), float("inf"), Path("a")]) == ["nan", "inf", "a"]
    assert setting((1, 2)) == [1, 2]


def test_numbers_that_json_lacks() -> None:
    assert [number(value) for value in (math.nan, math.inf, -math.inf, None, "word", True, 2**60)] == [
        "NaN", "Infinity", "-Infinity", None, None, 1, float(f"{2**60:.7g}"),
    ]  # fmt: skip


def test_runs_without_any_file(tmp_path: Path) -> None:
    data = facts(page(compared([run(tmp_path / "a", "g", None, {}), run(tmp_path / "b", "g", None, {})])))
    assert [each["curves"] for each in data["runs"]] == [{"axes": {}, "metrics": {}}] * 2
    assert [each["mistakes"] for each in data["runs"]] == [None, None]
    assert data["runs"][0]["values"] == {"test/accuracy": None, "test/loss": None}


def test_no_runs() -> None:
    assert facts(page(compared([])))["runs"] == []


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    names = [
        each["name"] for each in facts(page(compared([run(tmp_path / d / "mlp", d, 0.5, {}) for d in "ab"])))["runs"]
    ]
    assert names == [f"mlp ({tmp_path / d / 'mlp'})" for d in "ab"]


def test_groups_and_pairs_are_those_of_the_comparison(tmp_path: Path) -> None:
    comparison = three_groups(tmp_path)
    data = facts(page(comparison))
    names = [each["name"] for each in data["runs"]]
    assert names == [each.name for each in comparison.runs]
    assert [[names[place] for place in group["runs"]] for group in data["groups"]] == [
        g.runs for g in comparison.groups
    ]
    assert [group["mean"]["test/accuracy"] for group in data["groups"]] == pytest.approx(
        [group.mean["test/accuracy"] for group in comparison.groups]
    )
    assert [(names[pair["first"]], names[pair["second"]], pair["beyond"]) for pair in data["pairs"]] == [
        ("mlp-0", "cnn-0", False), ("mlp-0", "transformer-0", True), ("cnn-0", "transformer-0", False),
    ]  # fmt: skip
    assert data["higher"] == {"test/accuracy": True, "test/loss": False}


def test_short_curves_are_whole() -> None:
    rows = history(0.9)
    found = curves([rows])[0]
    assert found["axes"]["seconds"] == [row["seconds"] for row in rows]
    assert found["metrics"]["train/loss"] == [list(range(40)), [number(row["train/loss"], 6) for row in rows]]
    assert found["metrics"]["val/loss"][0] == [9, 19, 29, 39]


def test_long_curves_keep_their_peaks_and_ends() -> None:
    values = [math.sin(place / 50) for place in range(100_000)]
    values[54_321], values[54_322], values[70_000] = 9.0, -9.0, math.nan
    kept = thin(values, MAX_POINTS)
    assert len(kept) <= MAX_POINTS
    assert {0, 54_321, 54_322, 99_999} <= set(kept)
    assert kept == sorted(set(kept))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_curves_that_are_nowhere_finite(value: float) -> None:
    assert 2 <= len(thin([value] * 5000, MAX_POINTS)) <= MAX_POINTS
    assert set(curves([[{"step": step, "loss": value} for step in range(3)]])[0]["metrics"]["loss"][1]) <= {
        "NaN",
        "Infinity",
    }


def test_many_long_curves_share_the_room() -> None:
    rows: list[dict[str, float]] = [
        {"step": step, **{f"m{m}": float(step * m % 7) for m in range(12)}} for step in range(1500)
    ]
    found = curves([rows] * 30)
    points = sum(len(places) for each in found for places, _ in each["metrics"].values())
    assert 0.3 * MAX_IN_ALL < points <= MAX_IN_ALL


def read(folder: Path, rows: list[dict[str, Any]]) -> Any:
    write_rows(folder / "predictions.csv", rows)
    return mistakes(run(folder, "g", None, {}).predictions)


def test_confusion_counts_test_rows(tmp_path: Path) -> None:
    assert read(tmp_path, predictions(4))["confusion"] == {
        "classes": ["cat", "dog", "owl"],
        "total": [10, 10, 10],
        "right": [8, 9, 9],
        "wrong": [[0, 1, 2], [1, 2, 1], [2, 0, 1]],
    }


def test_a_class_unseen_in_training_counts_nowhere(tmp_path: Path) -> None:
    rows = predictions(0)
    rows[0]["target"] = ""
    assert read(tmp_path, rows)["confusion"]["total"] == [9, 10, 10]


def test_many_classes_keep_the_most_frequent_mistakes(tmp_path: Path) -> None:
    classes = tuple(f"class {place}" for place in range(120))
    rows = [
        {"index": 0, "target": one, "prediction": other} | dict.fromkeys([f"p_{name}" for name in classes], 0)
        for one in classes
        for other in classes
    ]
    found = read(tmp_path, [*rows, rows[-2]])["confusion"]
    assert len(found["wrong"]) == MAX_KINDS
    assert found["wrong"][0] == [119, 118, 2]
    assert sum(found["total"]) == 120 * 120 + 1


def test_several_labels_a_row_have_no_confusion(tmp_path: Path) -> None:
    rows = [{"index": 0, "target": "a|b", "prediction": "a", "p_a": 0.9, "p_b": 0.2}]
    assert read(tmp_path, rows) is None


def test_numbers_are_predicted_against_true(tmp_path: Path) -> None:
    rows = [{"index": row, "target": row / 3, "prediction": float("nan") if row == 0 else -row} for row in range(1000)]
    found = read(tmp_path, rows)["numbers"]
    assert found[:2] == [[0, None], [1, -3]]
    assert 0.8 * MAX_DOTS < len(found) <= MAX_DOTS


def test_a_file_of_predictions_that_is_damaged_leaves_the_rest(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "predictions.csv").write_text("index,target,prediction,p_a\n1,a\n")
    assert facts(page(compared([run(tmp_path / "r", "g", 0.5, {})])))["runs"][0]["mistakes"] is None


@pytest.mark.parametrize(
    "rows", [[{"index": 0, "prediction": "a", "p_a": 1}], [{"index": 0, "target": "a", "prediction": "b"}]]
)
def test_predictions_without_a_known_target_show_nothing(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    assert read(tmp_path, rows) is None


def test_what_compare_reads_is_what_the_page_holds(tmp_path: Path) -> None:
    for seed in (0, 1):
        fake_run(tmp_path, f"good-{seed}", seed=seed, skill=4.0)
        fake_run(tmp_path, f"bad-{seed}", seed=seed, skill=0.5, lr=0.1)
    comparison = compare(tmp_path)
    data = facts(page(comparison))
    assert [each["name"] for each in data["runs"]] == [each.name for each in comparison.runs]
    assert len(data["groups"]) == 2
    assert len(data["pairs"]) == len(comparison.pairs) > 0
    assert data["differences"] == comparison.differences
    for each in data["runs"]:
        confusion = each["mistakes"]["confusion"]
        assert sum(confusion["right"]) / sum(confusion["total"]) == pytest.approx(each["values"]["test/accuracy"])
        assert each["curves"]["axes"]["samples_seen"] == [320, 640, 960]


def test_importing_the_page_loads_nothing_heavy() -> None:
    program = (
        "import sys, zoo.comparing.page; print({'torch', 'plotly', 'lightning', 'numpy', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"
