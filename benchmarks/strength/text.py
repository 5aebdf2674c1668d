"""Texts from scratch: the shipped config of a family on public sets, beside TF-IDF with a linear model.

Nothing is set but the data and the seeds. The peers are scikit-learn's TF-IDF of words and pairs of words with a linear
SVM and with logistic regression; they fit all rows of train.csv, and take a second to a minute. zoo takes its
validation rows (of early stopping and of the temperature) from train.csv, so it fits fewer rows than the peers; but in
sst2 and sst2_glue it validates on the set's own dev.csv, which the peers do not see. A set without test rows is split
80/20, stratified, seed 0, whatever the seed of the run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from benchmarks.strength.bars import Bar, Row
from benchmarks.strength.runs import Benchmark, csv_folder

SETS = ("sst2", "sst2_glue", "trec6", "banking77", "ag_news_small", "sms_spam", "mr_rt_polarity")
SVM, LOGISTIC = "TF-IDF + SVM", "TF-IDF + logistic"
OPTIONS = pa_csv.ParseOptions(newlines_in_values=True)
AS_TEXT = pa_csv.ConvertOptions(column_types={"text": pa.string(), "label": pa.string()}, strings_can_be_null=False)


def words(name: str, way: str) -> Sequence[str]:
    data = [] if way == "transformer" else ["--data", "TextDataModule"]
    return ["--config", f"configs/{way}.yaml", *data]


def folder(name: str, files: Path) -> Path:
    return csv_folder(name, files, "label")


def read(file: Path) -> pa.Table:
    return pa_csv.read_csv(file, parse_options=OPTIONS, convert_options=AS_TEXT)


def peers(name: str, folder: Path) -> Iterator[Row]:
    """Accuracy (and log loss, where there are probabilities) of the peers on the test rows."""
    train, test = read(folder / "train.csv"), read(folder / "test.csv")
    texts, labels = train["text"].to_pylist(), train["label"].to_pylist()
    truth = test["label"].to_pylist()
    for peer, head in ((SVM, LinearSVC(random_state=0)), (LOGISTIC, LogisticRegression(max_iter=2000, C=10))):
        began = time.monotonic()
        model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), head).fit(texts, labels)
        row: Row = {"peer": peer, "accuracy": round(float(model.score(test["text"].to_pylist(), truth)), 6)}
        row["seconds"] = round(time.monotonic() - began, 1)
        if peer == LOGISTIC:
            shares = model.predict_proba(test["text"].to_pylist())
            row["log_loss"] = round(float(log_loss(truth, shares, labels=list(head.classes_))), 6)
        yield row


BENCHMARK = Benchmark(
    name="text",
    about=__doc__,
    time="35 fits of one family: about two hours",
    sets=SETS,
    words=words,
    folder=folder,
    ways=("transformer", "cnn", "mlp"),
    chosen=("transformer",),
    peers=peers,
    bars=(
        Bar(
            "Texts from scratch",
            "text",
            SETS,
            way="transformer",
            peers=(SVM, LOGISTIC, "cnn", "mlp"),
            ways=("cnn", "mlp"),
            rival=SVM,
            needed=5,
        ),
        Bar(
            "Texts from scratch: trec6",
            "text",
            ("trec6",),
            way="transformer",
            peers=(SVM, LOGISTIC),
            limits={"trec6": 0.9},
        ),
    ),
)
main = BENCHMARK.main
