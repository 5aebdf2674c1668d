"""What a user would pick instead of zoo for a table, each with its own defaults; runs in an environment of the peers.

    python strength_of_tables.py FOLDER TARGET NAME PEER...

`FOLDER` holds `train.csv` and `test.csv`. Prints a JSON line a peer: set, peer, accuracy and log loss (or rmse, for
`hgb_number` and `lgbm_number`) of the test rows, seconds of fit and predict.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score, root_mean_squared_error
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.filterwarnings("ignore")

Frame = Any  # pandas.DataFrame
SEED = 0
IDENTIFIER_SHARE = 0.95  # of rows that differ: such a column of words is left out for all, as zoo leaves it out


def words(table: Frame) -> list[str]:
    return [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]


def with_categories(train: Frame, test: Frame) -> tuple[Frame, Frame]:
    """Columns of words as pandas categories, the same levels in both; a gap is a level of its own."""
    train, test = train.copy(), test.copy()
    for name in words(train):
        one, other = (table[name].astype("object").fillna("missing").astype(str) for table in (train, test))
        levels = sorted(one.unique())
        train[name], test[name] = (pd.Categorical(values, categories=levels) for values in (one, other))
    return train, test


def gaps_filled(train: Frame, test: Frame) -> tuple[Frame, Frame]:
    """Gaps of numbers become the median of the train rows, for peers that take none."""
    train, test = train.copy(), test.copy()
    for name in train:
        if name not in words(train):
            middle = train[name].median()
            train[name], test[name] = train[name].fillna(middle), test[name].fillna(middle)
    return train, test


def lgbm(x: Frame, y: Any, test: Frame) -> Any:
    from lightgbm import LGBMClassifier  # type: ignore[import-not-found]

    return LGBMClassifier(verbose=-1).fit(x, y).predict_proba(test)


def hgb(x: Frame, y: Any, test: Frame) -> Any:
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=SEED)
    return model.fit(x, y).predict_proba(test)


def skmlp(x: Frame, y: Any, test: Frame) -> Any:
    text = words(x)
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), [name for name in x if name not in text]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), text),
    )
    return make_pipeline(columns, MLPClassifier(early_stopping=True, random_state=SEED)).fit(x, y).predict_proba(test)


def realmlp(x: Frame, y: Any, test: Frame) -> Any:
    from pytabkit import RealMLP_TD_Classifier  # type: ignore[import-not-found]

    x, test = gaps_filled(x, test)
    threads = int(os.environ.get("OMP_NUM_THREADS", 2))
    return RealMLP_TD_Classifier(device="cpu", random_state=SEED, n_threads=threads).fit(x, y).predict_proba(test)


def fastai(x: Frame, y: Any, test: Frame) -> Any:
    from fastai.data.block import CategoryBlock  # type: ignore[import-not-found]
    from fastai.tabular.all import (  # type: ignore[import-not-found]
        Categorify,
        FillMissing,
        Normalize,
        TabularDataLoaders,
        tabular_learner,
    )

    text = words(x)
    table = x.assign(answer=y)
    loaders = TabularDataLoaders.from_df(
        table,
        y_names="answer",
        y_block=CategoryBlock(),
        cat_names=text,
        cont_names=[name for name in x if name not in text],
        procs=[Categorify, FillMissing, Normalize],
        bs=256,
        device="cpu",
        seed=SEED,
    )
    learner = tabular_learner(loaders)
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(5)
        return learner.get_preds(dl=loaders.test_dl(test))[0].numpy()


def hgb_number(x: Frame, y: Any, test: Frame) -> Any:
    return HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=SEED).fit(x, y).predict(test)


def lgbm_number(x: Frame, y: Any, test: Frame) -> Any:
    from lightgbm import LGBMRegressor

    return LGBMRegressor(verbose=-1).fit(x, y).predict(test)


PEERS: dict[str, Callable[[Frame, Any, Frame], Any]] = {
    "lgbm": lgbm,
    "hgb": hgb,
    "skmlp": skmlp,
    "fastai": fastai,
    "realmlp": realmlp,
    "hgb_number": hgb_number,
    "lgbm_number": lgbm_number,
}


def measure(folder: Path, target: str, peer: str) -> dict[str, Any]:
    """Metrics of the test rows by what a peer learnt of the train rows."""
    train, test = (pd.read_csv(folder / f"{part}.csv") for part in ("train", "test"))
    y, truth = train.pop(target), test.pop(target)
    identifiers = [name for name in words(train) if train[name].nunique() > IDENTIFIER_SHARE * len(train)]
    train, test = train.drop(columns=identifiers), test.drop(columns=identifiers)
    names = {name: f"column_{place}" for place, name in enumerate(train)}  # LightGBM refuses some characters
    train, test = train.rename(columns=names), test.rename(columns=names)
    if peer != "fastai":
        train, test = with_categories(train, test)
    if peer.endswith("_number"):
        start = time.time()
        found = PEERS[peer](train, y, test)
        return {"rmse": root_mean_squared_error(truth, found), "seconds": time.time() - start}
    classes = sorted(y.astype(str).unique())
    ids = y.astype(str).map({name: place for place, name in enumerate(classes)}).to_numpy()
    start = time.time()
    p = np.asarray(PEERS[peer](train, ids, test), dtype=np.float64)
    seconds = time.time() - start
    p = p / p.sum(axis=1, keepdims=True)
    true = truth.astype(str).map({name: place for place, name in enumerate(classes)}).to_numpy()
    facts: dict[str, Any] = {
        "accuracy": accuracy_score(true, p.argmax(axis=1)),
        "log_loss": log_loss(true, p, labels=range(len(classes))),
    }
    if len(classes) == 2:
        facts["auroc"] = roc_auc_score(true, p[:, 1])
    return facts | {"seconds": seconds}


def main(folder: str, target: str, name: str, *peers: str) -> None:
    for peer in peers:
        try:
            facts: dict[str, Any] = {
                key: round(float(value), 5) for key, value in measure(Path(folder), target, peer).items()
            }
        except Exception as error:  # a peer that fails on a set is a result of the table
            facts = {"error": repr(error)[:300]}
        print(json.dumps({"set": name, "peer": peer} | facts), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
