"""The benchmark of texts: the peers' own split, log loss from predictions.csv, and its table."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from sklearn.model_selection import train_test_split

from benchmarks.strength import text


def _set(folder: Path, n: int = 50) -> Path:
    folder.mkdir(parents=True)
    words = [f'word "{row}",\nline' if row % 5 == 0 else f"word {row}" for row in range(n)]
    table = pa.table({"text": words, "label": ["spam" if row % 4 == 0 else "ham" for row in range(n)]})
    pa_csv.write_csv(table, folder / "data.csv")
    return folder


def test_a_set_without_parts_is_split_as_the_peers_split_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "SHARED_DATA", tmp_path / "data")
    whole = text.read(_set(tmp_path / "data" / "sms") / "data.csv")
    labels = np.array(whole["label"].to_pylist())
    rows = train_test_split(np.arange(len(whole)), test_size=0.2, random_state=0, stratify=labels)
    made = text.folder_of("sms", tmp_path / "made")
    for part, chosen in zip(("train", "test"), rows, strict=True):
        assert text.read(made / f"{part}.csv").equals(whole.take(chosen).combine_chunks())


def test_a_set_with_parts_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "SHARED_DATA", tmp_path)
    (_set(tmp_path / "trec") / "data.csv").rename(tmp_path / "trec" / "train.csv")
    assert text.folder_of("trec", tmp_path / "made") == tmp_path / "trec"


def test_log_loss_is_read_from_predictions(tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    file.write_text("index,target,prediction,p_no,p_yes\n0,no,no,0.8,0.2\n1,yes,no,0.6,0.4\n")
    assert text.log_loss_of(file) == pytest.approx(-(math.log(0.8) + math.log(0.4)) / 2)


def test_the_peers_learn_an_easy_set(tmp_path: Path) -> None:
    for part in ("train", "test"):
        rows = [f"{'free money' if row % 2 else 'see you'} {row},{row % 2}" for row in range(20)]
        (tmp_path / f"{part}.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    found = text.peers(tmp_path)
    assert {figures["accuracy"] for figures in found.values()} == {1.0}
    assert found["TF-IDF + logistic"]["log_loss"] < 0.5
