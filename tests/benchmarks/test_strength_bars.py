"""Tables of bars: ranks as scipy and a hand count give them, one commit a table, and what is not measured is said."""

from __future__ import annotations

import statistics

import pytest

from benchmarks.strength.bars import Bar, Row, mean_ranks, page

RANKED = Bar("Tables", "tabular", ("a", "b"), "log_loss", ("x", "y"), ranked=True, level=("x",))


def run(name: str, seed: int, commit: str = "abc", more: str = "", **figures: float) -> Row:
    facts = {"benchmark": "tabular", "set": name, "way": "zoo", "seed": seed, "more": more, "commit": commit}
    return facts | {"seconds": 60.0} | figures


def peer(name: str, who: str, **figures: object) -> Row:
    return {"set": name, "peer": who, **figures}


def test_ties_share_a_rank_and_who_failed_is_last() -> None:
    ranks = mean_ranks({"a": {"zoo": [0.2], "x": [0.2], "y": [0.1]}, "b": {"zoo": [0.3], "x": [], "y": []}})
    assert ranks == {"zoo": (2.5 + 1) / 2, "x": (2.5 + 2.5) / 2, "y": (1 + 2.5) / 2}


def test_a_failure_costs_the_last_rank_and_the_sets_are_counted() -> None:
    rows = [run("a", 0, log_loss=0.3), run("b", 0, log_loss=0.3)]
    rows += [peer("a", "x", log_loss=0.1), peer("b", "x", error="ValueError()")]
    rows += [peer("a", "y", log_loss=0.2), peer("b", "y", log_loss=0.4)]
    text = page([RANKED], rows)
    assert "| b |  | 0.3000 |  | failed | 0.4000 | 60 | 1 | abc |" in text
    assert "| mean rank | lead, level with x | 2.00 | **no** | 2.00 | 2.00 |" in text
    assert "Mean ranks over 2 of 2 sets" in text


def test_a_peer_that_lacks_a_set_is_in_no_rank() -> None:
    rows = [run("a", 0, log_loss=0.3), run("b", 0, log_loss=0.3)]
    rows += [peer("a", "x", log_loss=0.1), peer("a", "y", log_loss=0.2), peer("b", "y", log_loss=0.4)]
    text = page([RANKED], rows)
    assert "| mean rank | lead, level with x | 1.50 | **no** |  | 1.50 |" in text
    assert "In no rank, as they lack some of these sets: x." in text


def test_runs_of_another_commit_or_device_or_with_other_words_make_another_table() -> None:
    bar = Bar("One", "tabular", ("a",), limits={"a": 0.7})
    rows = [run("a", 0, accuracy=0.6), run("a", 1, accuracy=0.7), run("a", 0, "def", accuracy=0.9)]
    rows += [run("a", 0, more="--model.lr 1", accuracy=0.8), run("a", 1, accuracy=0.8)]  # the last: seed 1 again
    rows += [run("a", seed, "fed", accuracy=0.5) | {"device": "H200"} for seed in (0, 1)]
    rows += [run("a", 2, "fed", accuracy=0.75)]
    text = page([bar], rows)
    mean, deviation = statistics.fmean([0.6, 0.8]), statistics.stdev([0.6, 0.8])
    assert f"| a | ≥ 0.7 | {mean:.4f} ± {deviation:.4f} | yes | 60 ± 0 | 2 | abc |" in text
    assert "| a | ≥ 0.7 | 0.9000 | yes | 60 | 1 | def |" in text
    assert "| a | ≥ 0.7 | 0.8000 | yes | 60 | 1 | abc, `--model.lr 1` |" in text
    assert "| a | ≥ 0.7 | 0.5000 ± 0.0000 | **no** |  | 2 | fed, H200 |" in text
    assert "| a | ≥ 0.7 | 0.7500 | yes | 60 | 1 | fed |" in text
    assert text.count("| set |") == 5


def test_of_times_each_fit_must_reach_the_bar() -> None:
    bar = Bar("Time", "tabular", ("a", "b"), "seconds", limits={"a": 70, "b": 70})
    rows = [run("a", 0), run("a", 1) | {"seconds": 75.0}, run("b", 0)]
    text = page([bar], rows)
    assert "| a | ≤ 70 | 68 ± 11 | **no** |" in text
    assert "| b | ≤ 70 | 60 | yes |" in text


@pytest.mark.parametrize(("theirs", "verdict"), [(0.5, "yes"), (0.55, "**no**")])
def test_a_rival_is_beaten_by_the_margin(theirs: float, verdict: str) -> None:
    bar = Bar("Way", "tabular", ("a",), peers=("old",), rival="old", margin=0.08)
    rows = [run("a", 0, accuracy=0.6), run("a", 0, accuracy=theirs) | {"way": "old"}]
    assert f"| a | ≥ old + 0.08 | 0.6000 | {verdict} | {theirs:.4f} |" in page([bar], rows)


def test_a_number_is_ahead_when_it_is_lower() -> None:
    bar = Bar("Numbers", "tabular", ("a", "b"), "rmse", ("hgb",), rival="hgb", needed=1)
    rows = [run("a", 0, rmse=10.0), peer("a", "hgb_number", rmse=11.0), run("b", 0, rmse=12.0)]
    text = page([bar], rows)
    assert "| a | ≤ hgb | 10.0 | yes | 11.0 |" in text
    assert "Reached on 1 of 2 sets (1 open); the bar asks at least 1." in text


def test_what_is_not_measured_is_said() -> None:
    text = page([RANKED], [peer("a", "x", log_loss=0.1)])
    assert "| a |  | not measured yet |  | 0.1000 |  |  |  |" in text
    assert "Not measured: y." in text
