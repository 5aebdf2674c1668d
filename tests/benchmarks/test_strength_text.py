"""The benchmark of texts: its peers learn an easy set."""

from pathlib import Path

from benchmarks.strength import text


def test_the_peers_learn_an_easy_set(tmp_path: Path) -> None:
    for part in ("train", "test"):
        rows = [f"{'free money' if row % 2 else 'see you'} {row},{row % 2}" for row in range(20)]
        (tmp_path / f"{part}.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    svm, logistic = text.peers("easy", tmp_path)
    assert (svm["peer"], logistic["peer"]) == ("TF-IDF + SVM", "TF-IDF + logistic")
    assert svm["accuracy"] == logistic["accuracy"] == 1.0
    assert "log_loss" not in svm
    assert logistic["log_loss"] < 0.5
