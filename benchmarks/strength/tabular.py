"""Tables: `configs/mlp.yaml` on public sets, nothing set but the data and the seeds, among what users pick instead.

A set with test rows keeps them; another is split 80/20 (classes: stratified), seed 0, whatever the seed of the run; zoo
takes its validation rows from the train rows. `--ways zoo,plain_mlp` also trains the same config with one MLP in place
of the ensemble, `ft_transformer` a Transformer of the columns. The peers' figures lie in measured/peers.jsonl, one run
each, seed 0:
`benchmarks/peer_scripts/strength_of_tables.py` makes them of the same files, which `python -m benchmarks.strength.tabular DIR`
writes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.strength.bars import Bar
from benchmarks.strength.runs import Benchmark, csv_folder


@dataclass(frozen=True)
class Set:
    """A public set: its target, and whether that is a number."""

    target: str
    regression: bool = False


SETS = {
    "adult": Set("income"),
    "bank_marketing": Set("y"),
    "telco_churn": Set("Churn"),
    "credit_g": Set("class"),
    "letter": Set("lettr"),
    "spambase": Set("class"),
    "wine_quality": Set("quality"),
    "nursery": Set("class"),
    "california_housing": Set("median_house_value", regression=True),
    "diamonds": Set("price", regression=True),
}
CLASSES = tuple(name for name, one in SETS.items() if not one.regression)
NUMBERS = tuple(name for name, one in SETS.items() if one.regression)
PEERS = ("lgbm", "hgb", "skmlp", "fastai", "realmlp")
MINUTES = 3  # that a fit may take
WAYS = {"zoo": ["MLP"], "plain_mlp": ["MLP", "--model.ensemble", "1"], "ft_transformer": ["Transformer"]}


def words(name: str, way: str) -> Sequence[str]:
    """The default config, the family of the way, and what the target is."""
    one = SETS[name]
    family, *more = WAYS[way]
    model = f"{family}{'Regressor' if one.regression else 'Classifier'}"
    task = [] if one.regression else ["--data.task", "classification"]
    return ["--config", "configs/mlp.yaml", "--model", model, "--data.target", one.target, *task, *more]


def folder(name: str, files: Path) -> Path:
    return csv_folder(name, files, SETS[name].target, stratify=not SETS[name].regression)


BENCHMARK = Benchmark(
    name="tabular",
    about=__doc__,
    time="50 fits, up to 3 minutes each: about an hour and a half",
    sets=tuple(SETS),
    words=words,
    folder=folder,
    ways=tuple(WAYS),
    chosen=("zoo",),
    bars=(
        Bar("Tables: log loss", "tabular", CLASSES, "log_loss", PEERS, ranked=True, level=("lgbm",)),
        Bar("Tables: accuracy of adult", "tabular", ("adult",), peers=PEERS, limits={"adult": 0.868}),
        Bar("Tables: root mean squared error", "tabular", NUMBERS, "rmse", ("hgb", "lgbm"), rival="hgb"),
        Bar(
            "Tables: the ensemble beside one MLP, log loss",
            "tabular",
            CLASSES,
            "log_loss",
            ("plain_mlp", "ft_transformer"),
            ways=("plain_mlp", "ft_transformer"),
            rival="plain_mlp",
            needed=len(CLASSES) // 2 + 1,
        ),
        Bar(
            "Tables: seconds of the whole command (of peers: of fit and predict, on a machine with other work to do)",
            "tabular",
            CLASSES,
            "seconds",
            PEERS,
            limits=dict.fromkeys(CLASSES, 60.0 * MINUTES),
        ),
    ),
)
main = BENCHMARK.main

if __name__ == "__main__":
    for each in SETS:
        print(folder(each, Path(sys.argv[1])))
